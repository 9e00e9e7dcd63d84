#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]
#![warn(missing_docs)]

mod counts;
mod datagram;
mod emitter;
mod event;
mod event_message;
mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod json;
mod lsl;
mod osc;
mod serial;
mod target;
mod topics;
mod zmq;

pub use counts::{EmitCounts, TargetCounts};
pub use emitter::{Emitter, ONLY_STREAM, OpenTargetError, StreamInfo, StreamKey, now_us};
pub use event::EventSender;
pub use event_message::EventMessage;
pub use frame::EmittedFrame;
pub use serial::SerialSender;
pub use target::{OscLayout, Target, TargetError};
