//! Sending: whole units, in order, over one lane or several.

mod error;
mod open_lanes;
mod sender;
mod splitter;
mod task;
mod writer;

pub use error::SendError;
pub use sender::Sender;
