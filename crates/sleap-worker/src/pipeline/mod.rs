//! The worker's threads from received frames to results, and the bounded queues that join them.
//!
//! ```text
//! session ─► its queue ┐   ┌► decode ┐   ┌► infer ┐
//!                      ├───┤   ...   ├───┤  ...   ├─► finish ─► each session's replies
//! session ─► its queue ┘   └► decode ┘   └► infer ┘   (instances, sinks)
//!                                        (a device each)
//! ```
//!
//! Each stream has a bounded queue of its own, in which its frames keep their order; [`scheduler`] says which stream is
//! next. Several devices run calls at the same time; [`call_order`] puts what they give back into the order of each stream,
//! and [`failover`] says what becomes of calls that one cannot run. A frame has a place among its client's replies before it enters: no stage waits for a client.

mod buffer_pool;
mod call_order;
mod decode;
#[cfg(test)]
mod device_tests;
mod engine;
mod engine_output;
mod engine_outputs;
mod failover;
mod finish;
mod frames;
mod infer;
mod live_frames;
mod model_rate;
mod needs;
mod pipeline_stream;
mod scheduler;
mod sink;
mod stream_queues;
#[cfg(test)]
mod test_frame;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result};
use protocol::{Limits, StreamAck};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::frame_decoder::FrameDecoder;
use crate::metrics::Metrics;
use crate::streams::ResultRoute;
use buffer_pool::BufferPool;
use decode::DecodeStage;
pub(crate) use engine::{Engine, LoadedModel};
use engine::{EngineDevice, EngineStages};
use engine_outputs::{DeviceOutputs, EngineOutputs, FinishInput};
use failover::Failover;
use finish::FinishStage;
pub(crate) use frames::{DecodedFrame, FrameJob};
use infer::InferStage;
use live_frames::LiveFrames;
pub(crate) use model_rate::ModelRate;
pub(crate) use needs::{FrameNeeds, FrameSelector, SelectedFrame};
pub(crate) use pipeline_stream::PipelineStream;
use pipeline_stream::QueueBounds;
pub(crate) use scheduler::StreamClass;
pub(crate) use sink::{FlushWait, FrameSink, FrameSinks, StreamHeader};
use stream_queues::StreamQueues;

/// Complete frames of a stream that may wait as they came, beside one for each decoding thread. With raw 1080p
/// (6 MB) this bounds the worker's memory; deeper queues would only add to the age of poses.
const FRAME_QUEUE_LEN: usize = 3;

/// Threads that decode, at most: the model uses the other cores.
const MAX_DECODERS: usize = 4;

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
    queues: Arc<StreamQueues>,
    /// Of the queue of each stream.
    bounds: QueueBounds,
    /// Places for large frames that are not decoded yet.
    large: Arc<Semaphore>,
    /// Frames of streams without a result.
    live: LiveFrames,
    /// Frames in one call of the model, and of a batch that a client forms.
    batch: usize,
    client_batch: usize,
    rate: ModelRate,
    threads: Vec<JoinHandle<()>>,
    stopped: CancellationToken,
}

/// What counts the calls of each device.
struct DeviceCounts {
    metrics: Metrics,
    rate: ModelRate,
    /// Calls of one inference server count together.
    are_one_server: bool,
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
        let needs = options.sinks.needs();
        let gathered = match engine.model() {
            // Decoded frames gather up to a batch of each device while it has the one before.
            Some(model) if needs.is_empty() => {
                limits.frames.min(limits.bytes / model.input.bytes()) * model.runs_on.calls()
            }
            _ => 0,
        };
        let EngineStages {
            preparer,
            devices,
            are_one_server,
            finisher,
        } = engine.into_stages();
        let mut threads = PipelineThreads::new();
        let decoders = cores().clamp(1, MAX_DECODERS);
        let count = devices.len();
        let (outputs, each, input) = EngineOutputs::new(count);
        let failover = match are_one_server {
            true => Failover::of_one_server(count),
            false => Failover::new(count),
        };
        let queues = Arc::new(StreamQueues::new(limits, failover, outputs));
        let devices = devices.into_iter().zip(each);
        threads.decode(decoders, preparer, &options, &queues)?;
        let rate = ModelRate::new(if are_one_server { 1 } else { count });
        let counts = DeviceCounts {
            metrics: options.metrics.clone(),
            rate: rate.clone(),
            are_one_server,
        };
        threads.infer(devices, &queues, &counts)?;
        let stage = FinishStage {
            finisher,
            sinks: options.sinks,
            worker: options.worker,
            buffers: threads.buffers.clone(),
            streams: Vec::new(),
        };
        threads.finish(stage, input)?;
        let bounds = QueueBounds {
            entries: FRAME_QUEUE_LEN.max(gathered) + decoders,
            undecoded: (FRAME_QUEUE_LEN + decoders) as u32,
        };
        Ok(Self {
            queues,
            bounds,
            large: Arc::new(Semaphore::new(bounds.undecoded as usize)),
            live: LiveFrames::default(),
            batch: limits.frames,
            client_batch: limits.client_frames,
            rate,
            threads: threads.threads,
            stopped: threads.stopped,
        })
    }

    /// The queue for the frames of one stream, or of one file.
    pub(crate) fn open(&self, route: Arc<ResultRoute>, class: StreamClass) -> PipelineStream {
        PipelineStream {
            id: self.queues.open(class),
            route,
            queues: Arc::clone(&self.queues),
            room: Arc::new(Semaphore::new(self.bounds.entries)),
            undecoded: Arc::new(Semaphore::new(self.bounds.undecoded as usize)),
            large: Arc::clone(&self.large),
            bounds: self.bounds,
            live: self.live.clone(),
            stopped: self.stopped.clone(),
        }
    }

    /// Resolves once no stream has a frame here, at `until` at the latest: when a frame of a file may
    /// come.
    pub(crate) async fn quiet(&self, until: Instant) {
        // What comes first wins; either is good.
        let _ = tokio::time::timeout_at(until.into(), self.live.none()).await;
    }

    /// How many frames a second the model can run.
    pub(crate) fn rate(&self) -> ModelRate {
        self.rate.clone()
    }

    /// Frames in one call of the model at most.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// Frames of a client's batch that wait for each other at most; each has a place among the client's replies.
    pub(crate) fn client_batch(&self) -> usize {
        self.client_batch
    }

    /// Resolves once every frame of all streams has its result and the sinks have finished with it.
    ///
    /// # Errors
    /// The pipeline has stopped.
    pub(crate) async fn flush(&self) -> Result<(), PipelineStopped> {
        let (done, flushed) = oneshot::channel();
        self.queues.flush(done);
        tokio::select! {
            biased;
            () = self.stopped.cancelled() => Err(PipelineStopped),
            flushed = flushed => flushed.map_err(|_| PipelineStopped),
        }
    }

    /// Resolves when a thread has ended, which none does before the pipeline is dropped unless it
    /// panicked.
    pub(crate) async fn stopped(&self) -> PipelineStopped {
        self.stopped.cancelled().await;
        PipelineStopped
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

    /// Starts the decoding threads, which take frames of all streams.
    fn decode(
        &mut self,
        count: usize,
        preparer: Option<pose::Preparer>,
        options: &PipelineOptions,
        queues: &Arc<StreamQueues>,
    ) -> Result<()> {
        for _ in 0..count {
            let decoder = FrameDecoder::new(options.limits.clone());
            let stage = DecodeStage {
                decoder: decoder.context("cannot set up the JPEG decoder")?,
                preparer: preparer.clone(),
                buffers: self.buffers.clone(),
                needs: options.sinks.needs(),
                selectors: options.sinks.selectors(),
            };
            let queues = Arc::clone(queues);
            self.spawn("decode", move || stage.run(&queues))?;
        }
        Ok(())
    }

    /// Starts a thread for each device.
    fn infer(
        &mut self,
        devices: impl Iterator<Item = (EngineDevice, DeviceOutputs)>,
        queues: &Arc<StreamQueues>,
        counts: &DeviceCounts,
    ) -> Result<()> {
        for (number, (EngineDevice { name, engine }, outputs)) in devices.enumerate() {
            let stage = InferStage {
                engine,
                device: number,
                counted_as: if counts.are_one_server { 0 } else { number },
                name,
                outputs,
                metrics: counts.metrics.clone(),
                rate: counts.rate.clone(),
                failed: None,
            };
            let queues = Arc::clone(queues);
            self.spawn("infer", move || stage.run(&queues))?;
        }
        Ok(())
    }

    fn finish(&mut self, stage: FinishStage, input: FinishInput) -> Result<()> {
        self.spawn("finish", move || stage.run(&input))
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

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.queues.close();
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
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_panic_in_the_engine_is_told() {
        let pipeline = Pipeline::start(Engine::Panic, PipelineOptions::default()).unwrap();
        let (replies, _outbox) = mpsc::channel(1);
        let route = Arc::new(ResultRoute::new(replies, true));
        let stream = pipeline.open(route, StreamClass::Live);
        stream.frame(test_frame::frame(0)).await.unwrap();
        pipeline.stopped().await;
        assert!(stream.flush().await.is_err());
        assert!(pipeline.flush().await.is_err());
    }
}
