//! The bytes of the frame in progress.

use std::collections::TryReserveError;

use bytes::Bytes;

/// A frame of up to this size gets its whole buffer with its first chunk: raw 1080p BGR is 6.2 MB.
pub(crate) const FIRST_RESERVE: usize = 8 << 20;

/// A larger frame gets its buffer in steps, each this many times what has arrived.
const GROWTH: usize = 4;

/// Never allocates more than the larger of [`FIRST_RESERVE`] and [`GROWTH`] times what has arrived,
/// nor more than the frame needs: the announcement of a frame alone takes no memory.
pub(crate) enum FrameBody {
    Empty,
    /// One chunk was the whole frame: passed on without a copy.
    Whole(Bytes),
    Copied(Vec<u8>),
}

impl FrameBody {
    pub(crate) fn len(&self) -> usize {
        match self {
            FrameBody::Empty => 0,
            FrameBody::Whole(data) => data.len(),
            FrameBody::Copied(buffer) => buffer.len(),
        }
    }

    /// Bytes of memory that are held.
    pub(crate) fn allocated(&self) -> usize {
        match self {
            FrameBody::Copied(buffer) => buffer.capacity(),
            other => other.len(),
        }
    }

    /// Appends `chunk`, which is not empty, to a frame of `total` bytes. The caller has checked that it fits.
    pub(crate) fn append(&mut self, chunk: Bytes, total: usize) -> Result<(), TryReserveError> {
        match self {
            FrameBody::Empty if chunk.len() == total => *self = FrameBody::Whole(chunk),
            FrameBody::Empty => {
                let mut buffer = Vec::new();
                copy(&mut buffer, &chunk, total)?;
                *self = FrameBody::Copied(buffer);
            }
            FrameBody::Copied(buffer) => copy(buffer, &chunk, total)?,
            // A whole frame has no room: no chunk fits behind it.
            FrameBody::Whole(_) => {}
        }
        Ok(())
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            FrameBody::Empty => Bytes::new(),
            FrameBody::Whole(data) => data,
            FrameBody::Copied(buffer) => Bytes::from(buffer),
        }
    }
}

fn copy(buffer: &mut Vec<u8>, chunk: &[u8], total: usize) -> Result<(), TryReserveError> {
    let needed = buffer.len() + chunk.len();
    if needed > buffer.capacity() {
        let capacity = needed.saturating_mul(GROWTH).max(FIRST_RESERVE).min(total);
        buffer.try_reserve_exact(capacity - buffer.len())?;
    }
    buffer.extend_from_slice(chunk);
    Ok(())
}
