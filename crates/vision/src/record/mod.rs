//! A video of the frames that were sent, with an index of which they are.
//!
//! A thread of its own compresses and writes. Whoever hands it frames never waits: where the
//! thread is behind and its queue is full, a frame is not recorded, and counted. The index says of
//! each picture of the video which frame it is.
//!
//! | file | pictures | after a process was killed |
//! |---|---|---|
//! | `.avi`, `.mkv` | Motion JPEG: each stands alone, so that a player finds any of them exactly | plays up to the last seconds |
//! | `.mp4` | MPEG-4, a fraction of the size | lost: its table of contents is written last |

mod error;
mod index;
mod thread;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::capture::{CapturedFrame, Content};
use thread::{Files, Picture, Writing};

pub use error::{CONTAINERS, RecordError};

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

/// Frames that were recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Pictures of the video.
    pub frames: u64,
    /// Frames that are not in it: they came faster than they could be compressed, or after it had
    /// failed.
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
    files: Files,
    offered: Arc<AtomicU64>,
    thread: Option<JoinHandle<(u64, Result<(), RecordError>)>>,
}

/// Where frames go into a recording. It ends when this is dropped.
#[derive(Debug)]
pub struct Tap {
    queue: SyncSender<Picture>,
    next: u64,
    /// Frames that came, be there room for them or not.
    offered: Arc<AtomicU64>,
    /// It cannot keep up, and somebody was told.
    late: bool,
    /// It has failed, and somebody was told.
    told: bool,
}

/// Checks that such a recording can begin, with a video of its own in the same folder, which is gone
/// at once. The names are not looked at.
pub fn check(config: &Config) -> Result<(), RecordError> {
    crate::logs::quiet_opencv();
    let path = &config.path;
    let refused = |reason: String| RecordError::Refused {
        path: path.clone(),
        reason,
    };
    let codec = thread::codec(path).ok_or_else(|| RecordError::Container(path.clone()))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let trial = tempfile::Builder::new()
        .prefix(".")
        .suffix(&format!(".{extension}"))
        .tempfile_in(folder)
        .map_err(|error| refused(error.to_string()))?;
    let config = Config {
        path: trial.path().to_owned(),
        ..config.clone()
    };
    thread::open(&config, codec).map(drop).map_err(refused)
}

/// Begins a recording.
pub fn start(config: Config) -> Result<(Recording, Tap), RecordError> {
    let frame = u64::from(config.width) * u64::from(config.height) * u64::from(config.channels);
    let places = (QUEUE_BYTES / frame.max(1)).clamp(*QUEUE.start(), *QUEUE.end());
    let (queue, pictures) = sync_channel(places as usize);
    let path = config.path.clone();
    let mut files = Files::default();
    let writing = Writing::begin(config, &mut files).inspect_err(|_| files.remove())?;
    let thread = std::thread::Builder::new()
        .name("record".into())
        .spawn(move || writing.run(&pictures))
        .map_err(|error| {
            files.remove();
            RecordError::Refused {
                path: path.clone(),
                reason: error.to_string(),
            }
        })?;
    let offered = Arc::new(AtomicU64::new(0));
    let tap = Tap {
        queue,
        next: 0,
        offered: Arc::clone(&offered),
        late: false,
        told: false,
    };
    let thread = Some(thread);
    Ok((
        Recording {
            path,
            files,
            offered,
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
        self.offered.fetch_add(1, Relaxed);
        match self.queue.try_send(picture) {
            Ok(()) => {
                let index = self.next;
                self.next += 1;
                Some(index)
            }
            Err(TrySendError::Full(_)) => {
                if !std::mem::replace(&mut self.late, true) {
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
    /// Waits until everything is written. The [`Tap`] must be gone by then. Says what there is, and
    /// what went wrong. A video that came to hold no picture does not stay.
    pub fn finish(mut self) -> (Recorded, Result<(), RecordError>) {
        let ended = self.thread.take().map(JoinHandle::join);
        let (frames, outcome) = match ended {
            Some(Ok(ended)) => ended,
            Some(Err(_)) | None => (0, Err(RecordError::Lost(self.path.clone()))),
        };
        if frames == 0 && outcome.is_ok() {
            self.files.remove_all();
        }
        let left_out = self.offered.load(Relaxed).saturating_sub(frames);
        (Recorded { frames, left_out }, outcome)
    }

    /// Ends a recording that nothing came into, and removes files that were made for it. The
    /// [`Tap`] must be gone by then.
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
mod tests;
