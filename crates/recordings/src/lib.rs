//! Predictions to files, as they come.
//!
//! ```text
//! Outputs::write -> queue -> thread -> Slp | Csv | JsonLines     (one queue and thread a file)
//! ```
//!
//! Each output has a thread of its own, so that a slow disk delays neither whoever predicts nor
//! another output. Nothing waits and nothing that was predicted is left out: a queue that is full
//! ([`Outputs::has_room`]) still takes what is under way, and whoever predicts is to begin nothing
//! new before there is room. A record that a form cannot hold is skipped there, and counted.
//!
//! What was written [`FLUSH_BY`] ago is with the operating system: a process that is killed at any
//! moment leaves files that open and hold every prediction up to the last second; text may end in
//! part of a line. A machine that loses power may lose more.
//!
//! A file that came to hold no record at all does not stay: it would look like a result.
//!
//! | file | form |
//! |---|---|
//! | `.slp` | SLEAP's labels ([`slp`]): skeleton, video, tracks, predicted instances with scores |
//! | `.csv` | the columns of sleap-io's `instances` format; frames without instances have no row |
//! | `.jsonl`, `-` | one [`Record`] a line, as JSON |

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod create;
mod csv;
mod error;
mod format;
mod header;
mod jsonl;
mod lines;
mod outputs;
mod record;
mod sink;
pub mod slp;
mod thread;

pub use create::{check_all_free, check_free};
pub use error::{CreateError, OutputError, WriteError};
pub use format::{FORMS, Format};
pub use header::{Header, Video};
pub use outputs::{Finished, Outputs, Patience};
pub use record::{Latency, Record};
pub use thread::FLUSH_BY;
