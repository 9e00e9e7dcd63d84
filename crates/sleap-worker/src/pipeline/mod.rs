//! The worker's threads between session and answers, and the bounded queues that join them.
//!
//! ```text
//!            ┌► decode ┐
//! session ───┤   ...   ├─► infer ─► finish ─► session's answers
//!            └► decode ┘   (model)  (instances, window, samples)
//! ```
//!
//! Frames keep their order: each has its place in the queue before a thread decodes it.

mod decode;
mod finish;
mod incoming;
mod infer;
mod live;
mod spare;

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::{Frame, FrameMeta, Limits};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::batcher::{Batcher, Bounds};
use crate::emit::Emission;
use crate::metrics::Metrics;
use crate::pixels::Decoder;
use crate::saver::Saver;
use crate::session::Requester;
use crate::show::Screen;
use crate::view::Hub;

pub(crate) use decode::Decoded;
use decode::Task;
use incoming::{Incoming, Mark, Work};
use live::Live;
use spare::Spare;

/// Whole frames that may wait as they came, beside one for each decoding thread. With raw 1080p
/// (6 MB) this bounds the worker's memory; deeper queues would only add to the age of poses.
const QUEUE: usize = 3;

/// Bytes of pixels for which a frame takes a place in that queue, beyond its first: of the largest
/// frames there is one at a time, however small they are as JPEG.
const PLACE_BYTES: u64 = 32 << 20;

/// Threads that decode, at most: a model takes what is left of the cores.
const MAX_DECODERS: usize = 4;

/// Batches that may wait for their answers to be made while the model has the next one.
const RAN: usize = 1;

/// The most frames that run in one call when a client forms the batches.
const MAX_CLIENT_BATCH: usize = 64;

/// Pixels that wait for the rest of their batch; with more, the batch runs early.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// The same for a client's batch on a CPU where nobody has said how many frames it may have: what a
/// model makes of them takes hundreds of times their memory.
const MAX_CPU_BATCH_BYTES: usize = 8 << 20;

/// A whole frame as the session hands it over.
pub(crate) struct Job {
    pub(crate) frame: Frame,
    pub(crate) receive: Duration,
    pub(crate) received_at: Instant,
    pub(crate) requester: Arc<Requester>,
}

/// What answers frames.
pub(crate) enum Engine {
    Model(Box<pose::Model>),
    /// The verification worker: frames are decoded and counted.
    Verify,
    /// Fails as only a bug can.
    #[cfg(test)]
    Panic,
}

impl Engine {
    /// The loaded model, if there is one.
    pub(crate) fn model(&self) -> Option<&pose::ModelDescription> {
        match self {
            Engine::Model(model) => Some(model.info()),
            _ => None,
        }
    }
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
    pub(crate) emission: Option<Emission>,
    /// Who looks on, where anybody can.
    pub(crate) view: Option<Arc<Hub>>,
    /// Frames in one call of the model; `None`: what suits the device.
    pub(crate) max_batch: Option<usize>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
}

/// The pipeline's threads. Dropping it lets them finish what they have and joins them.
pub(crate) struct Pipeline {
    /// In the stream's order.
    work: Option<mpsc::Sender<Work>>,
    /// To whichever decoding thread is free.
    tasks: Option<crossbeam_channel::Sender<Task>>,
    /// Frames that may lie here as they came.
    undecoded: Arc<Semaphore>,
    /// As many as there are of them.
    places: u32,
    /// Frames of streams that are not answered yet.
    live: Live,
    /// Frames in one call of the model.
    batch: usize,
    threads: Vec<JoinHandle<()>>,
    stopped: CancellationToken,
}

impl Pipeline {
    pub(crate) fn start(engine: Engine, options: Options) -> Result<Self> {
        let bounds = bounds(&engine, options.max_batch);
        let batch = bounds.frames;
        let looked_at = options.saver.is_some() || options.screen.is_some();
        let gathered = match engine.model() {
            // Decoded frames gather up to a batch while the model has the one before.
            Some(model) if !looked_at => bounds.frames.min(bounds.bytes / model.input.bytes()),
            _ => 0,
        };
        let batcher = Batcher::new(bounds);
        let (preparer, engine, finisher) = split(engine);
        let spare = Spare::default();
        let stopped = CancellationToken::new();
        let guard = || stopped.clone().drop_guard();
        let mut threads = Vec::new();

        let decoders = cores().clamp(1, MAX_DECODERS);
        // Bounded by the permits for frames that are not decoded: each task has one.
        let (tasks, to_decode) = crossbeam_channel::unbounded();
        for _ in 0..decoders {
            let decoder = Decoder::new(options.limits.clone());
            let stage = decode::Stage {
                decoder: decoder.context("cannot set up the JPEG decoder")?,
                preparer: preparer.clone(),
                spare: spare.clone(),
                keep_frames: options.saver.is_some(),
                keep_pictures: options.screen.is_some(),
                view: options.view.clone(),
            };
            let to_decode = to_decode.clone();
            threads.push(spawn("decode", guard(), move || stage.run(&to_decode))?);
        }

        let (work, incoming) = mpsc::channel(QUEUE.max(gathered) + decoders);
        let (ran, to_finish) = sync_channel(RAN);
        let stage = infer::Stage {
            engine,
            batcher,
            ran,
            metrics: options.metrics,
        };
        let incoming = Incoming::new(incoming);
        threads.push(spawn("infer", guard(), move || stage.run(incoming))?);

        let stage = finish::Stage {
            finisher,
            saver: options.saver,
            screen: options.screen,
            emission: options.emission,
            view: options.view,
            spare,
        };
        threads.push(spawn("finish", guard(), move || stage.run(&to_finish))?);
        Ok(Self {
            work: Some(work),
            tasks: Some(tasks),
            undecoded: Arc::new(Semaphore::new(QUEUE + decoders)),
            places: (QUEUE + decoders) as u32,
            live: Live::default(),
            batch,
            threads,
            stopped,
        })
    }

    pub(crate) async fn frame(&self, job: Job) -> Result<(), Stopped> {
        let (Some(work), Some(tasks)) = (&self.work, &self.tasks) else {
            return Err(Stopped);
        };
        // Before it waits for room: files then bring nothing further.
        let live = (!job.requester.is_aside()).then(|| self.live.enters());
        let room = work.reserve().await.map_err(|_| Stopped)?;
        let undecoded = Arc::clone(&self.undecoded);
        let places = places_of(&job.frame.meta).min(self.places);
        let permit = undecoded.acquire_many_owned(places).await;
        let permit = permit.map_err(|_| Stopped)?;
        let (place, decoded) = oneshot::channel();
        let task = Task {
            job,
            live,
            place,
            permit,
        };
        tasks.send(task).map_err(|_| Stopped)?;
        room.send(Work::Frame(decoded));
        Ok(())
    }

    /// Resolves once no stream has a frame here, at `until` at the latest: when a frame of a file may
    /// come.
    pub(crate) async fn quiet(&self, until: Instant) {
        // What comes first wins; either is good.
        let _ = tokio::time::timeout_at(until.into(), self.live.none()).await;
    }

    /// Frames in one call of the model at most.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    pub(crate) async fn batch_started(&self) -> Result<(), Stopped> {
        self.mark(Mark::BatchStarted).await
    }

    pub(crate) async fn batch_ended(&self) -> Result<(), Stopped> {
        self.mark(Mark::BatchEnded).await
    }

    /// The stream breaks off: its open batch must not hold up the next one's frames.
    pub(crate) async fn stream_lost(&self) -> Result<(), Stopped> {
        self.mark(Mark::StreamLost).await
    }

    /// Resolves once every frame handed over before has been answered and saved.
    pub(crate) async fn flush(&self) -> Result<(), Stopped> {
        let (done, flushed) = oneshot::channel();
        self.mark(Mark::Flush(done)).await?;
        flushed.await.map_err(|_| Stopped)
    }

    /// Resolves when a thread has ended, which none does before the pipeline is dropped unless it
    /// panicked.
    pub(crate) async fn stopped(&self) -> Stopped {
        self.stopped.cancelled().await;
        Stopped
    }

    async fn mark(&self, mark: Mark) -> Result<(), Stopped> {
        match &self.work {
            Some(queue) => queue.send(Work::Mark(mark)).await.map_err(|_| Stopped),
            None => Err(Stopped),
        }
    }
}

/// Places in the queue that a frame takes.
fn places_of(meta: &FrameMeta) -> u32 {
    // Twice the pixels in 16 bits; a JPEG's may be colours whatever was announced.
    let sample_bytes = meta.encoding.sample_bytes();
    let bytes = u64::from(meta.width)
        * u64::from(meta.height)
        * sample_bytes.map_or(3, |bytes| bytes * u64::from(meta.channels));
    1 + u32::try_from(bytes / PLACE_BYTES).unwrap_or(u32::MAX - 1)
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.work = None;
        self.tasks = None;
        let mut join = || {
            for thread in self.threads.drain(..) {
                // Its panic was printed when it happened, and `stopped` has told of it.
                let _ = thread.join();
            }
        };
        // The last thread waits for tasks of the runtime, which may have no thread but this one.
        match Handle::try_current() {
            Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
                tokio::task::block_in_place(join);
            }
            _ => join(),
        }
    }
}

/// The model's stages, where there is a model.
fn split(
    engine: Engine,
) -> (
    Option<pose::Preparer>,
    infer::Engine,
    Option<pose::Finisher>,
) {
    match engine {
        Engine::Model(model) => {
            let stages = model.into_stages();
            let runner = infer::Engine::Model(stages.runner);
            (Some(stages.preparer), runner, Some(stages.finisher))
        }
        Engine::Verify => (None, infer::Engine::Verify, None),
        #[cfg(test)]
        Engine::Panic => (None, infer::Engine::Panic, None),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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
    Bounds {
        frames: model.max_batch,
        // A GPU was readied for batches up to this size and no others.
        client_frames: match max_batch {
            None if model.device == pose::Device::Cpu => MAX_CLIENT_BATCH,
            _ => model.max_batch,
        },
        bytes: match max_batch {
            None if model.device == pose::Device::Cpu => MAX_CPU_BATCH_BYTES,
            _ => MAX_BATCH_BYTES,
        },
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
