//! The second stage: one thread that keeps the model busy.

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use pose::{BatchOutputs, PredictError, Runner};

use super::batcher::{Batcher, BatcherEvent};
use super::decode::DecodedFrame;
use super::finish::{EngineOutput, InferredBatch};
use super::ordered_queue::{DecodedItem, OrderedQueue, StreamMark};
use crate::metrics::Metrics;

/// What runs on a batch.
pub(super) enum LoadedEngine {
    Model(Runner),
    /// Nothing: frames are decoded and counted.
    Verify,
    /// Panics, as a bug would.
    #[cfg(test)]
    Panic,
}

/// What the stage's thread works with.
pub(super) struct InferStage {
    pub(super) engine: LoadedEngine,
    pub(super) batcher: Batcher<DecodedFrame>,
    pub(super) outputs: SyncSender<EngineOutput>,
    pub(super) metrics: Metrics,
}

/// The last stage has ended.
struct FinishStageClosed;

impl InferStage {
    /// Runs batches until no more can come.
    pub(super) fn run(mut self, mut queue: OrderedQueue) {
        while let Some(item) = queue.wait() {
            if self.serve(item, &mut queue).is_err() {
                return;
            }
        }
    }

    /// Takes `item` and what else is there, and runs the batch if it is to run.
    fn serve(
        &mut self,
        item: DecodedItem,
        queue: &mut OrderedQueue,
    ) -> Result<(), FinishStageClosed> {
        let mut next = self.accept(item)?;
        while next == BatcherEvent::Poll {
            next = match queue.poll() {
                Some(item) => self.accept(item)?,
                None => BatcherEvent::Run,
            };
        }
        match next {
            BatcherEvent::Run => self.run_batch(),
            _ => Ok(()),
        }
    }

    fn accept(&mut self, item: DecodedItem) -> Result<BatcherEvent, FinishStageClosed> {
        Ok(match item {
            // Nothing is added; what was gathered before still has to run.
            DecodedItem::Failed => self.batcher.next(),
            DecodedItem::Frame(frame) if frame.route.leaves_a_frame() => self.batcher.next(),
            // A client's batch does not wait for a file's frame, nor that frame for the batch's end.
            DecodedItem::Frame(frame) if frame.route.is_aside() && self.batcher.is_open() => {
                self.run_alone(frame)?;
                self.batcher.next()
            }
            DecodedItem::Frame(frame) => {
                let bytes = frame.bytes();
                self.batcher.frame(frame, bytes)
            }
            DecodedItem::Mark(StreamMark::BatchStarted) => self.batcher.start(),
            DecodedItem::Mark(StreamMark::BatchEnded) => self.batcher.end(),
            DecodedItem::Mark(StreamMark::StreamStarted(route)) => {
                self.pass_after_batch(EngineOutput::StreamStarted(route))?
            }
            DecodedItem::Mark(StreamMark::StreamEnded(route)) => {
                self.pass_after_batch(EngineOutput::StreamEnded(route))?
            }
            DecodedItem::Mark(StreamMark::Flush(done)) => {
                self.pass_after_batch(EngineOutput::Flush(done))?
            }
        })
    }

    /// Passes `output` on after the frames that were gathered; an open batch ends.
    fn pass_after_batch(
        &mut self,
        output: EngineOutput,
    ) -> Result<BatcherEvent, FinishStageClosed> {
        self.batcher.end();
        self.run_batch()?;
        self.pass(output)?;
        Ok(BatcherEvent::Wait)
    }

    fn run_batch(&mut self) -> Result<(), FinishStageClosed> {
        let frames = self.batcher.take();
        if frames.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        self.metrics.batch(frames.len());
        match self.engine.run(&frames) {
            Err(error) if frames.len() > 1 => {
                tracing::debug!(%error, frames = frames.len(), "batch failed; running its frames alone");
                frames
                    .into_iter()
                    .try_for_each(|frame| self.run_alone(frame))
            }
            outputs => self.pass(EngineOutput::Batch(InferredBatch {
                frames,
                outputs,
                started,
            })),
        }
    }

    /// A frame that the model cannot take fails alone.
    fn run_alone(&mut self, frame: DecodedFrame) -> Result<(), FinishStageClosed> {
        let started = Instant::now();
        let frames = vec![frame];
        self.metrics.batch(frames.len());
        let outputs = self.engine.run(&frames);
        self.pass(EngineOutput::Batch(InferredBatch {
            frames,
            outputs,
            started,
        }))
    }

    fn pass(&self, output: EngineOutput) -> Result<(), FinishStageClosed> {
        self.outputs.send(output).map_err(|_| FinishStageClosed)
    }
}

impl LoadedEngine {
    fn run(&mut self, frames: &[DecodedFrame]) -> Result<Option<BatchOutputs>, PredictError> {
        match self {
            LoadedEngine::Verify => Ok(None),
            LoadedEngine::Model(runner) => runner
                .run(frames.iter().map(|frame| &frame.input))
                .map(Some),
            #[cfg(test)]
            LoadedEngine::Panic => panic!("asked for by a test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use tokio::sync::mpsc;

    use super::super::batcher::BatchLimits;
    use super::*;
    use crate::streams::ResultRoute;

    #[test]
    fn a_frame_of_a_client_that_left_does_not_strand_those_gathered() {
        let limits = BatchLimits {
            frames: 3,
            client_frames: 3,
            bytes: 1000,
        };
        let mut stage = InferStage {
            engine: LoadedEngine::Verify,
            batcher: Batcher::new(limits),
            outputs: sync_channel(1).0,
            metrics: Metrics::default(),
        };
        let (replies, _outbox) = mpsc::channel(1);
        let here = Arc::new(ResultRoute::new(replies, true));
        let gone = Arc::new(ResultRoute::new(mpsc::channel(1).0, true));
        let mut accept = |route| {
            let item = DecodedItem::Frame(DecodedFrame::example(1, route));
            stage.accept(item).ok().expect("nothing is passed on")
        };
        assert_eq!(accept(&gone), BatcherEvent::Wait);
        assert_eq!(accept(&here), BatcherEvent::Poll);
        assert_eq!(accept(&gone), BatcherEvent::Poll);
        assert_eq!(stage.batcher.take().len(), 1);
    }

    #[test]
    fn a_files_frame_stays_out_of_a_clients_batch() {
        let limits = BatchLimits {
            frames: 1,
            client_frames: 3,
            bytes: 1000,
        };
        let (outputs, passed) = sync_channel(1);
        let mut stage = InferStage {
            engine: LoadedEngine::Verify,
            batcher: Batcher::new(limits),
            outputs,
            metrics: Metrics::default(),
        };
        let (replies, _outbox) = mpsc::channel(1);
        let streams = Arc::new(ResultRoute::new(replies.clone(), true));
        let file = Arc::new(ResultRoute::new(replies, true).aside());
        stage
            .accept(DecodedItem::Mark(StreamMark::BatchStarted))
            .ok();
        let mut accept = |route| {
            let item = DecodedItem::Frame(DecodedFrame::example(1, route));
            stage.accept(item).ok().expect("there is room")
        };
        assert_eq!(accept(&streams), BatcherEvent::Wait);
        assert_eq!(accept(&file), BatcherEvent::Wait);
        let Ok(EngineOutput::Batch(batch)) = passed.try_recv() else {
            panic!("the file's frame waits for the batch");
        };
        assert!(batch.frames.len() == 1 && batch.frames[0].route.is_aside());
        assert_eq!(stage.batcher.take().len(), 1);
    }
}
