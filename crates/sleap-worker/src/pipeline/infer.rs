//! The second stage: one thread that keeps the model busy.

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use pose::{BatchOutputs, PredictError, Runner};

use super::finish::{EngineOutput, InferredBatch};
use super::frames::DecodedFrame;
use super::stream_queues::{EngineInput, StreamQueues};
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
    pub(super) outputs: SyncSender<EngineOutput>,
    pub(super) metrics: Metrics,
}

/// The last stage has ended.
struct FinishStageClosed;

impl InferStage {
    /// Runs batches until no more can come.
    pub(super) fn run(mut self, queues: &StreamQueues) {
        while let Some(input) = queues.next_input() {
            let passed = match input {
                EngineInput::Frames(frames) => self.run_batch(frames),
                EngineInput::Mark(mark) => self.pass(EngineOutput::Mark(mark)),
            };
            if passed.is_err() {
                return;
            }
        }
    }

    fn run_batch(&mut self, mut frames: Vec<DecodedFrame>) -> Result<(), FinishStageClosed> {
        frames.retain(|frame| !frame.route.leaves_a_frame());
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
