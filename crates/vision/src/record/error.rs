//! Errors of recordings.

use std::path::PathBuf;

/// Which names recordings may have, for messages.
pub const CONTAINERS: &str = "the name must end in .avi, .mkv or .mp4";

/// Why a video cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The name ends as that of no known container.
    #[error("{}: {CONTAINERS}", .0.display())]
    Container(PathBuf),
    /// The file exists, and may not be replaced.
    #[error("{} exists: give --overwrite to replace it", .0.display())]
    Exists(PathBuf),
    /// Such a video cannot be written.
    #[error("cannot record to {}: {reason}", .path.display())]
    Refused {
        /// The video.
        path: PathBuf,
        /// Why.
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
    /// A frame has another size than the video.
    #[error("frame {frame_id} is of {width}x{height} pixels, the recording of {}x{}", .recorded.0, .recorded.1)]
    Size {
        /// The frame.
        frame_id: u64,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// Width and height of the recording.
        recorded: (u32, u32),
    },
    /// The system did not take everything, as a full disk does not.
    #[error(
        "{} is not whole: after {frames} pictures it could not be written any further: {error}",
        .path.display()
    )]
    NotWhole {
        /// The video.
        path: PathBuf,
        /// Pictures that were written.
        frames: u64,
        /// The system's error.
        error: std::io::Error,
    },
    /// The thread ended with a panic.
    #[error("the recording of {} stopped unexpectedly", .0.display())]
    Lost(PathBuf),
}
