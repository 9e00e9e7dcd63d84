//! A whole frame, and how it is cut into messages.

use std::fmt;

use bytes::Bytes;

use crate::frame_meta::{FrameMeta, MetaError};
use crate::limits::Limits;
use crate::message::Message;
use crate::names::KEEP_ALIVE;

/// A whole frame: its announcement and its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its announcement.
    pub meta: FrameMeta,
    /// Its bytes, as many as announced.
    pub data: Bytes,
}

impl Frame {
    /// A frame of `data`; sets `meta.nbytes` and checks raw data against the dimensions.
    pub fn new(mut meta: FrameMeta, data: Bytes) -> Result<Self, MetaError> {
        meta.nbytes = data.len() as u64;
        let own_size = Limits {
            max_frame_bytes: u64::MAX,
            max_width: u32::MAX,
            max_height: u32::MAX,
            ..Limits::default()
        };
        meta.check(&own_size)?;
        Ok(Self { meta, data })
    }

    /// The frame as it goes over the wire: announcement, chunks of at most `chunk_bytes` bytes, end.
    ///
    /// Chunks are slices of [`data`](Self::data): no byte is copied. A chunk that would read as
    /// the keep-alive message is cut in two.
    pub fn messages(&self, chunk_bytes: usize) -> impl Iterator<Item = Message> + '_ {
        let chunks = Chunks {
            rest: self.data.clone(),
            chunk_bytes: chunk_bytes.max(1),
        };
        std::iter::once(Message::FrameMeta(self.meta.clone()))
            .chain(chunks.map(Message::Chunk))
            .chain(std::iter::once(Message::FrameEnd(self.meta.frame_id)))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("meta", &self.meta)
            .field("data", &format_args!("{} bytes", self.data.len()))
            .finish()
    }
}

struct Chunks {
    rest: Bytes,
    chunk_bytes: usize,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        let mut len = self.chunk_bytes.min(self.rest.len());
        if self.rest[..len] == *KEEP_ALIVE {
            len /= 2;
        }
        Some(self.rest.split_to(len))
    }
}
