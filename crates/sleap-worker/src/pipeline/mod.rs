//! The worker's threads from received frames to results, and the bounded queues that join them.
//!
//! ```text
//!            ┌► decode ┐
//! session ───┤   ...   ├─► infer ─► finish ─► the session's replies
//!            └► decode ┘   (model)  (instances, sinks)
//! ```
//!
//! Frames keep their order: each has its place in the queue before a thread decodes it.

mod batcher;
mod buffer_pool;
mod decode;
mod engine;
mod finish;
mod infer;
mod live_frames;
mod needs;
mod ordered_queue;
mod sink;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::{Frame, FrameMeta, Limits, StreamAck};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::frame_decoder::FrameDecoder;
use crate::metrics::Metrics;
use crate::streams::ResultRoute;
use batcher::Batcher;
use buffer_pool::BufferPool;
pub(crate) use decode::DecodedFrame;
use decode::{DecodeStage, DecodeTask};
pub(crate) use engine::Engine;
use engine::EngineStages;
use finish::{EngineOutput, FinishStage};
use infer::InferStage;
use live_frames::LiveFrames;
pub(crate) use needs::{FrameNeeds, FrameSelector, SelectedFrame};
use ordered_queue::{OrderedQueue, PipelineInput, StreamMark};
pub(crate) use sink::{FrameSink, FrameSinks, StreamHeader};

/// Complete frames that may wait as they came, beside one for each decoding thread. With raw 1080p
/// (6 MB) this bounds the worker's memory; deeper queues would only add to the age of poses.
const FRAME_QUEUE_LEN: usize = 3;

/// Bytes of pixels for which a frame takes a place in that queue, beyond its first: of the largest
/// frames there is one at a time, however small they are as JPEG.
const PLACE_BYTES: u64 = 32 << 20;

/// Threads that decode, at most: the model uses the other cores.
const MAX_DECODERS: usize = 4;

/// Batches that may wait for the last stage while the model has the next one.
const OUTPUT_QUEUE_LEN: usize = 1;

/// A complete frame as the session hands it over.
pub(crate) struct FrameJob {
    pub(crate) frame: Frame,
    /// From FRAME_META to FRAME_END.
    pub(crate) receive: Duration,
    /// When the frame was complete.
    pub(crate) received_at: Instant,
    pub(crate) route: Arc<ResultRoute>,
}

/// The pipeline's threads have ended: a bug, or the end of the process.
#[derive(Debug, thiserror::Error)]
#[error("the worker's pipeline has stopped")]
pub(crate) struct PipelineStopped;

/// What happens to frames beside the engine's work.
#[derive(Default)]
pub(crate) struct PipelineOptions {
    pub(crate) sinks: FrameSinks,
    /// What the worker is, for the sinks.
    pub(crate) worker: StreamAck,
    /// Frames in one call of the model; `None`: what suits the device.
    pub(crate) max_batch: Option<usize>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
}

/// The pipeline's threads. Dropping it lets them finish what they have and joins them.
pub(crate) struct Pipeline {
    /// In the stream's order.
    input: Option<mpsc::Sender<PipelineInput>>,
    /// To the decoding thread that is free.
    tasks: Option<crossbeam_channel::Sender<DecodeTask>>,
    /// Places for frames that are not decoded yet.
    undecoded: Arc<Semaphore>,
    /// The number of these places.
    places: u32,
    /// Frames of streams without a result.
    live: LiveFrames,
    /// Frames in one call of the model.
    batch: usize,
    threads: Vec<JoinHandle<()>>,
    stopped: CancellationToken,
}

/// The threads while they are started.
struct PipelineThreads {
    threads: Vec<JoinHandle<()>>,
    buffers: BufferPool,
    stopped: CancellationToken,
}

impl Pipeline {
    /// Starts the threads.
    ///
    /// # Errors
    /// The JPEG decoder cannot be set up, or the system starts no thread.
    pub(crate) fn start(engine: Engine, options: PipelineOptions) -> Result<Self> {
        let limits = engine.limits(options.max_batch);
        let batch = limits.frames;
        let needs = options.sinks.needs();
        let gathered = match engine.model() {
            // Decoded frames gather up to a batch while the model has the one before.
            Some(model) if needs.is_empty() => {
                limits.frames.min(limits.bytes / model.input.bytes())
            }
            _ => 0,
        };
        let EngineStages {
            preparer,
            engine,
            finisher,
        } = engine.into_stages();
        let mut threads = PipelineThreads::new();
        let decoders = cores().clamp(1, MAX_DECODERS);
        let tasks = threads.decode(decoders, preparer, &options)?;
        let (input, queue) = mpsc::channel(FRAME_QUEUE_LEN.max(gathered) + decoders);
        let (outputs, to_finish) = sync_channel(OUTPUT_QUEUE_LEN);
        let stage = InferStage {
            engine,
            batcher: Batcher::new(limits),
            outputs,
            metrics: options.metrics,
        };
        threads.infer(stage, OrderedQueue::new(queue))?;
        let stage = FinishStage {
            finisher,
            sinks: options.sinks,
            worker: options.worker,
            buffers: threads.buffers.clone(),
            streams: Vec::new(),
        };
        threads.finish(stage, to_finish)?;
        Ok(Self {
            input: Some(input),
            tasks: Some(tasks),
            undecoded: Arc::new(Semaphore::new(FRAME_QUEUE_LEN + decoders)),
            places: (FRAME_QUEUE_LEN + decoders) as u32,
            live: LiveFrames::default(),
            batch,
            threads: threads.threads,
            stopped: threads.stopped,
        })
    }

    /// Hands a frame over; waits for room.
    ///
    /// # Errors
    /// The pipeline has stopped; so for all others.
    pub(crate) async fn frame(&self, job: FrameJob) -> Result<(), PipelineStopped> {
        let (Some(input), Some(tasks)) = (&self.input, &self.tasks) else {
            return Err(PipelineStopped);
        };
        // Before it waits for room: jobs then hand over no further frame.
        let live = (!job.route.is_aside()).then(|| self.live.enters());
        let room = input.reserve().await.map_err(|_| PipelineStopped)?;
        let undecoded = Arc::clone(&self.undecoded);
        let places = places_of(&job.frame.meta).min(self.places);
        let permit = undecoded.acquire_many_owned(places).await;
        let permit = permit.map_err(|_| PipelineStopped)?;
        let (decoded, place) = oneshot::channel();
        let task = DecodeTask {
            job,
            live,
            decoded,
            permit,
        };
        tasks.send(task).map_err(|_| PipelineStopped)?;
        room.send(PipelineInput::Frame(place));
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

    /// Begins a stream at the sinks; its frames follow.
    pub(crate) async fn stream_started(
        &self,
        stream: &Arc<ResultRoute>,
    ) -> Result<(), PipelineStopped> {
        self.mark(StreamMark::StreamStarted(Arc::clone(stream)))
            .await
    }

    /// Ends a stream at the sinks. Its open batch must not hold up the next one's frames.
    pub(crate) async fn stream_ended(
        &self,
        stream: &Arc<ResultRoute>,
    ) -> Result<(), PipelineStopped> {
        self.mark(StreamMark::StreamEnded(Arc::clone(stream))).await
    }

    /// A batch of the client begins.
    pub(crate) async fn batch_started(&self) -> Result<(), PipelineStopped> {
        self.mark(StreamMark::BatchStarted).await
    }

    /// The client's batch is over.
    pub(crate) async fn batch_ended(&self) -> Result<(), PipelineStopped> {
        self.mark(StreamMark::BatchEnded).await
    }

    /// Resolves once every frame handed over before has its result and the sinks have finished with it.
    pub(crate) async fn flush(&self) -> Result<(), PipelineStopped> {
        let (done, flushed) = oneshot::channel();
        self.mark(StreamMark::Flush(done)).await?;
        flushed.await.map_err(|_| PipelineStopped)
    }

    /// Resolves when a thread has ended, which none does before the pipeline is dropped unless it
    /// panicked.
    pub(crate) async fn stopped(&self) -> PipelineStopped {
        self.stopped.cancelled().await;
        PipelineStopped
    }

    async fn mark(&self, mark: StreamMark) -> Result<(), PipelineStopped> {
        let Some(input) = &self.input else {
            return Err(PipelineStopped);
        };
        let sent = input.send(PipelineInput::Mark(mark)).await;
        sent.map_err(|_| PipelineStopped)
    }
}

impl PipelineThreads {
    fn new() -> Self {
        Self {
            threads: Vec::new(),
            buffers: BufferPool::default(),
            stopped: CancellationToken::new(),
        }
    }

    /// Starts the decoding threads, which share a queue of tasks.
    fn decode(
        &mut self,
        count: usize,
        preparer: Option<pose::Preparer>,
        options: &PipelineOptions,
    ) -> Result<crossbeam_channel::Sender<DecodeTask>> {
        // Bounded by the permits for frames that are not decoded: each task has one.
        let (tasks, to_decode) = crossbeam_channel::unbounded();
        for _ in 0..count {
            let decoder = FrameDecoder::new(options.limits.clone());
            let stage = DecodeStage {
                decoder: decoder.context("cannot set up the JPEG decoder")?,
                preparer: preparer.clone(),
                buffers: self.buffers.clone(),
                needs: options.sinks.needs(),
                selectors: options.sinks.selectors(),
            };
            let to_decode = to_decode.clone();
            self.spawn("decode", move || stage.run(&to_decode))?;
        }
        Ok(tasks)
    }

    fn infer(&mut self, stage: InferStage, queue: OrderedQueue) -> Result<()> {
        self.spawn("infer", move || stage.run(queue))
    }

    fn finish(&mut self, stage: FinishStage, outputs: Receiver<EngineOutput>) -> Result<()> {
        self.spawn("finish", move || stage.run(&outputs))
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let ended: DropGuard = self.stopped.clone().drop_guard();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                let _ended = ended;
                body();
            })
            .with_context(|| format!("cannot start the {name} thread"))?;
        self.threads.push(thread);
        Ok(())
    }
}

/// Places in the queue that a frame takes.
fn places_of(meta: &FrameMeta) -> u32 {
    // Twice the pixels in 16 bits; a JPEG may have colours, also where FRAME_META announces none.
    let sample_bytes = meta.encoding.sample_bytes();
    let bytes = u64::from(meta.width)
        * u64::from(meta.height)
        * sample_bytes.map_or(3, |bytes| bytes * u64::from(meta.channels));
    1 + u32::try_from(bytes / PLACE_BYTES).unwrap_or(u32::MAX - 1)
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.input = None;
        self.tasks = None;
        let mut join = || {
            for thread in self.threads.drain(..) {
                // Its panic was printed when it happened, and `stopped` has reported it.
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

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Encoding, FrameMeta};

    #[tokio::test]
    async fn a_panic_in_the_engine_is_told() {
        let pipeline = Pipeline::start(Engine::Panic, PipelineOptions::default()).unwrap();
        let (replies, _outbox) = mpsc::channel(1);
        let job = FrameJob {
            frame: Frame {
                meta: FrameMeta {
                    frame_id: 0,
                    width: 2,
                    height: 1,
                    channels: 1,
                    encoding: Encoding::U8,
                    nbytes: 2,
                    captured_us: None,
                    clock: None,
                },
                data: vec![1, 2].into(),
            },
            receive: Duration::ZERO,
            received_at: Instant::now(),
            route: Arc::new(ResultRoute::new(replies, true)),
        };
        pipeline.frame(job).await.unwrap();
        pipeline.stopped().await;
        assert!(pipeline.flush().await.is_err());
    }
}
