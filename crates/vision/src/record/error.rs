//! What can go wrong with a recording.

use std::path::PathBuf;

/// What the name of a recording is to be like, for people.
pub const CONTAINERS: &str = "the name must end in .avi, .mkv or .mp4";

/// Why a video cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The name says no container that is known.
    #[error("{}: {CONTAINERS}", .0.display())]
    Container(PathBuf),
    /// It is there, and is not to be replaced.
    #[error("{} exists: give --overwrite to replace it", .0.display())]
    Exists(PathBuf),
    /// OpenCV cannot write such a file.
    #[error("cannot record to {}: {reason}", .path.display())]
    Refused {
        /// The video.
        path: PathBuf,
        /// What is known.
        reason: String,
    },
    /// The video cannot be made, or its index not be written.
    #[error("cannot write to {}: {error}", .path.display())]
    File {
        /// The video or its index.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A video has one size.
    #[error("frame {frame_id} is of {width}x{height} pixels, the recording of {}x{}", .recorded.0, .recorded.1)]
    Size {
        /// The frame.
        frame_id: u64,
        /// Its pixels.
        width: u32,
        /// Its pixels.
        height: u32,
        /// Width and height of the recording.
        recorded: (u32, u32),
    },
    /// The system did not take everything, which OpenCV does not say while it writes.
    #[error(
        "{} is not whole: {frames} pictures were written, the file says {found}; is the disk full?",
        .path.display()
    )]
    NotWhole {
        /// The video.
        path: PathBuf,
        /// Pictures that were handed over.
        frames: u64,
        /// Pictures that the file says it has.
        found: u64,
    },
    /// The thread ended with a panic.
    #[error("the recording of {} stopped unexpectedly", .0.display())]
    Lost(PathBuf),
}
