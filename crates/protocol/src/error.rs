//! Why a message, or the announcement of a frame, is refused.

use thiserror::Error;

use crate::{FileNameError, FrameId};

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
        let is_transfer =
            word.starts_with("FILE_UPLOAD_") || word == crate::message::words::FILE_META;
        is_transfer.then_some(word)
    }

    /// Whether the refused message was a part of a frame: its announcement, a chunk or its end.
    pub(crate) fn is_part_of_a_frame(&self) -> bool {
        match self {
            DecodeError::FrameMeta { .. } | DecodeError::ChunkTooLarge { .. } => true,
            DecodeError::Field { word, .. } => *word == crate::message::words::FRAME_END,
            _ => false,
        }
    }
}

/// Why the announcement of a frame is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetaError {
    #[error("{found} fields, at least 6 are needed")]
    MissingFields { found: usize },
    /// Not a plain decimal number in the field's range. `text` is cut to a short excerpt.
    #[error("{text:?} is not a valid {field}")]
    Number { field: &'static str, text: String },
    #[error("dtype {found:?} is not one of uint8, uint16, jpeg")]
    Encoding { found: String },
    #[error("{channels} channels, only 1, 3 and 4 are accepted")]
    Channels { channels: u8 },
    #[error("an empty frame: {width}x{height}, {nbytes} bytes")]
    Empty {
        width: u32,
        height: u32,
        nbytes: u64,
    },
    #[error("{width}x{height} pixels, at most {max_width}x{max_height} are accepted")]
    Dimensions {
        width: u32,
        height: u32,
        max_width: u32,
        max_height: u32,
    },
    #[error("{nbytes} bytes, at most {max} are accepted")]
    TooLarge { nbytes: u64, max: u64 },
    /// A raw frame whose byte count is not height x width x channels x sample size.
    #[error("{nbytes} bytes announced, but the dimensions make {expected}")]
    SizeMismatch { nbytes: u64, expected: u64 },
}

/// Arrays of a prediction that do not fit each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{array} has {found} entries where instances has {expected}")]
pub struct ShapeError {
    /// The array that does not fit.
    pub array: &'static str,
    pub found: usize,
    pub expected: usize,
}

/// A short excerpt of a peer's text for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    text.chars().take(MAX_CHARS).collect()
}
