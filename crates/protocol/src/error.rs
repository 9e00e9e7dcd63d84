//! Why a message could not be decoded.

use thiserror::Error;

use crate::frame_meta::{FrameId, MetaError};
use crate::prediction::ShapeError;
use crate::transfer::FileNameError;
use crate::words;

/// Why a message could not be decoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A text message is longer than [`Limits::max_text_bytes`](crate::Limits::max_text_bytes).
    #[error("text message of {bytes} bytes, at most {max} are accepted")]
    TextTooLong { bytes: usize, max: usize },
    /// A binary message is longer than [`Limits::max_chunk_bytes`](crate::Limits::max_chunk_bytes).
    #[error("binary message of {bytes} bytes, at most {max} are accepted")]
    ChunkTooLarge { bytes: usize, max: usize },
    /// A batch, declared by `word`, is larger than [`Limits::max_batch`](crate::Limits::max_batch).
    #[error("{word} declares a batch of {declared} frames, at most {max} are accepted")]
    BatchTooLarge {
        word: &'static str,
        declared: u32,
        max: u32,
    },
    /// A text that begins like JSON is not JSON, or a known JSON message has a wrong key.
    #[error("malformed JSON message {kind}: {source}")]
    Json {
        /// The message's `type` where it is known, otherwise `"of unknown type"`.
        kind: &'static str,
        /// The frame that an answer is about, where that much could be read.
        frame_id: Option<FrameId>,
        source: serde_json::Error,
    },
    /// A `PREDICTION` whose arrays do not fit each other.
    #[error("PREDICTION of frame {frame_id}: {source}")]
    Shape {
        frame_id: FrameId,
        source: ShapeError,
    },
    /// A `FRAME_META` that is malformed, inconsistent or over the limits.
    #[error("FRAME_META refused: {source}")]
    FrameMeta {
        /// The frame that it announced, where that much could be read.
        frame_id: Option<FrameId>,
        source: MetaError,
    },
    /// A text message has fewer fields than its form asks for.
    #[error("{word} has {found} fields, at least {expected} are needed")]
    MissingFields {
        word: &'static str,
        expected: usize,
        found: usize,
    },
    /// A field is not what its form asks for. `text` is cut to a short excerpt.
    #[error("{word}: {text:?} is not a valid {field}")]
    Field {
        word: &'static str,
        field: &'static str,
        text: String,
    },
    /// A file name that must not be used.
    #[error("{word}: {source}")]
    FileName {
        word: &'static str,
        source: FileNameError,
    },
}

impl DecodeError {
    /// The frame that the refused message was about, where that much could be read.
    pub fn frame_id(&self) -> Option<FrameId> {
        match self {
            DecodeError::FrameMeta { frame_id, .. } | DecodeError::Json { frame_id, .. } => {
                *frame_id
            }
            DecodeError::Shape { frame_id, .. } => Some(*frame_id),
            _ => None,
        }
    }

    /// The word of the refused message, if it belongs to the transfer of a file.
    pub fn transfer_word(&self) -> Option<&'static str> {
        let word = match self {
            DecodeError::Field { word, .. }
            | DecodeError::MissingFields { word, .. }
            | DecodeError::FileName { word, .. } => *word,
            _ => return None,
        };
        let is_transfer = word.starts_with("FILE_UPLOAD_") || word == words::FILE_META;
        is_transfer.then_some(word)
    }

    /// Whether the refused message was a part of a frame: its announcement, a chunk or its end.
    pub(crate) fn is_part_of_a_frame(&self) -> bool {
        match self {
            DecodeError::FrameMeta { .. } | DecodeError::ChunkTooLarge { .. } => true,
            DecodeError::Field { word, .. } => *word == words::FRAME_END,
            _ => false,
        }
    }
}
