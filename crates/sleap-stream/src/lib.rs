//! The camera side: frames out over WebRTC, poses in.
//!
//! ```text
//! capture thread -> queue -> encode thread -> uplink -> data channel
//!                (newest frame, or all)    (complete frames; none while the connection is lost)
//! data channel -> results -> rules, outputs, window, report
//! ```
//!
//! Every arrow is bounded, the one to outputs by the frames in flight: while an output is full no
//! frame leaves (`run::receive`), and nothing there waits for a disk or a reader. Frames wait before
//! the encoder, where a live source drops old ones and a file is simply read more slowly.
//!
//! `send::in_flight` is the ledger of frames without a result; with `send::flow` it decides when the
//! next frame may leave, `send::adapt` decides how many bytes it has. Both are pure, as are
//! `send::queue::FrameBuffer`, `send::deadline` and `send::latency`, and `sim` runs them in virtual time.
//! After a lost connection `connect::reconnect` finds the worker again; frames without a result are
//! kept meanwhile. A worker that returns no result for too long loses the slots of its frames, then the
//! stream (`send::deadline`).
//!
//! Modules use those on lower lines only:
//!
//! ```text
//! pushed         a stream whose frames a program hands in
//! command_line   options, settings, subcommands
//! optical        a clock that a camera looks at
//! run send_file  a stream; a file that is sent
//! config         what a stream is to do
//! metrics        numbers for Prometheus
//! report         progress, JSON events, summary
//! connect send   the worker and the connection; the sending half
//! moments        which frames of several cameras belong together
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod command_line;
mod config;
mod connect;
mod metrics;
mod moments;
mod optical;
mod pushed;
mod report;
mod run;
mod send;
mod send_file;
#[cfg(test)]
mod sim;

pub use command_line::{
    Args, Command, PushedConfig, SETTINGS, SendArgs, TrustArgs, command, print_version, run_command,
};
pub use config::{Config, RunConfig};
pub use pushed::{
    ConnectedWorker, FrameOutcome, FramePoses, FrameTooLarge, PushError, PushedFrame, PushedStream,
    ResultUse, StreamOutcome, Ticket,
};
pub use run::run_stream;
pub use send_file::{SendConfig, send as run_send_file};
