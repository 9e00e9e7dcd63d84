//! `--save-every N`: sampled frames as PNG files, written beside the stream.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;
use protocol::{Encoding, Frame, Limits};
use vision::png::PngError;

use crate::pipeline::Decoded;
use crate::pixels::Decoder;
use crate::session::Requester;

/// Frames that may wait for the disk before the stream waits for it: every sample asked for is kept.
const QUEUE: usize = 4;

enum Job {
    Frame(Sample),
    Flush(SyncSender<()>),
}

struct Sample {
    frame: Frame,
    /// Where it is counted once it is written.
    requester: Arc<Requester>,
}

/// What became of all samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    saved: u64,
    lost: u64,
    /// Why the first of them was lost.
    reason: String,
}

impl Samples {
    /// Fails where samples were lost.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Counts {
            saved,
            lost,
            reason,
        } = &*self.lock();
        match lost {
            0 => Ok(()),
            lost => anyhow::bail!(
                "{lost} of {} frames were not saved (--save-every): {reason}",
                saved + lost
            ),
        }
    }

    fn saved(&self) {
        self.lock().saved += 1;
    }

    /// Says whether it is the first.
    fn lost(&self, reason: impl FnOnce() -> String) -> bool {
        let mut counts = self.lock();
        counts.lost += 1;
        if counts.lost == 1 {
            counts.reason = reason();
        }
        counts.lost == 1
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counts are whole between statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes every Nth frame that it is shown. Dropping it finishes the files it has begun.
pub(crate) struct Saver {
    every: NonZeroU64,
    seen: u64,
    samples: Samples,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Saver {
    /// Makes the folder and starts the writing thread.
    pub(crate) fn start(dir: &Path, every: NonZeroU64, limits: Limits) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let decoder = Decoder::new(limits).context("cannot set up the JPEG decoder")?;
        let (jobs, work) = sync_channel(QUEUE);
        let dir = dir.to_owned();
        let samples = Samples::default();
        let thread = std::thread::Builder::new()
            .name("save".into())
            .spawn({
                let samples = samples.clone();
                move || write_all(&dir, decoder, &work, &samples)
            })
            .context("cannot start the saving thread")?;
        Ok(Self {
            every,
            seen: 0,
            samples,
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// What becomes of all samples.
    pub(crate) fn samples(&self) -> Samples {
        self.samples.clone()
    }

    /// Takes note of the frame and keeps it if it is one of the sampled.
    pub(crate) fn frame(&mut self, decoded: &Decoded) {
        let sampled = self.seen.is_multiple_of(self.every.get());
        self.seen += 1;
        if let Some(frame) = decoded.frame.as_ref().filter(|_| sampled) {
            self.send(Job::Frame(Sample {
                frame: frame.clone(),
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

fn write_all(dir: &Path, mut decoder: Decoder, jobs: &Receiver<Job>, samples: &Samples) {
    for job in jobs {
        match job {
            Job::Frame(sample) => match write_free(dir, &sample.frame, &mut decoder) {
                Ok(()) => {
                    sample.requester.counts.saved.fetch_add(1, Relaxed);
                    samples.saved();
                }
                Err(error) if samples.lost(|| format!("{error:#}")) => {
                    tracing::warn!("frame not saved: {error:#}; further ones are logged with -v");
                }
                Err(error) => tracing::debug!("frame not saved: {error:#}"),
            },
            Job::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// Writes `frame_000042.png`, or `frame_000042-2.png` where an earlier stream, or another program, left one
/// of that name.
fn write_free(dir: &Path, frame: &Frame, decoder: &mut Decoder) -> anyhow::Result<()> {
    let id = frame.meta.frame_id;
    let mut name = format!("frame_{id:06}.png");
    for copy in 2u64.. {
        let path = dir.join(&name);
        // What is there costs no encoding.
        if !path.exists() {
            match write(&path, frame, decoder) {
                Err(error) if error.downcast_ref().is_some_and(PngError::exists) => {}
                written => return written,
            }
        }
        name = format!("frame_{id:06}-{copy}.png");
    }
    unreachable!("so many files no disk has")
}

fn write(path: &Path, frame: &Frame, decoder: &mut Decoder) -> anyhow::Result<()> {
    let meta = &frame.meta;
    if meta.encoding == Encoding::U16 {
        let samples: Vec<u16> = frame
            .data
            .chunks_exact(2)
            .map(|sample| u16::from_le_bytes([sample[0], sample[1]]))
            .collect();
        vision::png::write_u16(path, meta.width, meta.height, meta.channels, &samples)?;
        return Ok(());
    }
    let image = decoder.image(frame).map_err(anyhow::Error::msg)?;
    vision::png::write(path, &image, false)?;
    Ok(())
}
