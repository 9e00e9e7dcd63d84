//! Why reading an open source failed.

use super::damage::{Damage, damage_text};
use super::genicam_error::GenICamError;
use crate::mat::ImageError;

/// Why reading ended before what was asked for was delivered.
///
/// Everything that was read until then has been delivered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The camera stopped delivering.
    #[error(
        "{name} stopped delivering after {frames} frames: it was unplugged, or its driver failed"
    )]
    CameraLost {
        /// The camera's name.
        name: String,
        /// Frames delivered until then.
        frames: u64,
    },
    /// The container announced more frames than could be read.
    #[error("{name} ended at frame {at}{}: bytes are missing at its end, the recording or the copy was interrupted", of_expected(*expected))]
    Truncated {
        /// The source's name.
        name: String,
        /// Frames that could be read.
        at: u64,
        /// Frames that the file announces, where it does.
        expected: Option<u64>,
    },
    /// Frames inside of the source could not be decoded, or only in part. All others were delivered.
    #[error("{}", damage_text(name, damage))]
    Damaged {
        /// The source's name.
        name: String,
        /// Which.
        damage: Damage,
    },
    /// The source cannot be read any further.
    #[error("{name} cannot be read further than frame {frames}: {reason}")]
    Broken {
        /// The source's name.
        name: String,
        /// Frames that could be read.
        frames: u64,
        /// Why.
        reason: String,
    },
    /// A network source has brought nothing for too long.
    #[error("{name} has sent nothing more since frame {frames}: its sender or the network is gone")]
    Silent {
        /// The source's name.
        name: String,
        /// Frames that could be read.
        frames: u64,
    },
    /// The source ended before the last frame that was asked for.
    #[error("frames up to {last} were asked for, but {name} ended after {frames} frames")]
    RangeBeyondEnd {
        /// The source's name.
        name: String,
        /// Last frame of the last range.
        last: u64,
        /// Frames that could be read.
        frames: u64,
    },
    /// A frame is there and cannot be decoded; of a camera, several in a row.
    #[error("frame {frame_id} of {name} cannot be decoded: its data are damaged")]
    Undecodable {
        /// The source's name.
        name: String,
        /// Which frame.
        frame_id: u64,
    },
    /// A frame's pixels cannot be used.
    #[error("frame {frame_id} of {name} cannot be used: {source}")]
    Image {
        /// The source's name.
        name: String,
        /// Which frame.
        frame_id: u64,
        /// What is wrong with it.
        source: ImageError,
    },
    /// A GenICam camera failed.
    #[error(transparent)]
    GenICam(Box<GenICamError>),
    /// A frame is decoded, and its pixels cannot be converted.
    #[error("frame {frame_id} of {name} cannot be used: {reason}")]
    Ffmpeg {
        /// The source's name.
        name: String,
        /// Which frame.
        frame_id: u64,
        /// FFmpeg's message.
        reason: String,
    },
}

fn of_expected(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected} expected"))
}
