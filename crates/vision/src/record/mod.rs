//! A video of the frames that were sent, with an index of which they are.
//!
//! A thread of its own compresses and writes. Whoever hands it frames never waits: where the
//! thread is behind and its queue is full, a frame is not recorded, and counted. The index says of
//! each picture of the video which frame it is.
//!
//! | file | pictures | after a process was killed |
//! |---|---|---|
//! | `.avi`, `.mkv` | Motion JPEG: each stands alone, so that a player finds any of them exactly | plays up to the last seconds |
//! | `.mp4` | MPEG-4, a tenth of the size | lost: its table of contents is written last |

mod index;
mod thread;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::capture::{CapturedFrame, Content};
use thread::{Picture, Writing};

/// What a recording is to be like.
#[derive(Debug, Clone)]
pub struct Config {
    /// The video; `.avi`, `.mkv` or `.mp4`.
    pub path: PathBuf,
    /// Replace files that are there.
    pub overwrite: bool,
    /// Pictures per second that a player shows.
    pub fps: f64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1 (gray) or 3.
    pub channels: u8,
}

/// Why a video cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The name says no container that is known.
    #[error("{}: the name must end in .avi, .mkv or .mp4", .0.display())]
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
    /// The index cannot be written.
    #[error("cannot write to {}: {error}", .path.display())]
    Index {
        /// The index.
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
    /// The thread ended with a panic.
    #[error("the recording of {} stopped unexpectedly", .0.display())]
    Lost(PathBuf),
}

/// Frames that were recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Pictures of the video.
    pub frames: u64,
    /// Frames that came faster than they could be compressed.
    pub left_out: u64,
}

/// Bytes of pictures that wait at most.
const QUEUE_BYTES: u64 = 128 << 20;

/// Pictures that wait, however large.
const QUEUE: std::ops::RangeInclusive<u64> = 4..=64;

/// A recording under way. Dropping it writes what was taken, and waits for that.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    left_out: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<u64, RecordError>>>,
}

/// Where frames go into a recording. It ends when this is dropped.
#[derive(Debug)]
pub struct Tap {
    queue: SyncSender<Picture>,
    next: u64,
    left_out: Arc<AtomicU64>,
    /// It has failed, and somebody was told.
    told: bool,
}

/// Begins a recording.
pub fn start(config: Config) -> Result<(Recording, Tap), RecordError> {
    let frame = u64::from(config.width) * u64::from(config.height) * u64::from(config.channels);
    let places = (QUEUE_BYTES / frame.max(1)).clamp(*QUEUE.start(), *QUEUE.end());
    let (queue, pictures) = sync_channel(places as usize);
    let path = config.path.clone();
    let writing = Writing::begin(config)?;
    let thread = std::thread::Builder::new()
        .name("record".into())
        .spawn(move || writing.run(&pictures))
        .map_err(|error| RecordError::Refused {
            path: path.clone(),
            reason: error.to_string(),
        })?;
    let left_out = Arc::new(AtomicU64::new(0));
    let tap = Tap {
        queue,
        next: 0,
        left_out: Arc::clone(&left_out),
        told: false,
    };
    let thread = Some(thread);
    Ok((
        Recording {
            path,
            left_out,
            thread,
        },
        tap,
    ))
}

/// Whether the name stands for a container that is known.
pub fn is_container(path: &Path) -> bool {
    thread::codec(path).is_some()
}

/// The index of a video: `VIDEO.frames.csv`.
pub fn index_path(video: &Path) -> PathBuf {
    index::path(video)
}

impl Tap {
    /// Hands a frame over, without waiting and without a copy of its pixels. Gives its index in
    /// the video; `None` where there is no room for it.
    pub fn offer(&mut self, frame: &CapturedFrame) -> Option<u64> {
        let picture = Picture {
            frame_id: frame.frame_id,
            captured_at: frame.captured_at,
            content: frame.content.clone(),
        };
        match self.queue.try_send(picture) {
            Ok(()) => {
                let index = self.next;
                self.next += 1;
                Some(index)
            }
            Err(TrySendError::Full(_)) => {
                if self.left_out.fetch_add(1, Relaxed) == 0 {
                    tracing::warn!("the recording cannot keep up: frames are left out of it");
                }
                None
            }
            Err(TrySendError::Disconnected(_)) => {
                // `finish` says how.
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!("the recording has failed; the stream goes on without it");
                }
                None
            }
        }
    }
}

impl Recording {
    /// Waits until everything is written. The [`Tap`] must be gone by then.
    pub fn finish(mut self) -> Result<Recorded, RecordError> {
        let thread = self.thread.take().expect("only finish and drop take it");
        let frames = thread
            .join()
            .map_err(|_| RecordError::Lost(self.path.clone()))??;
        Ok(Recorded {
            frames,
            left_out: self.left_out.load(Relaxed),
        })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Dropped rather than finished: nobody asks how it ended.
            let _ = thread.join();
        }
    }
}

impl Picture {
    fn pixels(&self) -> Result<crate::Image, String> {
        match &self.content {
            Content::Pixels(image) => Ok(image.clone()),
            Content::Jpeg(jpeg) => jpeg.decode().map_err(|error| error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use std::time::{Instant, SystemTime};

    fn frame(frame_id: u64, width: u32) -> CapturedFrame {
        CapturedFrame {
            frame_id,
            captured_at: SystemTime::now(),
            captured: Instant::now(),
            content: Content::Pixels(
                Image::new(width, 16, 1, vec![9; width as usize * 16]).unwrap(),
            ),
        }
    }

    fn config(path: PathBuf) -> Config {
        Config {
            path,
            overwrite: false,
            fps: 30.0,
            width: 32,
            height: 16,
            channels: 1,
        }
    }

    #[test]
    fn a_frame_without_room_is_counted_and_the_indices_stay_right() {
        let (queue, pictures) = sync_channel(2);
        let left_out = Arc::new(AtomicU64::new(0));
        let mut tap = Tap {
            queue,
            next: 0,
            left_out: Arc::clone(&left_out),
            told: false,
        };
        let offered: Vec<_> = (10..14).map(|id| tap.offer(&frame(id, 32))).collect();
        assert_eq!(offered, [Some(0), Some(1), None, None]);
        assert_eq!(pictures.recv().unwrap().frame_id, 10);
        assert_eq!(tap.offer(&frame(14, 32)), Some(2));
        assert_eq!(left_out.load(Relaxed), 2);
        drop(tap);
        let taken: Vec<_> = pictures.iter().map(|picture| picture.frame_id).collect();
        assert_eq!(taken, [11, 14]);
    }

    #[test]
    fn a_frame_of_another_size_ends_the_recording_and_keeps_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.avi");
        let (recording, mut tap) = start(config(path.clone())).unwrap();
        for (id, width) in [(5, 32), (6, 32), (7, 48)] {
            tap.offer(&frame(id, width));
        }
        drop(tap);
        let error = recording.finish().unwrap_err();
        assert!(
            matches!(error, RecordError::Size { frame_id: 7, .. }),
            "{error}"
        );
        let rows = std::fs::read_to_string(index_path(&path)).unwrap();
        let ids: Vec<_> = rows
            .lines()
            .skip(1)
            .map(|row| row.split(',').nth(1))
            .collect();
        assert_eq!(ids, [Some("5"), Some("6")]);
    }

    #[test]
    fn what_cannot_be_recorded_to_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let begin = |name: &str| {
            start(config(dir.path().join(name)))
                .map(|_| ())
                .unwrap_err()
        };
        assert!(matches!(begin("a.gif"), RecordError::Container(_)));
        assert!(matches!(begin("no/a.avi"), RecordError::Index { .. }));
        std::fs::write(dir.path().join("b.mkv"), "precious").unwrap();
        assert!(matches!(begin("b.mkv"), RecordError::Exists(_)));
    }
}
