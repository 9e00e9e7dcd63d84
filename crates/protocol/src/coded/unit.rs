//! What is in a coded unit: a frame, or an answer.

use bytes::{Buf, BufMut, Bytes};
use thiserror::Error;

use crate::error::DecodeError;
use crate::frame::Frame;
use crate::limits::Limits;
use crate::message::{Message, Payload};

/// Bytes before the text: the checksum, and the length of the text.
pub(super) const HEAD_BYTES: usize = 8;

/// What is sent in shards: a text message, and the bytes that it announces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodedUnit {
    /// The announcement of a frame, or an answer.
    pub text: String,
    /// The bytes of a frame; none with an answer.
    pub data: Bytes,
}

/// What a unit that arrived carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Carried {
    /// A whole frame.
    Frame(Frame),
    /// An answer to a frame.
    Answer(Box<Message>),
}

/// Why a unit that arrived is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CarriedError {
    /// Its text cannot be read.
    #[error(transparent)]
    Text(#[from] DecodeError),
    /// It has another number of bytes than its text announces.
    #[error("{found} bytes arrived where {announced} were announced")]
    Bytes {
        /// As announced; 0 with an answer.
        announced: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// Neither a frame nor an answer: everything else keeps its place in the reliable channel.
    #[error("{kind} is not sent in shards")]
    Kind {
        /// What the text is.
        kind: &'static str,
    },
}

impl CodedUnit {
    /// A frame. Its bytes are not copied.
    pub fn of_frame(frame: &Frame) -> Self {
        Self {
            text: frame.meta.to_string(),
            data: frame.data.clone(),
        }
    }

    /// An answer; `None` for every other message.
    pub fn of_answer(message: &Message) -> Option<Self> {
        if !is_answer(message) {
            return None;
        }
        match message.encode() {
            Payload::Text(text) => Some(Self {
                text,
                data: Bytes::new(),
            }),
            Payload::Binary(_) => None,
        }
    }

    /// Bytes of the content that is cut into shards.
    pub(super) fn content_bytes(&self) -> usize {
        HEAD_BYTES
            .saturating_add(self.text.len())
            .saturating_add(self.data.len())
    }

    /// The content of the unit with this number: checksum of the number and of what follows it, length of
    /// the text, text, data. Its length must fit 24 bits.
    pub(super) fn content(&self, number: u32) -> Vec<u8> {
        let mut content = Vec::with_capacity(self.content_bytes());
        content.put_u32(0);
        content.put_u32(self.text.len() as u32);
        content.put_slice(self.text.as_bytes());
        content.put_slice(&self.data);
        let checksum = checksum(number, &content[4..]);
        content[..4].copy_from_slice(&checksum.to_be_bytes());
        content
    }

    /// Reads the content of the unit with this number. `None`: it is not what was sent.
    pub(super) fn from_content(number: u32, mut content: Bytes) -> Option<Self> {
        let sent = content.try_get_u32().ok()?;
        if checksum(number, &content) != sent {
            return None;
        }
        let text_bytes = usize::try_from(content.try_get_u32().ok()?).ok()?;
        if text_bytes > content.len() {
            return None;
        }
        let text = content.split_to(text_bytes);
        let text = std::str::from_utf8(&text).ok()?.to_owned();
        Some(Self {
            text,
            data: content,
        })
    }

    /// Reads the unit's text, and checks it against `limits` and the bytes.
    pub fn carried(self, limits: &Limits) -> Result<Carried, CarriedError> {
        let found = self.data.len() as u64;
        let (message, announced) = match Message::from_text(&self.text, limits)? {
            Message::FrameMeta(meta) if meta.nbytes == found => {
                let data = self.data;
                return Ok(Carried::Frame(Frame { meta, data }));
            }
            Message::FrameMeta(meta) => (None, meta.nbytes),
            message if is_answer(&message) => (Some(message), 0),
            message => {
                return Err(CarriedError::Kind {
                    kind: message.kind(),
                });
            }
        };
        match message {
            Some(message) if found == 0 => Ok(Carried::Answer(Box::new(message))),
            _ => Err(CarriedError::Bytes { announced, found }),
        }
    }
}

fn checksum(number: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_be_bytes());
    hasher.update(rest);
    hasher.finalize()
}

/// Messages about one frame, which may come in any order.
fn is_answer(message: &Message) -> bool {
    matches!(
        message,
        Message::Prediction(_) | Message::FrameReceived(_) | Message::Error(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::{FrameError, FrameReceived};

    fn unit(text: &str, data: &'static [u8]) -> CodedUnit {
        CodedUnit {
            text: text.to_owned(),
            data: Bytes::from_static(data),
        }
    }

    #[test]
    fn frames_and_answers_come_back_as_they_were() {
        let limits = Limits::default();
        let carried = unit("FRAME_META::7:2:3:1:uint8:6", b"abcdef").carried(&limits);
        let Ok(Carried::Frame(frame)) = carried else {
            panic!("{carried:?}");
        };
        let again = CodedUnit::of_frame(&frame);
        assert_eq!(again, unit("FRAME_META::7:2:3:1:uint8:6", b"abcdef"));

        for answer in [
            Message::FrameReceived(FrameReceived::default()),
            Message::Error(FrameError::default()),
        ] {
            let coded = CodedUnit::of_answer(&answer).unwrap();
            let content = CodedUnit::from_content(3, coded.content(3).into()).unwrap();
            assert_eq!(
                content.carried(&limits).unwrap(),
                Carried::Answer(Box::new(answer))
            );
        }
    }

    #[test]
    fn what_is_neither_frame_nor_answer_is_refused() {
        let refusal = |text, data| {
            let carried = unit(text, data).carried(&Limits::default());
            carried.unwrap_err().to_string()
        };
        assert_eq!(CodedUnit::of_answer(&Message::KeepAlive), None);
        assert_eq!(
            refusal("STREAM_END::", b""),
            "unknown is not sent in shards"
        );
        assert_eq!(
            refusal(r#"{"type":"STREAM_END"}"#, b""),
            "STREAM_END is not sent in shards"
        );
        assert_eq!(
            refusal("FRAME_META::7:2:3:1:uint8:6", b"abcde"),
            "5 bytes arrived where 6 were announced"
        );
        assert_eq!(
            refusal(r#"{"type":"FRAME_RECEIVED","frame_id":1}"#, b"a"),
            "1 bytes arrived where 0 were announced"
        );
        assert!(refusal("FRAME_META::7", b"").contains("FRAME_META"));
    }

    #[test]
    fn a_content_that_was_changed_is_not_read() {
        let content = unit("FRAME_META::7:2:3:1:uint8:6", b"abcdef").content(3);
        assert!(CodedUnit::from_content(3, content.clone().into()).is_some());
        assert_eq!(CodedUnit::from_content(4, content.clone().into()), None);
        for at in 0..content.len() {
            let mut changed = content.clone();
            changed[at] ^= 4;
            assert_eq!(
                CodedUnit::from_content(3, changed.into()),
                None,
                "byte {at}"
            );
        }
        assert_eq!(CodedUnit::from_content(3, Bytes::new()), None);
    }
}
