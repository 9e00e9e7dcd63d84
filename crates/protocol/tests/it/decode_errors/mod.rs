//! What is refused, and with which numbers.

mod frames;
mod json;
mod text;

use bytes::Bytes;
use protocol::{DecodeError, FileNameError, Limits, Message, MetaError, ShapeError};

fn refuse(text: &str) -> DecodeError {
    refuse_with(text, Limits::default())
}

fn refuse_with(text: &str, limits: Limits) -> DecodeError {
    match Message::from_text(text, &limits) {
        Err(error) => error,
        Ok(message) => panic!("{text:?} was read as {message:?}"),
    }
}
