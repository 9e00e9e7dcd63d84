//! Writes predictions to files as they come, and reads them again.
//!
//! ```text
//! LabelsOutputs::write -> queue -> thread -> SlpWriter | CsvWriter | JsonLinesWriter     (one queue and thread a file)
//! ```
//!
//! Each output has its own thread, so that a slow disk delays neither the caller nor another output.
//! [`LabelsOutputs::write`] never waits and leaves nothing out: a queue that is full
//! ([`LabelsOutputs::has_room`]) still takes the frames that are under way, and the caller begins no new
//! ones before it has room. A record that a format cannot hold is skipped in that output, and
//! counted.
//!
//! What was written [`FLUSH_BY`] ago was passed to the operating system: a process that is killed at
//! any moment leaves files that open and hold every prediction up to the last second; text may end in
//! part of a line. A machine that loses power may lose more.
//!
//! Where something can only be told once all frames are there, files are written again at the end
//! ([`LabelsOutputs::revise_at_end`]).
//!
//! The moments of several cameras are a table of their own, [`MomentsOutput`].
//!
//! A file without any record is removed: it would look like a result.
//!
//! | file | format |
//! |---|---|
//! | `.slp` | SLEAP's labels ([`slp`]): skeleton, video, tracks, predicted instances with scores |
//! | `.csv` | the columns of sleap-io's `instances` format; frames without instances have no row |
//! | `.jsonl`, `-` | one [`PredictionRecord`] a line, as JSON |

#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]
mod csv;
mod error;
mod events;
mod format;
mod header;
mod jsonl;
mod lines;
mod moments;
mod new_file;
mod outputs;
mod read;
mod record;
mod sink;
pub mod slp;
mod thread;

pub use error::{CreateError, OutputError, WriteError};
pub use events::{EventRow, EventsWriter, OriginColumns};
pub use format::{LabelsFormat, NAME_FORMS};
pub use header::{LabelsHeader, VideoReference};
pub use moments::{MomentColumns, MomentRow, MomentsOutput};
pub use new_file::{check_all_free, check_free};
pub use outputs::{AbortHandle, FinishedOutputs, LabelsOutputs, Revision, WrittenFile};
pub use read::{ReadPosesError, RecordedFrame, RecordedPoses};
pub use record::{LatencyParts, PredictionRecord};
pub use thread::FLUSH_BY;
