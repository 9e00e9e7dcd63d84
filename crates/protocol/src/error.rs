//! Why a message could not be decoded.

use thiserror::Error;

use crate::frame_meta::{FrameId, MetaError};
use crate::names;
use crate::prediction::ShapeError;
use crate::rule_view::RuleViewError;
use crate::transfer::FileNameError;

/// Why a message could not be decoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A text message is longer than [`Limits::max_text_bytes`](crate::Limits::max_text_bytes).
    #[error("text message of {bytes} bytes, at most {max} are accepted")]
    TextTooLong {
        /// Bytes of the message.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A binary message is longer than [`Limits::max_chunk_bytes`](crate::Limits::max_chunk_bytes).
    #[error("binary message of {bytes} bytes, at most {max} are accepted")]
    ChunkTooLarge {
        /// Bytes of the message.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A batch, declared by `word`, is larger than [`Limits::max_batch`](crate::Limits::max_batch).
    #[error("{word} declares a batch of {declared} frames, at most {max} are accepted")]
    BatchTooLarge {
        /// The message's name.
        word: &'static str,
        /// Frames that it declares.
        declared: u32,
        /// The limit.
        max: u32,
    },
    /// A text that begins like JSON is not JSON, or a known JSON message has a wrong key.
    #[error("malformed JSON message {kind}: {source}")]
    Json {
        /// The message's `type` where it is known, otherwise `"of unknown type"`.
        kind: &'static str,
        /// The frame of the message, where it could be read.
        frame_id: Option<FrameId>,
        /// Where and what.
        source: serde_json::Error,
    },
    /// A `PREDICTION` whose arrays do not fit each other.
    #[error("PREDICTION of frame {frame_id}: {source}")]
    Shape {
        /// The frame.
        frame_id: FrameId,
        /// Which array.
        source: ShapeError,
    },
    /// A message about rules that is too large, or has names or zones that cannot be shown.
    #[error("{word} refused: {source}")]
    Rules {
        /// The message's name.
        word: &'static str,
        /// Why.
        source: RuleViewError,
    },
    /// A `FRAME_META` that is malformed, inconsistent or over the limits.
    #[error("FRAME_META refused: {source}")]
    FrameMeta {
        /// The frame that it announced, where that much could be read.
        frame_id: Option<FrameId>,
        /// Why.
        source: MetaError,
    },
    /// A text message has fewer fields than its form has.
    #[error("{word} has {found} fields, at least {expected} are needed")]
    MissingFields {
        /// The message's name.
        word: &'static str,
        /// Fields that it needs.
        expected: usize,
        /// Fields that there are.
        found: usize,
    },
    /// A field is not of the form that the message has.
    #[error("{word}: {text:?} is not a valid {field}")]
    Field {
        /// The message's name.
        word: &'static str,
        /// What the field is.
        field: &'static str,
        /// A short excerpt of it.
        text: String,
    },
    /// A file name that must not be used.
    #[error("{word}: {source}")]
    FileName {
        /// The message's name.
        word: &'static str,
        /// Why.
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

    /// The name of the refused message, if it belongs to the transfer of a file.
    pub fn transfer_word(&self) -> Option<&'static str> {
        let word = match self {
            DecodeError::Field { word, .. }
            | DecodeError::MissingFields { word, .. }
            | DecodeError::FileName { word, .. } => *word,
            _ => return None,
        };
        let is_transfer = word.starts_with("FILE_UPLOAD_") || word == names::FILE_META;
        is_transfer.then_some(word)
    }

    /// Whether the refused message was a part of a frame: its announcement, a chunk or its end.
    pub(crate) fn is_part_of_a_frame(&self) -> bool {
        match self {
            DecodeError::FrameMeta { .. } | DecodeError::ChunkTooLarge { .. } => true,
            DecodeError::Field { word, .. } => *word == names::FRAME_END,
            _ => false,
        }
    }
}
