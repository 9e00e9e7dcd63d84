//! The video of a recording: pictures in a container.

use std::ffi::CStr;
use std::fs::File;
use std::path::Path;

use super::Config;
use super::muxer::{MuxError, Muxer};
use super::pictures::{PictureError, Pictures};
use crate::capture::FrameContent;

/// The container of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Avi,
    Matroska,
    Mp4,
}

impl Container {
    /// By the end of a file's name; `None` for an unknown one.
    pub(super) fn of(path: &Path) -> Option<Container> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "avi" => Some(Container::Avi),
            "mkv" => Some(Container::Matroska),
            "mp4" => Some(Container::Mp4),
            _ => None,
        }
    }

    /// FFmpeg's name.
    fn format(self) -> &'static CStr {
        match self {
            Container::Avi => c"avi",
            Container::Matroska => c"matroska",
            Container::Mp4 => c"mp4",
        }
    }

    /// Whether a video plays that lacks its end.
    pub(super) fn plays_without_end(self) -> bool {
        self != Container::Mp4
    }

    fn pictures(self, config: &Config) -> Result<Pictures, PictureError> {
        match self {
            Container::Avi | Container::Matroska => Pictures::jpeg(config),
            Container::Mp4 => Pictures::mpeg4(config),
        }
    }
}

/// Why a video cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum VideoError {
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error(transparent)]
    Mux(#[from] MuxError),
}

/// A video that is being written.
pub(super) struct VideoFile {
    pictures: Pictures,
    muxer: Muxer,
    /// The number of the next picture.
    next: i64,
}

impl VideoFile {
    /// Begins a video in an empty file.
    pub(super) fn begin(
        file: File,
        container: Container,
        config: &Config,
    ) -> Result<VideoFile, VideoError> {
        crate::native_logs::quiet_ffmpeg();
        let pictures = container.pictures(config)?;
        let muxer = Muxer::begin(file, container.format(), &pictures.track(config))?;
        Ok(VideoFile {
            pictures,
            muxer,
            next: 0,
        })
    }

    /// Writes the next picture. What cannot be compressed changes nothing.
    pub(super) fn write(&mut self, content: &FrameContent) -> Result<(), VideoError> {
        let packets = self.pictures.compress(content, self.next)?;
        self.next += 1;
        for packet in packets {
            self.muxer.write(packet)?;
        }
        Ok(())
    }

    /// Completes the video.
    pub(super) fn finish(mut self) -> Result<(), VideoError> {
        for packet in self.pictures.rest()? {
            self.muxer.write(packet)?;
        }
        Ok(self.muxer.finish()?)
    }
}
