//! The thread that compresses and writes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use protocol::CaptureClock;

use super::index::{self, FrameIndex};
use super::muxer::MuxError;
use super::pictures::PictureError;
use super::video::{Container, VideoError, VideoFile};
use super::{Config, RecordError};
use crate::Image;
use crate::capture::FrameContent;

/// A frame in the queue to the video.
pub(super) struct FrameToRecord {
    pub(super) frame_id: u64,
    pub(super) captured_at: SystemTime,
    pub(super) clock: CaptureClock,
    pub(super) content: FrameContent,
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
    container: Container,
    video: VideoFile,
    index: FrameIndex,
    frames: u64,
}

impl OpenRecording {
    /// What it makes is in `files`, whatever becomes of it.
    pub(super) fn begin(config: Config, files: &mut RecordingFiles) -> Result<Self, RecordError> {
        let container = Container::of(&config.path)
            .ok_or_else(|| RecordError::Container(config.path.clone()))?;
        let index_path = index::path(&config.path);
        // Both names, before anything is written.
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
        let video = begin(&config.path)?;
        let index = begin(&index_path)?;
        let index = FrameIndex::begin(index).map_err(|error| RecordError::File {
            path: index_path.clone(),
            error,
        })?;
        let video = open(video, container, &config)?;
        Ok(Self {
            config,
            container,
            video,
            index,
            frames: 0,
        })
    }

    /// Writes all pictures; returns how many of them play, and the first error.
    pub(super) fn run(
        mut self,
        pictures: &Receiver<FrameToRecord>,
    ) -> (u64, Result<(), RecordError>) {
        let written = pictures.iter().try_for_each(|picture| self.write(&picture));
        let flushed = self.index.flush();
        let flushed = flushed.map_err(|error| index_error(&self.config, error));
        let (path, frames) = (self.config.path, self.frames);
        // What was recorded is kept after an error of another kind too.
        let finished = match (&written, frames) {
            (_, 0) | (Err(RecordError::NotWhole { .. }), _) => Ok(()),
            _ => self.video.finish(),
        };
        let finished = finished.map_err(|error| failed(&path, frames, error));
        let outcome = written.and(finished).and(flushed);
        let is_cut = matches!(outcome, Err(RecordError::NotWhole { .. }));
        if is_cut && !self.container.plays_without_end() {
            return (0, outcome);
        }
        (frames, outcome)
    }

    fn write(&mut self, picture: &FrameToRecord) -> Result<(), RecordError> {
        let shape = picture.content.shape();
        let (width, height) = shape.size;
        let recorded = (self.config.width, self.config.height);
        if (width, height) != recorded || shape.channels != self.config.channels {
            return Err(RecordError::Size {
                frame_id: picture.frame_id,
                width,
                height,
                recorded,
            });
        }
        let mut written = self.video.write(&picture.content);
        if let Err(VideoError::Picture(PictureError::Decode(error))) = &written {
            // A picture for each frame keeps the indices of the others right.
            tracing::warn!(frame_id = picture.frame_id, %error, "recorded as a black picture");
            written = self.video.write(&self.black());
        }
        written.map_err(|error| failed(&self.config.path, self.frames, error))?;
        self.index
            .push(
                self.frames,
                picture.frame_id,
                picture.captured_at,
                picture.clock,
            )
            .map_err(|error| index_error(&self.config, error))?;
        self.frames += 1;
        Ok(())
    }

    fn black(&self) -> FrameContent {
        let Config {
            width,
            height,
            channels,
            ..
        } = self.config;
        let bytes = width as usize * height as usize * usize::from(channels);
        FrameContent::Pixels(Image {
            width,
            height,
            channels,
            data: vec![0; bytes].into(),
        })
    }
}

fn index_error(config: &Config, error: io::Error) -> RecordError {
    RecordError::File {
        path: index::path(&config.path),
        error,
    }
}

/// A failure after so many pictures.
fn failed(path: &Path, frames: u64, error: VideoError) -> RecordError {
    let path = path.to_owned();
    match error {
        VideoError::Mux(MuxError::System(error)) => RecordError::NotWhole {
            path,
            frames,
            error,
        },
        other => RecordError::Refused {
            path,
            reason: other.to_string(),
        },
    }
}

/// Begins a video in an empty file.
pub(super) fn open(
    file: File,
    container: Container,
    config: &Config,
) -> Result<VideoFile, RecordError> {
    VideoFile::begin(file, container, config).map_err(|error| match error {
        VideoError::Mux(MuxError::System(error)) => RecordError::File {
            path: config.path.clone(),
            error,
        },
        other => failed(&config.path, 0, other),
    })
}
