//! The worker's two threads between session and engine, and the bounded queues that join them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::{Frame, Message};
use tokio::sync::{mpsc, oneshot};
use vision::jpeg;

use crate::batcher::{Batcher, Next};
use crate::engine::{Decoded, Engine, Times, failure};
use crate::pixels;
use crate::saver::Saver;
use crate::session::Requester;
use crate::show::Screen;

/// Whole frames that may wait between two stages. With raw 1080p (6 MB) this bounds the worker's
/// memory; deeper queues would only add to the age of poses.
const QUEUE: usize = 3;

/// The most frames that run in one call when a client forms the batches.
const MAX_CLIENT_BATCH: usize = 64;

/// Frames that a model on a GPU takes at a time unless its export or the user says otherwise.
const DEFAULT_GPU_BATCH: usize = 8;

/// A whole frame as the session hands it over.
pub(crate) struct Job {
    pub(crate) frame: Frame,
    pub(crate) receive: Duration,
    pub(crate) received_at: Instant,
    pub(crate) requester: Arc<Requester>,
}

enum Work<T> {
    Frame(T),
    BatchStarted,
    BatchEnded,
    /// Answered once everything before it was answered.
    Flush(oneshot::Sender<()>),
}

/// The pipeline's threads ended: a bug or the end of the process.
#[derive(Debug, thiserror::Error)]
#[error("the worker's pipeline has stopped")]
pub(crate) struct Stopped;

/// Decode and engine threads. Dropping it lets both finish what they have and joins them.
pub(crate) struct Pipeline {
    work: Option<mpsc::Sender<Work<Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    pub(crate) fn start(
        engine: Engine,
        saver: Option<Saver>,
        screen: Option<Screen>,
        max_batch: Option<std::num::NonZeroUsize>,
    ) -> Result<Self> {
        let on_gpu = engine.model().is_some_and(|model| model.device != "cpu");
        let max = max_batch.map_or(if on_gpu { DEFAULT_GPU_BATCH } else { 1 }, usize::from);
        let batcher = Batcher::new(max, max_batch.map_or(MAX_CLIENT_BATCH, usize::from));
        let stage = EngineStage {
            engine,
            batcher,
            saver,
            screen,
        };

        let (work, jobs) = mpsc::channel(QUEUE);
        let (decoded, frames) = mpsc::channel(QUEUE);
        let decoder = jpeg::Decoder::new().context("cannot set up the JPEG decoder")?;
        let threads = vec![
            spawn("decode", move || decode_stage(jobs, decoded, decoder))?,
            spawn("engine", move || stage.run(frames))?,
        ];
        Ok(Self {
            work: Some(work),
            threads,
        })
    }

    pub(crate) async fn frame(&self, job: Job) -> Result<(), Stopped> {
        self.push(Work::Frame(job)).await
    }

    pub(crate) async fn batch_started(&self) -> Result<(), Stopped> {
        self.push(Work::BatchStarted).await
    }

    pub(crate) async fn batch_ended(&self) -> Result<(), Stopped> {
        self.push(Work::BatchEnded).await
    }

    /// Resolves once every frame handed over before has been answered and saved.
    pub(crate) async fn flush(&self) -> Result<(), Stopped> {
        let (done, flushed) = oneshot::channel();
        self.push(Work::Flush(done)).await?;
        flushed.await.map_err(|_| Stopped)
    }

    async fn push(&self, work: Work<Job>) -> Result<(), Stopped> {
        match &self.work {
            Some(queue) => queue.send(work).await.map_err(|_| Stopped),
            None => Err(Stopped),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.work = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a pipeline thread panicked");
            }
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .with_context(|| format!("cannot start the {name} thread"))
}

fn decode_stage(
    mut jobs: mpsc::Receiver<Work<Job>>,
    decoded: mpsc::Sender<Work<Decoded>>,
    mut decoder: jpeg::Decoder,
) {
    while let Some(work) = jobs.blocking_recv() {
        let next = match work {
            Work::Frame(job) => match decode(job, &mut decoder) {
                Some(frame) => Work::Frame(frame),
                None => continue,
            },
            Work::BatchStarted => Work::BatchStarted,
            Work::BatchEnded => Work::BatchEnded,
            Work::Flush(done) => Work::Flush(done),
        };
        if decoded.blocking_send(next).is_err() {
            return;
        }
    }
}

/// The job's pixels; a broken frame is answered with an ERROR of its own and goes no further.
fn decode(job: Job, decoder: &mut jpeg::Decoder) -> Option<Decoded> {
    let Job {
        frame,
        receive,
        received_at,
        requester,
    } = job;
    if requester.is_gone() {
        return None;
    }
    let started = Instant::now();
    match pixels::decode(&frame, decoder) {
        Ok(pixels) => Some(Decoded {
            frame_id: frame.meta.frame_id,
            pixels,
            requester,
            times: Times {
                receive,
                received_at,
                decode: started.elapsed(),
            },
        }),
        Err(reason) => {
            tracing::debug!(frame_id = frame.meta.frame_id, %reason, "frame cannot be decoded");
            requester.answer(failure(frame.meta.frame_id, reason));
            None
        }
    }
}

struct EngineStage {
    engine: Engine,
    batcher: Batcher<Decoded>,
    saver: Option<Saver>,
    screen: Option<Screen>,
}

impl EngineStage {
    fn run(mut self, mut frames: mpsc::Receiver<Work<Decoded>>) {
        while let Some(work) = frames.blocking_recv() {
            let mut next = self.accept(work);
            while next == Next::Poll {
                next = match frames.try_recv() {
                    Ok(work) => self.accept(work),
                    Err(_) => Next::Run,
                };
            }
            if next == Next::Run {
                self.run_batch();
            }
        }
    }

    fn accept(&mut self, work: Work<Decoded>) -> Next {
        match work {
            Work::Frame(frame) if frame.requester.is_gone() => Next::Wait,
            Work::Frame(frame) => self.batcher.frame(frame),
            Work::BatchStarted => self.batcher.start(),
            Work::BatchEnded => self.batcher.end(),
            Work::Flush(done) => {
                self.batcher.end();
                self.run_batch();
                if let Some(saver) = &mut self.saver {
                    saver.flush();
                }
                // A session that no longer waits is gone; nobody else needs to know.
                let _ = done.send(());
                Next::Wait
            }
        }
    }

    fn run_batch(&mut self) {
        let batch = self.batcher.take();
        if batch.is_empty() {
            return;
        }
        let answers = self.engine.answer(&batch);
        for (decoded, answer) in batch.into_iter().zip(answers) {
            self.look(&decoded, &answer);
            decoded.requester.answer(answer);
        }
    }

    /// The worker's own eyes: window and saved samples.
    fn look(&mut self, decoded: &Decoded, answer: &Message) {
        if let Some(screen) = &mut self.screen {
            screen.show(decoded, answer);
        }
        if let Some(saver) = &mut self.saver
            && saver.frame(decoded)
        {
            decoded.requester.counts.saved.fetch_add(1, Relaxed);
        }
    }
}
