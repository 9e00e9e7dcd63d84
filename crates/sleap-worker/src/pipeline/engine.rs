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
    Model(Box<LoadedModel>),
    /// The verification worker: frames are decoded and counted.
    Verify,
    /// Panics, as a bug would.
    #[cfg(test)]
    Panic,
    /// Devices that run what a test lets them.
    #[cfg(test)]
    Test(Vec<super::device_tests::TestDevice>),
}

/// A model, loaded once for each device that runs it.
pub(crate) struct LoadedModel {
    info: pose::ModelDescription,
    first: pose::Model,
    others: Vec<pose::Model>,
}

/// A device's own part of an engine.
pub(super) struct EngineDevice {
    /// As `--device` names it; empty without a model.
    pub(super) name: String,
    pub(super) engine: LoadedEngine,
}

/// The parts of an engine, one for each stage.
pub(super) struct EngineStages {
    /// `None` without a model.
    pub(super) preparer: Option<pose::Preparer>,
    /// There is at least one.
    pub(super) devices: Vec<EngineDevice>,
    /// They are calls of one inference server: where one fails, another is no better.
    pub(super) are_one_server: bool,
    /// `None` without a model.
    pub(super) finisher: Option<pose::Finisher>,
}

impl LoadedModel {
    /// The same model on several devices, or on one; or for several calls of an inference server.
    pub(crate) fn new(first: pose::Model, others: Vec<pose::Model>) -> Self {
        let mut info = first.info().clone();
        for other in &others {
            let other = other.info();
            info.runs_on = info.runs_on.and(&other.runs_on);
            info.max_batch = info.max_batch.min(other.max_batch);
        }
        Self {
            info,
            first,
            others,
        }
    }

    /// The model of one call at a time.
    pub(crate) fn into_first(self) -> pose::Model {
        self.first
    }

    fn into_stages(self) -> EngineStages {
        let device = |info: &pose::ModelDescription, runner| EngineDevice {
            name: info.runs_on.to_string(),
            engine: LoadedEngine::Model(runner),
        };
        let are_one_server = matches!(self.info.runs_on, pose::RunsOn::Engine { .. });
        let first = self.first.into_stages();
        let mut devices = vec![device(&first.info, first.runner)];
        for other in self.others {
            let other = other.into_stages();
            devices.push(device(&other.info, other.runner));
        }
        // What comes before and after a call is the same on every device.
        EngineStages {
            preparer: Some(first.preparer),
            devices,
            are_one_server,
            finisher: Some(first.finisher),
        }
    }
}

impl Engine {
    /// The loaded model, if there is one.
    pub(crate) fn model(&self) -> Option<&pose::ModelDescription> {
        match self {
            Engine::Model(model) => Some(&model.info),
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
            None if model.runs_on.are_cpu() => (MAX_CLIENT_BATCH, MAX_CPU_BATCH_BYTES),
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
        let without_model = |engines: Vec<LoadedEngine>| EngineStages {
            preparer: None,
            devices: engines.into_iter().map(EngineDevice::unnamed).collect(),
            are_one_server: false,
            finisher: None,
        };
        match self {
            Engine::Model(model) => model.into_stages(),
            Engine::Verify => without_model(vec![LoadedEngine::Verify]),
            #[cfg(test)]
            Engine::Panic => without_model(vec![LoadedEngine::Panic]),
            #[cfg(test)]
            Engine::Test(devices) => {
                without_model(devices.into_iter().map(LoadedEngine::Test).collect())
            }
        }
    }
}

impl EngineDevice {
    fn unnamed(engine: LoadedEngine) -> Self {
        let name = String::new();
        Self { name, engine }
    }
}
