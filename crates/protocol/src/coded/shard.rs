//! One shard as it stands on the wire.

use std::fmt;

use bytes::{Buf, BufMut, Bytes};
use thiserror::Error;

/// Bytes of a shard's message, header included, that SCTP puts into one packet which every path carries.
pub const SHARD_MESSAGE_BYTES: usize = 1160;

/// Bytes of the longest message that a unit is cut into where nothing is lost, header included.
pub const WIDE_SHARD_MESSAGE_BYTES: usize = 48 << 10;

/// Most bytes of a shard's message that a receiver takes.
pub const MAX_SHARD_MESSAGE_BYTES: usize = WIDE_SHARD_MESSAGE_BYTES;

/// Bytes of the header before a shard's payload.
pub const SHARD_HEADER_BYTES: usize = 11;

/// Most bytes of a unit that is sent as shards: their number has 24 bits.
pub const MAX_CODED_BYTES: usize = (1 << 24) - 1;

/// The first byte of each shard: in no text, and of this form of shards only.
const MAGIC: u8 = 0xf5;

/// What stands before a shard's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardHeader {
    /// Counts the units of one direction, from 0; after the largest number it is 0 again.
    pub unit: u32,
    /// Which shard of the unit: first the data shards, then the parity shards.
    pub index: u16,
    /// Parity shards of each block of the unit.
    pub parity: u8,
    /// Bytes of the unit's content, without the zeros that fill its last data shard.
    pub content_bytes: u32,
}

impl ShardHeader {
    /// Appends the eleven bytes of the header.
    pub(super) fn write(&self, wire: &mut Vec<u8>) {
        wire.put_u8(MAGIC);
        wire.put_u8(self.parity);
        wire.put_u32(self.unit);
        wire.put_u16(self.index);
        wire.put_uint(u64::from(self.content_bytes), 3);
    }
}

/// One shard: a packet's worth of a unit, or some packets' where nothing is lost.
#[derive(Clone, PartialEq, Eq)]
pub struct Shard {
    /// What it belongs to.
    pub header: ShardHeader,
    /// Its bytes, as many as those of every other shard of the unit.
    pub payload: Bytes,
}

/// Why a message is no shard.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShardError {
    /// There is nothing behind the header, or not all of the header.
    #[error("a shard of {bytes} bytes, {SHARD_HEADER_BYTES} are its header")]
    TooShort {
        /// Bytes of the message.
        bytes: usize,
    },
    /// It does not begin as a shard does.
    #[error("a message that begins with {found:#04x} is no shard")]
    Magic {
        /// Its first byte.
        found: u8,
    },
    /// It is longer than a shard may be.
    #[error("a shard of {bytes} bytes, at most {MAX_SHARD_MESSAGE_BYTES} are accepted")]
    TooLong {
        /// Bytes of the message.
        bytes: usize,
    },
}

impl TryFrom<Bytes> for Shard {
    type Error = ShardError;

    /// Reads a message. The payload is a slice of it: nothing is copied.
    fn try_from(mut wire: Bytes) -> Result<Self, ShardError> {
        let bytes = wire.len();
        match wire.first() {
            Some(&found) if found != MAGIC => return Err(ShardError::Magic { found }),
            _ if bytes <= SHARD_HEADER_BYTES => return Err(ShardError::TooShort { bytes }),
            _ if bytes > MAX_SHARD_MESSAGE_BYTES => return Err(ShardError::TooLong { bytes }),
            _ => wire.advance(1),
        }
        let parity = wire.get_u8();
        let unit = wire.get_u32();
        let index = wire.get_u16();
        // Three bytes.
        let content_bytes = wire.get_uint(3) as u32;
        let header = ShardHeader {
            unit,
            index,
            parity,
            content_bytes,
        };
        Ok(Self {
            header,
            payload: wire,
        })
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("header", &self.header)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_shard_is_told() {
        let read = |bytes: &[u8]| Shard::try_from(Bytes::copy_from_slice(bytes)).unwrap_err();
        assert_eq!(read(b""), ShardError::TooShort { bytes: 0 });
        assert_eq!(read(&[MAGIC]), ShardError::TooShort { bytes: 1 });
        assert_eq!(read(&[MAGIC; 11]), ShardError::TooShort { bytes: 11 });
        assert_eq!(read(b"KEEP_ALIVE"), ShardError::Magic { found: b'K' });
        let bytes = MAX_SHARD_MESSAGE_BYTES + 1;
        assert_eq!(read(&vec![MAGIC; bytes]), ShardError::TooLong { bytes });
    }
}
