//! The worker's two threads between session and engine, and the bounded queues that join them.

mod decode;
mod predict;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::{Frame, Limits};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use vision::jpeg;

use crate::batcher::{Batcher, Bounds};
use crate::engine::Engine;
use crate::saver::Saver;
use crate::session::Requester;
use crate::show::Screen;

/// Whole frames that may wait between two stages. With raw 1080p (6 MB) this bounds the worker's
/// memory; deeper queues would only add to the age of poses.
const QUEUE: usize = 3;

/// The most frames that run in one call when a client forms the batches.
const MAX_CLIENT_BATCH: usize = 64;

/// Pixels that wait for the rest of their batch; with more, the batch runs early.
const MAX_BATCH_BYTES: usize = 64 << 20;

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
    /// The client is gone in the midst of its stream.
    StreamLost,
    /// Answered once everything before it was answered.
    Flush(oneshot::Sender<()>),
}

/// The pipeline's threads ended: a bug or the end of the process.
#[derive(Debug, thiserror::Error)]
#[error("the worker's pipeline has stopped")]
pub(crate) struct Stopped;

/// What happens to frames beside the engine's work.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) saver: Option<Saver>,
    pub(crate) screen: Option<Screen>,
    /// Frames in one call of the model; `None`: what suits the device.
    pub(crate) max_batch: Option<usize>,
    pub(crate) limits: Limits,
}

/// Decode and engine threads. Dropping it lets both finish what they have and joins them.
pub(crate) struct Pipeline {
    work: Option<mpsc::Sender<Work<Job>>>,
    threads: Vec<JoinHandle<()>>,
    stopped: CancellationToken,
}

impl Pipeline {
    pub(crate) fn start(engine: Engine, options: Options) -> Result<Self> {
        let batcher = Batcher::new(bounds(&engine, options.max_batch));
        let stage = predict::Stage::new(engine, batcher, options.saver, options.screen);
        let decoder = jpeg::Decoder::new().context("cannot set up the JPEG decoder")?;
        let limits = options.limits;

        let (work, jobs) = mpsc::channel(QUEUE);
        let (decoded, frames) = mpsc::channel(QUEUE);
        let stopped = CancellationToken::new();
        let guard = || stopped.clone().drop_guard();
        let threads = vec![
            spawn("decode", guard(), move || {
                decode::run(jobs, decoded, decoder, &limits);
            })?,
            spawn("engine", guard(), move || stage.run(frames))?,
        ];
        Ok(Self {
            work: Some(work),
            threads,
            stopped,
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

    /// The stream breaks off: its open batch must not hold up the next one's frames.
    pub(crate) async fn stream_lost(&self) -> Result<(), Stopped> {
        self.push(Work::StreamLost).await
    }

    /// Resolves once every frame handed over before has been answered and saved.
    pub(crate) async fn flush(&self) -> Result<(), Stopped> {
        let (done, flushed) = oneshot::channel();
        self.push(Work::Flush(done)).await?;
        flushed.await.map_err(|_| Stopped)
    }

    /// Resolves when a thread has ended, which none does before the pipeline is dropped unless it
    /// panicked.
    pub(crate) async fn stopped(&self) -> Stopped {
        self.stopped.cancelled().await;
        Stopped
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
            // Its panic was printed when it happened, and `stopped` has told of it.
            let _ = thread.join();
        }
    }
}

fn bounds(engine: &Engine, max_batch: Option<usize>) -> Bounds {
    let Some(model) = engine.model() else {
        // Nothing is gained by gathering frames that only are counted.
        return Bounds {
            frames: 1,
            client_frames: 1,
            bytes: MAX_BATCH_BYTES,
        };
    };
    let default = if model.device == "cpu" {
        1
    } else {
        DEFAULT_GPU_BATCH
    };
    Bounds {
        frames: max_batch.unwrap_or(default),
        client_frames: max_batch.unwrap_or(MAX_CLIENT_BATCH),
        bytes: MAX_BATCH_BYTES,
    }
}

fn spawn(
    name: &str,
    ended: DropGuard,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            let _ended = ended;
            body();
        })
        .with_context(|| format!("cannot start the {name} thread"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Encoding, FrameMeta};

    #[tokio::test]
    async fn a_panic_in_the_engine_is_told() {
        let pipeline = Pipeline::start(Engine::Panic, Options::default()).unwrap();
        let (replies, _outbox) = mpsc::channel(1);
        let job = Job {
            frame: Frame {
                meta: FrameMeta {
                    frame_id: 0,
                    width: 2,
                    height: 1,
                    channels: 1,
                    encoding: Encoding::U8,
                    nbytes: 2,
                    captured_us: None,
                },
                data: vec![1, 2].into(),
            },
            receive: Duration::ZERO,
            received_at: Instant::now(),
            requester: Arc::new(Requester::new(replies, true)),
        };
        pipeline.frame(job).await.unwrap();
        pipeline.stopped().await;
        assert!(pipeline.flush().await.is_err());
    }
}
