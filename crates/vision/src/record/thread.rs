//! The thread that compresses and writes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use opencv::core::Size;
use opencv::videoio::{
    CAP_FFMPEG, CAP_PROP_FRAME_COUNT, VideoCapture, VideoCaptureTraitConst, VideoWriter,
    VideoWriterTrait, VideoWriterTraitConst,
};

use super::index::{self, Index};
use super::{Config, RecordError};
use crate::Image;
use crate::capture::Content;
use crate::mat::view;

/// A frame on its way into the video.
pub(super) struct Picture {
    pub(super) frame_id: u64,
    pub(super) captured_at: SystemTime,
    pub(super) content: Content,
}

/// The format of the pictures, as four characters; `None`: no container that is known.
pub(super) fn codec(path: &Path) -> Option<[char; 4]> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "avi" | "mkv" => Some(['M', 'J', 'P', 'G']),
        "mp4" => Some(['m', 'p', '4', 'v']),
        _ => None,
    }
}

/// The files of a recording that are not there before it.
#[derive(Debug)]
pub(super) struct Files(Vec<PathBuf>);

impl Files {
    pub(super) fn of(config: &Config) -> Self {
        let files = [config.path.clone(), index::path(&config.path)];
        Self(files.into_iter().filter(|path| !path.exists()).collect())
    }

    /// Removes what has come to be.
    pub(super) fn remove_new(&self) {
        for path in &self.0 {
            // It may not have come to exist.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// An open video and its index.
pub(super) struct Writing {
    config: Config,
    video: VideoWriter,
    index: Index,
    frames: u64,
}

impl Writing {
    pub(super) fn begin(config: Config) -> Result<Self, RecordError> {
        crate::logs::quiet_opencv();
        let codec =
            codec(&config.path).ok_or_else(|| RecordError::Container(config.path.clone()))?;
        if config.path.exists() && !config.overwrite {
            return Err(RecordError::Exists(config.path));
        }
        // The index first: it says best what is wrong with the folder.
        let index_path = index::path(&config.path);
        let index =
            Index::create(&index_path, config.overwrite).map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => RecordError::Exists(index_path.clone()),
                _ => RecordError::Index {
                    path: index_path.clone(),
                    error,
                },
            })?;
        let video = open(&config, codec).map_err(|reason| RecordError::Refused {
            path: config.path.clone(),
            reason,
        })?;
        Ok(Self {
            config,
            video,
            index,
            frames: 0,
        })
    }

    /// Writes all pictures; gives their number, and what went wrong.
    pub(super) fn run(mut self, pictures: &Receiver<Picture>) -> (u64, Result<(), RecordError>) {
        let written = pictures.iter().try_for_each(|picture| self.write(&picture));
        // What was recorded is kept, whatever came after.
        let released = self.video.release();
        let flushed = self.index.flush();
        let outcome = written
            .and_then(|()| released.map_err(|error| self.refused(error.message)))
            .and_then(|()| flushed.map_err(|error| self.index_error(error)))
            .and_then(|()| check_whole(&self.config.path, self.frames));
        match outcome {
            Err(RecordError::NotWhole { found, .. }) => (found.min(self.frames), outcome),
            outcome => (self.frames, outcome),
        }
    }

    fn write(&mut self, picture: &Picture) -> Result<(), RecordError> {
        let image = match picture.pixels() {
            Ok(image) => image,
            Err(error) => {
                // The place is kept, so that all others stay right.
                tracing::warn!(frame_id = picture.frame_id, %error, "recorded as a black picture");
                self.black()
            }
        };
        let recorded = (self.config.width, self.config.height);
        if (image.width, image.height) != recorded || image.channels != self.config.channels {
            return Err(RecordError::Size {
                frame_id: picture.frame_id,
                width: image.width,
                height: image.height,
                recorded,
            });
        }
        let pixels = view(&image).map_err(|error| self.refused(error.to_string()))?;
        self.video
            .write(&pixels)
            .map_err(|error| self.refused(error.message))?;
        self.index
            .push(self.frames, picture.frame_id, picture.captured_at)
            .map_err(|error| self.index_error(error))?;
        self.frames += 1;
        Ok(())
    }

    fn black(&self) -> Image {
        let Config {
            width,
            height,
            channels,
            ..
        } = self.config;
        let bytes = width as usize * height as usize * usize::from(channels);
        Image {
            width,
            height,
            channels,
            data: vec![0; bytes].into(),
        }
    }

    fn refused(&self, reason: String) -> RecordError {
        RecordError::Refused {
            path: self.config.path.clone(),
            reason,
        }
    }

    fn index_error(&self, error: std::io::Error) -> RecordError {
        RecordError::Index {
            path: index::path(&self.config.path),
            error,
        }
    }
}

fn open(config: &Config, [a, b, c, d]: [char; 4]) -> Result<VideoWriter, String> {
    let name = config.path.to_str().ok_or("its name is not UTF-8")?;
    let side = |side: u32| i32::try_from(side).map_err(|_| format!("{side} pixels are too many"));
    let size = Size::new(side(config.width)?, side(config.height)?);
    let fourcc = VideoWriter::fourcc(a, b, c, d).map_err(|error| error.message)?;
    let video = VideoWriter::new_with_backend(
        name,
        CAP_FFMPEG,
        fourcc,
        config.fps,
        size,
        config.channels == 3,
    )
    .map_err(|error| error.message)?;
    match video.is_opened() {
        Ok(true) => Ok(video),
        _ => Err(format!(
            "OpenCV and FFmpeg cannot write {a}{b}{c}{d} of {}x{} pixels there",
            config.width, config.height
        )),
    }
}

/// Checks that a video says that it has so many pictures. A full disk keeps its end from it, where
/// their number stands.
pub(super) fn check_whole(path: &Path, frames: u64) -> Result<(), RecordError> {
    /// The number is the length in time at most containers, which is rounded.
    const ROUNDED: u64 = 1;
    if frames == 0 {
        return Ok(());
    }
    let found = path
        .to_str()
        .and_then(|name| VideoCapture::from_file(name, CAP_FFMPEG).ok())
        .and_then(|video| video.get(CAP_PROP_FRAME_COUNT).ok())
        .unwrap_or_default();
    // Less than none, where the file does not say.
    let found = found.max(0.0) as u64;
    match found + ROUNDED < frames {
        true => Err(RecordError::NotWhole {
            path: path.to_owned(),
            frames,
            found,
        }),
        false => Ok(()),
    }
}
