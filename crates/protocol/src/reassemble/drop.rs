//! Why a frame is lost.

use thiserror::Error;

use crate::frame_meta::{FrameId, MetaError};

/// A frame that will not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The frame; `None` where its number is not known.
    pub frame_id: Option<FrameId>,
    /// Why it is lost.
    pub reason: DropReason,
}

/// Why a frame is lost. Numbers are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DropReason {
    /// Its end came too early.
    #[error("{received} of {expected} bytes arrived")]
    Incomplete {
        /// Bytes that arrived.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// More bytes came than were announced.
    #[error("{received} bytes arrived where {expected} were announced")]
    Overrun {
        /// Bytes that arrived, those beyond the announced number included.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// The end of another frame came.
    #[error("frame {ended} ended instead, after {received} of {expected} bytes")]
    EndMismatch {
        /// The frame whose end came.
        ended: FrameId,
        /// Bytes that arrived.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// Another frame was announced before its end.
    #[error("frame {by} began after {received} of {expected} bytes")]
    Superseded {
        /// The frame that was announced.
        by: FrameId,
        /// Bytes that arrived.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// Chunks came without an announcement.
    #[error("{bytes} bytes arrived without an announcement")]
    OrphanChunks {
        /// Bytes that arrived.
        bytes: u64,
    },
    /// An end came without an announcement and without chunks.
    #[error("its end arrived without an announcement")]
    OrphanEnd,
    /// Its announcement is inconsistent or over the limits.
    #[error("refused: {0}")]
    Refused(MetaError),
    /// A chunk is larger than the limits allow.
    #[error("a chunk of {bytes} bytes, at most {max} are accepted")]
    ChunkTooLarge {
        /// Bytes of the chunk.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// There is no memory for it.
    #[error("no memory for {bytes} bytes")]
    OutOfMemory {
        /// Bytes of the frame.
        bytes: u64,
    },
    /// The receiver abandoned it, after a message that could not be decoded or at a reset.
    #[error("given up after {received} of {expected} bytes")]
    Abandoned {
        /// Bytes that arrived.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
    },
}
