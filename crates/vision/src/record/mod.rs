//! A video of the frames that were sent, with an index of which they are.
//!
//! A separate thread compresses and writes. The caller never waits: where the thread is behind and
//! its queue is full, a frame is not recorded, and counted. The index has the frame of each picture
//! of the video.
//!
//! | file | pictures | after a process was killed |
//! |---|---|---|
//! | `.avi`, `.mkv` | Motion JPEG: each stands alone, so that a player finds any of them exactly; a camera's own JPEGs as they are | plays up to the last picture |
//! | `.mp4` | MPEG-4, a fraction of the size | lost: its table of contents is written last |

mod error;
mod index;
mod muxer;
mod pictures;
mod thread;
mod video;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::capture::CapturedFrame;
use thread::{FrameToRecord, OpenRecording, RecordingFiles};
use video::Container;

pub use error::{CONTAINERS, RecordError};

/// The properties of a recording.
#[derive(Debug, Clone)]
pub struct Config {
    /// The video; `.avi`, `.mkv` or `.mp4`.
    pub path: PathBuf,
    /// Replace existing files.
    pub overwrite: bool,
    /// Pictures per second that a player shows.
    pub fps: f64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// 1 (gray) or 3.
    pub channels: u8,
}

/// Frames that were recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordedFrames {
    /// Pictures of the video.
    pub frames: u64,
    /// Frames that are not in it: they came faster than they could be compressed, or after it had
    /// failed.
    pub left_out: u64,
}

/// The most bytes of pictures in the queue.
const MAX_QUEUE_BYTES: u64 = 128 << 20;

/// Pictures in the queue, of any size.
const RECORD_QUEUE_LEN: std::ops::RangeInclusive<u64> = 4..=64;

/// A recording under way. Dropping it writes what was taken, and waits for that.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    files: RecordingFiles,
    offered: Arc<AtomicU64>,
    thread: Option<JoinHandle<(u64, Result<(), RecordError>)>>,
}

/// Sends frames to a recording. Dropping it ends the recording.
#[derive(Debug)]
pub struct RecordingHandle {
    queue: SyncSender<FrameToRecord>,
    next: u64,
    /// Frames that were offered, whether they were taken or not.
    offered: Arc<AtomicU64>,
    /// That it cannot keep up was logged.
    warned_late: bool,
    /// That it has failed was logged.
    warned_failed: bool,
}

/// Checks that such a recording can begin, with a temporary video in the same folder. The names of
/// the files are not checked.
pub fn check(config: &Config) -> Result<(), RecordError> {
    let path = &config.path;
    let refused = |reason: String| RecordError::Refused {
        path: path.clone(),
        reason,
    };
    let container = Container::of(path).ok_or_else(|| RecordError::Container(path.clone()))?;
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let trial = tempfile::Builder::new()
        .prefix(".")
        .suffix(&format!(".{extension}"))
        .tempfile_in(atomic_file::folder_of(path))
        .map_err(|error| refused(error.to_string()))?;
    let config = Config {
        path: trial.path().to_owned(),
        ..config.clone()
    };
    let file = trial.as_file().try_clone();
    let file = file.map_err(|error| refused(error.to_string()))?;
    match thread::open(file, container, &config) {
        Ok(_) => Ok(()),
        Err(RecordError::Refused { reason, .. }) => Err(refused(reason)),
        Err(RecordError::File { error, .. }) => Err(refused(error.to_string())),
        Err(other) => Err(other),
    }
}

/// Begins a recording.
pub fn start(config: Config) -> Result<(Recording, RecordingHandle), RecordError> {
    let frame = u64::from(config.width) * u64::from(config.height) * u64::from(config.channels);
    let places =
        (MAX_QUEUE_BYTES / frame.max(1)).clamp(*RECORD_QUEUE_LEN.start(), *RECORD_QUEUE_LEN.end());
    let (queue, pictures) = sync_channel(places as usize);
    let path = config.path.clone();
    let mut files = RecordingFiles::default();
    let video = OpenRecording::begin(config, &mut files).inspect_err(|_| files.remove())?;
    let thread = std::thread::Builder::new()
        .name("record".into())
        .spawn(move || video.run(&pictures))
        .map_err(|error| {
            files.remove();
            RecordError::Refused {
                path: path.clone(),
                reason: error.to_string(),
            }
        })?;
    let offered = Arc::new(AtomicU64::new(0));
    let sender = RecordingHandle {
        queue,
        next: 0,
        offered: Arc::clone(&offered),
        warned_late: false,
        warned_failed: false,
    };
    let thread = Some(thread);
    Ok((
        Recording {
            path,
            files,
            offered,
            thread,
        },
        sender,
    ))
}

/// Whether the name ends as that of a known container.
pub fn is_container(path: &Path) -> bool {
    Container::of(path).is_some()
}

/// The index of a video: `VIDEO.frames.csv`.
pub fn index_path(video: &Path) -> PathBuf {
    index::path(video)
}

impl RecordingHandle {
    /// Queues a frame, without waiting and without a copy of its pixels. Returns its index in the
    /// video; `None` where the queue is full or the recording has failed.
    pub fn offer(&mut self, frame: &CapturedFrame) -> Option<u64> {
        let picture = FrameToRecord {
            frame_id: frame.frame_id,
            captured_at: frame.captured_at,
            clock: frame.clock,
            content: frame.content.clone(),
        };
        self.offered.fetch_add(1, Relaxed);
        match self.queue.try_send(picture) {
            Ok(()) => {
                let index = self.next;
                self.next += 1;
                Some(index)
            }
            Err(TrySendError::Full(_)) => {
                if !std::mem::replace(&mut self.warned_late, true) {
                    tracing::warn!("the recording cannot keep up: frames are left out of it");
                }
                None
            }
            Err(TrySendError::Disconnected(_)) => {
                // `finish` returns the error.
                if !std::mem::replace(&mut self.warned_failed, true) {
                    tracing::warn!("the recording has failed; the stream goes on without it");
                }
                None
            }
        }
    }
}

impl Recording {
    /// Waits until everything is written. The [`RecordingHandle`] must be dropped by then. Returns
    /// what was recorded, and the first error. Removes a video without frames.
    pub fn finish(mut self) -> (RecordedFrames, Result<(), RecordError>) {
        let ended = self.thread.take().map(JoinHandle::join);
        let (frames, outcome) = match ended {
            Some(Ok(ended)) => ended,
            Some(Err(_)) | None => (0, Err(RecordError::Lost(self.path.clone()))),
        };
        if frames == 0 && outcome.is_ok() {
            self.files.remove_all();
        }
        let left_out = self.offered.load(Relaxed).saturating_sub(frames);
        (RecordedFrames { frames, left_out }, outcome)
    }

    /// Ends a recording without frames, and removes files that were made for it. The
    /// [`RecordingHandle`] must be dropped by then.
    pub fn discard(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.files.remove();
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Dropped rather than finished: its outcome is not needed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
