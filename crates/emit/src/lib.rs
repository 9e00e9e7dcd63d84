#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod counts;
mod datagram;
mod emitter;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod json;
mod osc;
mod target;
mod topics;
mod zmq;

pub use counts::{Counts, Emitted};
pub use emitter::{Emitter, OpenError, Stream};
pub use target::{Form, Target, TargetError};
