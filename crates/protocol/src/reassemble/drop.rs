//! Why a frame is lost.

use thiserror::Error;

use crate::frame_meta::{FrameId, MetaError};

/// A frame that will not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The frame; `None` where it is not known which one.
    pub frame_id: Option<FrameId>,
    pub reason: DropReason,
}

/// Why a frame is lost. Numbers are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DropReason {
    /// Its end came too early.
    #[error("{received} of {expected} bytes arrived")]
    Incomplete { received: u64, expected: u64 },
    /// More came than was announced. `received` includes the chunk that was too much.
    #[error("{received} bytes arrived where {expected} were announced")]
    Overrun { received: u64, expected: u64 },
    /// The end of another frame came.
    #[error("frame {ended} ended instead, after {received} of {expected} bytes")]
    EndMismatch {
        ended: FrameId,
        received: u64,
        expected: u64,
    },
    /// Another frame was announced before its end.
    #[error("frame {by} began after {received} of {expected} bytes")]
    Superseded {
        by: FrameId,
        received: u64,
        expected: u64,
    },
    /// Chunks came without an announcement.
    #[error("{bytes} bytes arrived without an announcement")]
    OrphanChunks { bytes: u64 },
    /// An end came without an announcement and without chunks.
    #[error("its end arrived without an announcement")]
    OrphanEnd,
    /// Its announcement is inconsistent or over the limits.
    #[error("refused: {0}")]
    Refused(MetaError),
    /// A chunk is larger than the limits allow.
    #[error("a chunk of {bytes} bytes, at most {max} are accepted")]
    ChunkTooLarge { bytes: u64, max: u64 },
    /// There is no memory for it.
    #[error("no memory for {bytes} bytes")]
    OutOfMemory { bytes: u64 },
    /// The receiver gave it up, after a message that could not be decoded or at a reset.
    #[error("given up after {received} of {expected} bytes")]
    Abandoned { received: u64, expected: u64 },
}
