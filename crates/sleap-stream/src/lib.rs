//! The camera side: frames out over WebRTC, poses in.
//!
//! ```text
//! capture thread -> queue -> encode thread -> line -> data channel
//!                (newest frame, or all)      (whole frames; away while the connection is lost)
//! data channel -> answers -> outputs, window, report
//! ```
//!
//! Every arrow is bounded, the one to outputs by what may be under way: while one of them is full no
//! frame leaves (`receive`), and nothing there waits for a disk or a reader. What has to wait waits before the encoder, where a live source drops
//! old frames and a file is simply read more slowly. `flow` says when the next frame may leave,
//! `adapt` how much of it; both are pure, as are `queue::Buffer`, `flight` and `latency`, and `sim`
//! runs them in virtual time. A lost connection is looked for again (`redial`); frames without an
//! answer are kept meanwhile (`flight`). A worker that answers nothing for too long loses the places of
//! its frames, then the stream (`deadline`).

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod command_line;
mod config;
mod connect;
mod report;
mod run;
mod send;
mod send_file;
#[cfg(test)]
mod sim;

pub use command_line::{Args, Command, SETTINGS, SendArgs, TrustArgs, command, run_command};
pub use config::Config;
pub use run::run_stream;
pub use send_file::{SendConfig, send as run_send_file};
