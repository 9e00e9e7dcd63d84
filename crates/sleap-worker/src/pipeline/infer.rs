//! The second stage: one thread for each device that keeps it busy.

use std::time::Instant;

use pose::{BatchOutputs, PredictError, Runner};
use tracing::{debug, warn};

use super::call_order::CallNumber;
use super::engine_output::{EngineOutput, InferredBatch};
use super::engine_outputs::{DeviceOutputs, FinishStageClosed};
use super::failover::DeviceNumber;
use super::frames::DecodedFrame;
use super::model_rate::ModelRate;
use super::stream_queues::{EngineCall, EngineInput, GivenCall, StreamQueues};
use crate::metrics::Metrics;

/// What runs on a batch.
pub(super) enum LoadedEngine {
    Model(Runner),
    /// Nothing: frames are decoded and counted.
    Verify,
    /// Panics, as a bug would.
    #[cfg(test)]
    Panic,
    /// Decides by the numbers of the frames whether it can run them.
    #[cfg(test)]
    Test(super::device_tests::TestDevice),
}

/// What the thread of a device works with.
pub(super) struct InferStage {
    pub(super) engine: LoadedEngine,
    /// The device among those of the worker, and its name; empty without a model.
    pub(super) device: DeviceNumber,
    /// As which its calls are counted.
    pub(super) counted_as: DeviceNumber,
    pub(super) name: String,
    pub(super) outputs: DeviceOutputs,
    pub(super) metrics: Metrics,
    pub(super) rate: ModelRate,
    /// Why its last call failed.
    pub(super) failed: Option<PredictError>,
}

impl InferStage {
    /// Runs batches until no more can come, or the device is taken out.
    pub(super) fn run(mut self, queues: &StreamQueues) {
        while let Some(input) = queues.next_input(self.device) {
            let passed = match input {
                EngineInput::Call(call) => self.run_call(call, queues),
                EngineInput::Mark(number, mark) => {
                    self.outputs.complete(number, EngineOutput::Mark(mark))
                }
                EngineInput::TakenOut { left } => return self.taken_out(left, queues),
            };
            if passed.is_err() {
                break;
            }
        }
        queues.device_leaves(self.device);
    }

    /// The device is not used any more. The thread waits for the end of the others: that one ends is the end of the pipeline.
    fn taken_out(self, left: usize, queues: &StreamQueues) {
        self.metrics.device_is_out(self.counted_as);
        self.rate.device_is_out(self.counted_as);
        let error = self.failed.as_ref().map(tracing::field::display);
        warn!(
            device = %self.name,
            number = self.device,
            left,
            error,
            "a device failed in a call of the model that another one ran: it is taken out until the worker is started \
             again, and its frames run on those that are left"
        );
        // Its memory is given back.
        drop(self.engine);
        queues.wait_for_end();
    }

    fn run_call(
        &mut self,
        given: GivenCall,
        queues: &StreamQueues,
    ) -> Result<(), FinishStageClosed> {
        let GivenCall {
            call: EngineCall { number, mut frames },
            failed_on,
            is_last,
        } = given;
        frames.retain(|frame| !frame.route.leaves_a_frame());
        if frames.is_empty() {
            queues.settled(&failed_on);
            return self.pass(number, Vec::new());
        }
        let started = Instant::now();
        self.metrics.call(self.counted_as, frames.len());
        let error = match self.engine.run(&frames) {
            Ok(outputs) => {
                // Without a model there is nothing to share.
                if outputs.is_some() {
                    let time = started..Instant::now();
                    self.rate.call(self.counted_as, frames.len(), time);
                }
                queues.succeeded(&failed_on);
                let outputs = Ok(outputs);
                let batch = InferredBatch {
                    frames,
                    outputs,
                    started,
                };
                return self.pass(number, vec![batch]);
            }
            Err(error) => error,
        };
        self.metrics.call_failed(self.counted_as);
        let call = EngineCall { number, frames };
        if is_last {
            queues.settled(&failed_on);
            return self.run_last(call, error, started);
        }
        match queues.failed(self.device, call, failed_on) {
            Some(call) => self.run_last(call, error, started),
            None => {
                self.failed = Some(error);
                Ok(())
            }
        }
    }

    /// Completes a call that no device can run as a whole: a frame that the model cannot take fails alone.
    fn run_last(
        &mut self,
        call: EngineCall,
        error: PredictError,
        started: Instant,
    ) -> Result<(), FinishStageClosed> {
        let EngineCall { number, frames } = call;
        let batches = if frames.len() > 1 {
            debug!(%error, frames = frames.len(), "batch failed; running its frames alone");
            let alone = frames.into_iter().map(|frame| self.run_alone(frame));
            alone.collect()
        } else {
            let outputs = Err(error);
            vec![InferredBatch {
                frames,
                outputs,
                started,
            }]
        };
        self.pass(number, batches)
    }

    fn pass(
        &self,
        number: CallNumber,
        batches: Vec<InferredBatch>,
    ) -> Result<(), FinishStageClosed> {
        self.outputs
            .complete(number, EngineOutput::Batches(batches))
    }

    fn run_alone(&mut self, frame: DecodedFrame) -> InferredBatch {
        let started = Instant::now();
        let frames = vec![frame];
        self.metrics.call(self.counted_as, frames.len());
        let outputs = self.engine.run(&frames);
        InferredBatch {
            frames,
            outputs,
            started,
        }
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
            #[cfg(test)]
            LoadedEngine::Test(device) => device.run(frames),
        }
    }
}
