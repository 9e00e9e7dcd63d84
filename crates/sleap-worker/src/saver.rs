//! `--save-every N`: sampled frames as PNG files, written beside the stream.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::Context;
use bytes::Bytes;
use vision::Image;
use vision::png::PngError;

use crate::engine::Decoded;
use crate::session::Requester;

/// Frames that may wait for the disk before the stream waits for it: every sample asked for is kept.
const QUEUE: usize = 4;

enum Job {
    Frame(Sample),
    Flush(SyncSender<()>),
}

struct Sample {
    frame_id: u64,
    image: Image,
    wide: Option<Bytes>,
    /// Where it is counted once it is written.
    requester: Arc<Requester>,
}

/// Writes every Nth frame that it is shown. Dropping it finishes the files it has begun.
pub(crate) struct Saver {
    every: NonZeroU64,
    seen: u64,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Saver {
    /// Makes the folder and starts the writing thread.
    pub(crate) fn start(dir: &Path, every: NonZeroU64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let (jobs, work) = sync_channel(QUEUE);
        let dir = dir.to_owned();
        let thread = std::thread::Builder::new()
            .name("save".into())
            .spawn(move || write_all(&dir, &work))
            .context("cannot start the saving thread")?;
        Ok(Self {
            every,
            seen: 0,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Takes note of the frame and keeps it if it is one of the sampled.
    pub(crate) fn frame(&mut self, decoded: &Decoded) {
        let sampled = self.seen.is_multiple_of(self.every.get());
        self.seen += 1;
        if sampled {
            self.send(Job::Frame(Sample {
                frame_id: decoded.frame_id,
                image: decoded.pixels.image.clone(),
                wide: decoded.pixels.wide.clone(),
                requester: Arc::clone(&decoded.requester),
            }));
        }
    }

    /// Another stream follows: its first frame is sampled.
    pub(crate) fn restart(&mut self) {
        self.seen = 0;
    }

    /// Waits until every sampled frame is on disk, and restarts.
    pub(crate) fn flush(&mut self) {
        self.restart();
        let (done, flushed) = sync_channel(1);
        if self.send(Job::Flush(done)) {
            // The thread answers or is gone; either way there is nothing more to wait for.
            let _ = flushed.recv();
        }
    }

    fn send(&self, job: Job) -> bool {
        self.jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok())
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(dir: &Path, jobs: &Receiver<Job>) {
    for job in jobs {
        match job {
            Job::Frame(sample) => {
                let path = free_name(dir, sample.frame_id);
                match write(&path, &sample) {
                    Ok(()) => {
                        sample.requester.counts.saved.fetch_add(1, Relaxed);
                    }
                    Err(error) => {
                        tracing::warn!(path = %path.display(), %error, "frame not saved");
                    }
                }
            }
            Job::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

fn write(path: &Path, sample: &Sample) -> Result<(), PngError> {
    let image = &sample.image;
    let Some(wide) = &sample.wide else {
        return vision::png::write(path, image);
    };
    let samples: Vec<u16> = wide
        .chunks_exact(2)
        .map(|sample| u16::from_le_bytes([sample[0], sample[1]]))
        .collect();
    vision::png::write_u16(path, image.width, image.height, image.channels, &samples)
}

/// `frame_000042.png`, or `frame_000042-2.png` where an earlier stream left one of that name.
fn free_name(dir: &Path, frame_id: u64) -> PathBuf {
    let name = |suffix: &str| dir.join(format!("frame_{frame_id:06}{suffix}.png"));
    let mut path = name("");
    for copy in 2u64.. {
        if !path.exists() {
            break;
        }
        path = name(&format!("-{copy}"));
    }
    path
}
