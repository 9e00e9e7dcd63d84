//! Predictions to files, as they come.
//!
//! ```text
//! Outputs::write -> bounded queue -> thread -> Slp | Csv | JsonLines     (one queue and thread a file)
//! ```
//!
//! Each output has a thread of its own, so that a slow disk delays neither whoever predicts nor
//! another output. A queue that is full makes [`Outputs::write`] wait: nothing that was predicted
//! is left out. [`Outputs::has_room`] says before whether it will.
//!
//! What was written [`FLUSH_BY`] ago is with the operating system: a process that is killed at any
//! moment leaves files that open and hold every prediction up to the last second. A machine that
//! loses power may lose more.
//!
//! | file | form |
//! |---|---|
//! | `.slp` | SLEAP's labels ([`slp`]): skeleton, video, tracks, predicted instances with scores |
//! | `.csv` | the columns of sleap-io's `instances` format; frames without instances have no row |
//! | `.jsonl`, `-` | one [`Record`] a line, as JSON |

mod create;
mod csv;
mod error;
mod header;
mod jsonl;
mod lines;
mod outputs;
mod record;
pub mod slp;
mod thread;

pub use create::check_free;
pub use error::{CreateError, OutputError, WriteError};
pub use header::{Header, Video};
pub use outputs::{Format, Outputs};
pub use record::{Latency, Record};
pub use thread::FLUSH_BY;

/// A form in which records are written.
pub(crate) trait Sink {
    /// Takes a record; it need not be with the operating system yet.
    fn write(&mut self, record: &Record) -> Result<(), WriteError>;

    /// Hands everything taken so far to the operating system.
    fn flush(&mut self) -> Result<(), WriteError>;

    /// Bytes that a flush would write.
    fn waiting(&self) -> usize;

    /// Whether a flush would waste nothing at this moment.
    fn is_even(&self) -> bool {
        true
    }
}
