//! The thread that compresses and writes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use opencv::core::Size;
use opencv::videoio::{
    CAP_FFMPEG, CAP_PROP_FRAME_COUNT, VideoCapture, VideoCaptureTraitConst, VideoWriter,
    VideoWriterTrait, VideoWriterTraitConst,
};
use protocol::CaptureClock;

use super::index::{self, FrameIndex};
use super::{Config, RecordError};
use crate::Image;
use crate::capture::FrameContent;
use crate::mat::view;

/// A frame in the queue to the video.
pub(super) struct FrameToRecord {
    pub(super) frame_id: u64,
    pub(super) captured_at: SystemTime,
    pub(super) clock: CaptureClock,
    pub(super) content: FrameContent,
}

/// The format of the pictures, as four characters; `None` for an unknown container.
pub(super) fn codec(path: &Path) -> Option<[char; 4]> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "avi" | "mkv" => Some(['M', 'J', 'P', 'G']),
        "mp4" => Some(['m', 'p', '4', 'v']),
        _ => None,
    }
}

/// The files of a recording, empty when they were begun: nothing else is removed.
#[derive(Debug, Default)]
pub(super) struct RecordingFiles(Vec<RecordingFile>);

#[derive(Debug)]
struct RecordingFile {
    path: PathBuf,
    file: File,
    /// It did not exist before.
    is_new: bool,
}

impl RecordingFiles {
    /// Makes an empty file, or empties the one that is there where that is to be replaced.
    fn begin(&mut self, path: &Path, overwrite: bool) -> io::Result<File> {
        let (file, is_new) = match File::create_new(path) {
            Ok(file) => (file, true),
            Err(error) if overwrite && error.kind() == io::ErrorKind::AlreadyExists => {
                let replaced = File::options().write(true).truncate(true).open(path);
                (replaced?, false)
            }
            Err(error) => return Err(error),
        };
        self.0.push(RecordingFile {
            path: path.to_owned(),
            file: file.try_clone()?,
            is_new,
        });
        Ok(file)
    }

    /// Removes those that were not there before.
    pub(super) fn remove(&self) {
        self.0
            .iter()
            .filter(|it| it.is_new)
            .for_each(RecordingFile::remove);
    }

    /// Removes all of them, those that took the place of others too.
    pub(super) fn remove_all(&self) {
        self.0.iter().for_each(RecordingFile::remove);
    }
}

impl RecordingFile {
    /// Removes it, unless something else has its name by now.
    fn remove(&self) {
        if is_still(&self.path, &self.file) {
            // It stays empty, or nearly so.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let there = std::fs::symlink_metadata(path).map(|it| (it.dev(), it.ino()));
    let made = file.metadata().map(|it| (it.dev(), it.ino()));
    matches!((there, made), (Ok(there), Ok(made)) if there == made)
}

#[cfg(not(unix))]
fn is_still(_: &Path, _: &File) -> bool {
    true
}

/// An open video and its index.
pub(super) struct OpenRecording {
    config: Config,
    video: VideoWriter,
    index: FrameIndex,
    frames: u64,
}

impl OpenRecording {
    /// What it makes is in `files`, whatever becomes of it.
    pub(super) fn begin(config: Config, files: &mut RecordingFiles) -> Result<Self, RecordError> {
        crate::native_logs::quiet_opencv();
        let codec =
            codec(&config.path).ok_or_else(|| RecordError::Container(config.path.clone()))?;
        let index_path = index::path(&config.path);
        // Both names, before anything is written: FFmpeg would replace what has its name.
        let mut begin = |path: &Path| {
            let begun = files.begin(path, config.overwrite);
            begun.map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => RecordError::Exists(path.to_owned()),
                _ => RecordError::File {
                    path: path.to_owned(),
                    error,
                },
            })
        };
        begin(&config.path)?;
        let index = begin(&index_path)?;
        let index = FrameIndex::begin(index).map_err(|error| RecordError::File {
            path: index_path.clone(),
            error,
        })?;
        let video = open(&config, codec)?;
        Ok(Self {
            config,
            video,
            index,
            frames: 0,
        })
    }

    /// Writes all pictures; returns their number, and the first error.
    pub(super) fn run(
        mut self,
        pictures: &Receiver<FrameToRecord>,
    ) -> (u64, Result<(), RecordError>) {
        let written = pictures.iter().try_for_each(|picture| self.write(&picture));
        // What was recorded is kept after an error too.
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

    fn write(&mut self, picture: &FrameToRecord) -> Result<(), RecordError> {
        let image = match picture.pixels() {
            Ok(image) => image,
            Err(error) => {
                // A picture for each frame keeps the indices of the others right.
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
            .push(
                self.frames,
                picture.frame_id,
                picture.captured_at,
                picture.clock,
            )
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
        RecordError::File {
            path: index::path(&self.config.path),
            error,
        }
    }
}

/// Opens the video that is written.
pub(super) fn open(config: &Config, [a, b, c, d]: [char; 4]) -> Result<VideoWriter, RecordError> {
    let refused = |reason: String| RecordError::Refused {
        path: config.path.clone(),
        reason,
    };
    let failed = |error: opencv::Error| refused(error.message);
    let name = config.path.to_str();
    let name = name.ok_or_else(|| refused("its name is not UTF-8".to_owned()))?;
    let side =
        |side: u32| i32::try_from(side).map_err(|_| refused(format!("{side} pixels are too many")));
    let size = Size::new(side(config.width)?, side(config.height)?);
    let fourcc = VideoWriter::fourcc(a, b, c, d).map_err(failed)?;
    let video = VideoWriter::new_with_backend(
        name,
        CAP_FFMPEG,
        fourcc,
        config.fps,
        size,
        config.channels == 3,
    )
    .map_err(failed)?;
    match video.is_opened() {
        Ok(true) => Ok(video),
        _ => Err(refused(format!(
            "OpenCV and FFmpeg cannot write {a}{b}{c}{d} of {}x{} pixels there",
            config.width, config.height
        ))),
    }
}

/// Checks that a video's file has the number of pictures in it. A full disk cuts off the end, which
/// holds the number.
pub(super) fn check_whole(path: &Path, frames: u64) -> Result<(), RecordError> {
    /// Most containers store the length in time, which is rounded.
    const ROUNDED: u64 = 1;
    if frames == 0 {
        return Ok(());
    }
    let found = path
        .to_str()
        .and_then(|name| VideoCapture::from_file(name, CAP_FFMPEG).ok())
        .and_then(|video| video.get(CAP_PROP_FRAME_COUNT).ok())
        .unwrap_or_default();
    // Negative where the file does not have it.
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
