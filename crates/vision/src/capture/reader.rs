//! What every kind of source offers to the capture thread.

use std::path::Path;
use std::time::{Duration, Instant};

use super::genicam_error::GenICamError;
use super::pipe::STANDARD_INPUT;
use super::time::{CaptureTime, DriverTiming};
use super::{FrameContent, Source, SourceInfo};
use crate::mat::ImageError;

/// An open source, read in order. It stays on the thread that opened it.
pub(super) trait FrameReader {
    /// Moves on to the next frame without converting its pixels.
    fn grab(&mut self) -> Result<Grab, ReadFault>;

    /// When the frame grabbed last was captured; called right after `grab`. A source that gives no
    /// time has its frames' arrival.
    fn capture_time(&mut self) -> CaptureTime {
        CaptureTime::now()
    }

    /// What is known of the time stamps of a camera's driver.
    fn timing(&self) -> Option<DriverTiming> {
        None
    }

    /// Frames that were left out because they were old.
    fn stale(&self) -> u64 {
        0
    }

    /// The frame grabbed last; asked for at most once per frame.
    fn retrieve(&mut self) -> Result<FrameContent, ReadFault>;

    /// A camera that takes a frame for each trigger: none of them is stale.
    fn waits_for_triggers(&self) -> bool {
        false
    }

    /// Frames that the camera has numbered and that did not arrive whole.
    fn lost(&self) -> u64 {
        0
    }
}

/// What comes next of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grab {
    /// A frame.
    Frame(GrabbedFrame),
    /// So many frames come next, and cannot be read.
    Lost(u64),
    /// There is nothing more.
    End,
}

/// A frame beside its content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct GrabbedFrame {
    /// Numbers directly before this one that the source leaves out.
    pub(super) absent: u64,
    /// Parts of it could not be decoded.
    pub(super) is_concealed: bool,
    /// When it is to be shown, since the first frame.
    pub(super) at: Option<Duration>,
    /// When it has arrived, where that was before it is grabbed.
    pub(super) arrived: Option<Instant>,
}

/// A failure of a reader, without the source's name and the position.
#[derive(Debug)]
pub(super) enum ReadFault {
    /// There is a frame, and its data do not decode.
    Undecodable,
    /// The source cannot be read any further.
    Broken(String),
    /// The network has brought nothing for too long.
    Silent,
    Ffmpeg(String),
    Image(ImageError),
    /// A GenICam camera failed.
    GenICam(Box<GenICamError>),
    /// An image of a sequence cannot be decoded.
    ImageFile {
        file: String,
        reason: String,
    },
}

impl From<ffmpeg::Error> for ReadFault {
    fn from(error: ffmpeg::Error) -> ReadFault {
        ReadFault::Ffmpeg(error.to_string())
    }
}

impl From<ImageError> for ReadFault {
    fn from(error: ImageError) -> ReadFault {
        ReadFault::Image(error)
    }
}

/// How a source behaves at its end, and at which rate it delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceBehaviour {
    /// Waits for its reader and ends. `cut_off`: its container announces more bytes than
    /// there are. `exact`: the frame count is that of its index, not an estimate.
    Stored { exact: bool, cut_off: bool },
    /// Its writer waits for its reader, and ends it.
    Pipe,
    /// Delivers at its own rate, buffers if it is not read, and may end.
    Stream,
    /// Delivers at its own rate, buffers if it is not read, and never ends by itself.
    Camera,
    /// Made on demand.
    Generated,
}

impl SourceBehaviour {
    /// Whether frames accumulate while they are not read.
    pub(super) fn pushes(self) -> bool {
        matches!(self, SourceBehaviour::Stream | SourceBehaviour::Camera)
    }
}

pub(super) struct OpenedReader {
    pub(super) reader: Box<dyn FrameReader>,
    pub(super) info: SourceInfo,
    pub(super) kind: SourceBehaviour,
}

/// What to call a source in messages.
pub(super) fn display_name(source: &Source) -> String {
    match source {
        Source::File(path) if path == STANDARD_INPUT => "standard input".to_owned(),
        Source::File(path) if path.contains("://") => without_password(path),
        Source::File(path) => file_name(path.as_ref()),
        Source::Images { name, .. } => name.clone(),
        Source::Upload(path) => file_name(path),
        Source::Webcam(config) => format!("webcam {}", config.index),
        Source::GenICam(config) => match &config.camera {
            Some(camera) => format!("camera {camera}"),
            None => "the first GenICam camera".to_owned(),
        },
        Source::TestPattern(_) => "test pattern".to_owned(),
        Source::Pushed(name) => name.clone(),
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// `rtsp://user:secret@host/` is not for logs and peers.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::WebcamConfig;

    #[test]
    fn names_are_short_and_hold_no_password() {
        let name = |text: &str| display_name(&Source::File(text.to_owned()));
        assert_eq!(name("/data/mice/day1.mp4"), "day1.mp4");
        assert_eq!(name("-"), "standard input");
        assert_eq!(name("rtsp://me:pw@cam/live?x=@"), "rtsp://cam/live?x=@");
        assert_eq!(name("rtsp://me:p@w@cam"), "rtsp://cam");
        assert_eq!(name("http://host/a@b.mp4"), "http://host/a@b.mp4");
        let index = 3;
        assert_eq!(
            display_name(&Source::Webcam(WebcamConfig {
                index,
                ..WebcamConfig::default()
            })),
            "webcam 3"
        );
    }
}
