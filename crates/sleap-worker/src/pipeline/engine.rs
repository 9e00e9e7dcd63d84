//! What makes results of frames, and how many frames it takes in one call.

use super::infer::LoadedEngine;
use super::scheduler::BatchLimits;

/// The most frames that run in one call when a client forms the batches.
const MAX_CLIENT_BATCH: usize = 64;

/// Pixels that wait for the rest of their batch; with more, the batch runs early.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// The same for a client's batch on a CPU, without --max-batch: a model's own memory for a batch is
/// hundreds of times as large.
const MAX_CPU_BATCH_BYTES: usize = 8 << 20;

/// What makes results of frames.
pub(crate) enum Engine {
    Model(Box<pose::Model>),
    /// The verification worker: frames are decoded and counted.
    Verify,
    /// Panics, as a bug would.
    #[cfg(test)]
    Panic,
}

/// The parts of an engine, one for each stage.
pub(super) struct EngineStages {
    /// `None` without a model.
    pub(super) preparer: Option<pose::Preparer>,
    pub(super) engine: LoadedEngine,
    /// `None` without a model.
    pub(super) finisher: Option<pose::Finisher>,
}

impl Engine {
    /// The loaded model, if there is one.
    pub(crate) fn model(&self) -> Option<&pose::ModelDescription> {
        match self {
            Engine::Model(model) => Some(model.info()),
            _ => None,
        }
    }

    /// Frames and bytes of one call. `max_batch` is the number that the user asked for.
    pub(super) fn limits(&self, max_batch: Option<usize>) -> BatchLimits {
        let Some(model) = self.model() else {
            // Frames that are only counted gain nothing from being gathered.
            return BatchLimits {
                frames: 1,
                client_frames: 1,
                bytes: MAX_BATCH_BYTES,
            };
        };
        // A GPU was prepared for batches up to this size and no others.
        let (client_frames, bytes) = match max_batch {
            None if model.device == pose::Device::Cpu => (MAX_CLIENT_BATCH, MAX_CPU_BATCH_BYTES),
            _ => (model.max_batch, MAX_BATCH_BYTES),
        };
        BatchLimits {
            frames: model.max_batch,
            client_frames,
            bytes,
        }
    }

    /// Takes the engine apart.
    pub(super) fn into_stages(self) -> EngineStages {
        let without_model = |engine| EngineStages {
            preparer: None,
            engine,
            finisher: None,
        };
        match self {
            Engine::Model(model) => {
                let stages = model.into_stages();
                EngineStages {
                    preparer: Some(stages.preparer),
                    engine: LoadedEngine::Model(stages.runner),
                    finisher: Some(stages.finisher),
                }
            }
            Engine::Verify => without_model(LoadedEngine::Verify),
            #[cfg(test)]
            Engine::Panic => without_model(LoadedEngine::Panic),
        }
    }
}
