//! Loading a model directory and predicting with it.

use std::{fmt, path::Path};

use crate::{
    device::Device,
    device_selection::choose,
    engine::GraphEngine,
    error::{LoadError, PredictError},
    export::{Export, ServedExport},
    frame::FrameView,
    graph::PeakSearch,
    info::{ModelDescription, RunsOn},
    input::{InputSize, input_size},
    kinds::{self, CapacityExceeded},
    metadata::{Metadata, MetadataError},
    options::Options,
    placement::Placement,
    prediction::FramePrediction,
    refine::{Refine, Refiner},
    session::{OnnxSession, SessionError, check_device},
    signature::GraphSignature,
    skeleton::skeleton,
    stages::{Finisher, PredictionStages, Prepared, Preparer, Runner},
    training_config::TrainingConfig,
};

/// What runs a model's graph, before anything around it.
struct LoadedGraph {
    engine: Box<dyn GraphEngine>,
    /// Height and width where the graph has them fixed.
    fixed: (Option<u32>, Option<u32>),
    runs_on: RunsOn,
    placement: Placement,
    max_batch: usize,
    /// The first run with each size of batch is slow.
    every_batch: bool,
}

/// A loaded model. One thread runs it at a time; [`Model::into_stages`] is for several.
pub struct Model {
    stages: PredictionStages,
    /// Kept between calls.
    prepared: Vec<Prepared>,
}

impl Model {
    /// Loads the directory that `sleap-nn export` wrote and runs the model once, so that the first
    /// frame is as fast as the others. Finds ONNX Runtime as [`crate::runtime::load`] does unless
    /// that was called before.
    ///
    /// # Errors
    /// Each way in which a directory can be wrong, with what to do about it.
    pub fn load(dir: &Path, options: &Options) -> Result<Self, LoadError> {
        if options.max_instances == Some(0) {
            return Err(LoadError::NoInstances);
        }
        if options.fp16 && !matches!(options.device, Device::TensorRt(_)) {
            let device = options.device;
            return Err(SessionError::Fp16 { device }.into());
        }
        let export = Export::read(dir, options)?;
        let check = |device: Device| check_device(device).map_err(SessionError::from);
        let (mut model, passed_over) = choose(options.device, check, |device| {
            Self::load_on(device, &export, options)
        })?;
        model.stages.info.passed_over = passed_over;
        Ok(model)
    }

    /// Makes a model of an engine that runs its graph elsewhere. Of the directory that `sleap-nn export` wrote the
    /// graph itself is not needed; ONNX Runtime is not, either. Of the options those of post-processing count, and `max_batch`
    /// (1 by default: an engine gathers what comes from several).
    ///
    /// The model is run once: what the engine gives is checked against the export.
    ///
    /// # Errors
    /// Each way in which a directory can be wrong, and each difference between the export and the engine's graph.
    pub fn on_engine(
        dir: &Path,
        options: &Options,
        engine: Box<dyn GraphEngine>,
    ) -> Result<Self, LoadError> {
        let name = engine.name();
        if options.max_instances == Some(0) {
            return Err(LoadError::NoInstances);
        }
        if options.refine.is_some() {
            return Err(LoadError::RefineOnEngine { engine: name });
        }
        let export = ServedExport::read(dir)?;
        let asked = options.max_batch.unwrap_or(1).max(1);
        if let Some(most) = engine.max_batch().filter(|&most| most < asked) {
            return Err(LoadError::EngineBatch {
                engine: name,
                asked,
                most,
            });
        }
        let other = |difference| LoadError::OtherGraph {
            engine: name.clone(),
            difference,
        };
        let fixed = export.size_of(engine.signature()).map_err(other)?;
        let given = engine.signature().described_outputs();
        let loaded = LoadedGraph {
            engine,
            fixed,
            runs_on: RunsOn::Engine {
                name: name.clone(),
                calls: 1,
            },
            placement: Placement::default(),
            max_batch: asked,
            every_batch: false,
        };
        let model = Self::of_graph(loaded, &export.metadata, export.config, None, options);
        model.map_err(|error| match error {
            LoadError::Session(SessionError::Signature { what }) => {
                other(format!("it has no {what}; it has {given}"))
            }
            LoadError::Tensor(error) => other(error.to_string()),
            error => error,
        })
    }

    /// Loads and runs it on this device and no other.
    fn load_on(device: Device, export: &Export, options: &Options) -> Result<Self, LoadError> {
        let max_batch = batch_limit(device, options);
        let preparation = export.preparation(device, max_batch, options)?;
        let session = OnnxSession::load(&export.graph, device, options, &preparation)?;
        let config = export.config(session.embedded_training_config())?;
        let loaded = LoadedGraph {
            fixed: session.signature().fixed_size(),
            runs_on: RunsOn::Devices(session.device().into()),
            placement: session.placement().clone(),
            max_batch,
            every_batch: session.needs_warm_up_per_batch(),
            engine: Box::new(session),
        };
        let refine = options.refine.zip(export.maps);
        Self::of_graph(loaded, &export.metadata, config, refine, options)
    }

    /// The stages around a graph, which is run once.
    fn of_graph(
        loaded: LoadedGraph,
        metadata: &Metadata,
        config: TrainingConfig,
        refine: Option<(Refine, PeakSearch)>,
        options: &Options,
    ) -> Result<Self, LoadError> {
        let LoadedGraph {
            engine,
            fixed,
            runs_on,
            placement,
            max_batch,
            every_batch,
        } = loaded;
        let input = input_size(metadata, &config, fixed)?;
        let skeleton = skeleton(metadata, config);
        let decoder = kinds::decoder(metadata, &skeleton, options).map_err(MetadataError::from)?;
        let refiner = match refine {
            Some((method, search)) => Some(Refiner::new(method, search, metadata, input)?),
            None => None,
        };
        let notes = [
            threshold_note(metadata, options),
            half_note(engine.signature()),
        ];
        let mut stages = PredictionStages {
            info: ModelDescription {
                name: metadata.name.clone(),
                kind: metadata.kind,
                input,
                skeleton,
                runs_on,
                placement,
                passed_over: None,
                max_batch,
                refine: options.refine,
                notes: notes.into_iter().flatten().collect(),
            },
            preparer: Preparer::new(input),
            runner: Runner::new(engine, input),
            finisher: Finisher::new(decoder, refiner),
        };
        let checked = stages.runner.check(stages.finisher.outputs());
        checked.map_err(|what| SessionError::Signature { what })?;
        let mut model = Self {
            stages,
            prepared: Vec::new(),
        };
        for batch in warm_up_batches(every_batch, max_batch) {
            model.warm_up(batch)?;
        }
        model.check_capacity(options.max_instances)?;
        Ok(model)
    }

    /// What the model is.
    pub fn info(&self) -> &ModelDescription {
        &self.stages.info
    }

    /// The stages, for a pipeline whose threads prepare, run and finish at the same time.
    pub fn into_stages(self) -> PredictionStages {
        self.stages
    }

    /// Predicts `frames`, [`ModelDescription::max_batch`] of them with one session call; prediction i belongs to
    /// frame i.
    ///
    /// Frames may differ in size and colour: each is converted to the model's colour and fitted
    /// to its size, and points come back in the frame's own pixels. No frames, no call.
    ///
    /// # Errors
    /// ONNX Runtime failed (out of memory, a lost GPU), or one frame's outputs cannot be used; no
    /// frame of the slice gets a prediction then. [`Finisher::finish`] reports each frame alone.
    pub fn predict(
        &mut self,
        frames: &[FrameView<'_>],
    ) -> Result<Vec<FramePrediction>, PredictError> {
        let mut predictions = Vec::with_capacity(frames.len());
        for batch in frames.chunks(self.stages.info.max_batch.max(1)) {
            predictions.append(&mut self.predict_at_once(batch)?);
        }
        Ok(predictions)
    }

    fn predict_at_once(
        &mut self,
        frames: &[FrameView<'_>],
    ) -> Result<Vec<FramePrediction>, PredictError> {
        if self.prepared.len() < frames.len() {
            self.prepared.resize_with(frames.len(), Prepared::default);
        }
        let prepared = &mut self.prepared[..frames.len()];
        let PredictionStages {
            preparer,
            runner,
            finisher,
            ..
        } = &mut self.stages;
        for (frame, prepared) in frames.iter().zip(prepared.iter_mut()) {
            preparer.prepare(frame, prepared);
        }
        let outputs = runner.run(prepared.iter())?;
        let predictions = finisher.finish(prepared.iter(), &outputs)?;
        predictions.into_iter().collect()
    }

    /// Compares `max_instances` with what the graph has room for, known since the warm-up.
    fn check_capacity(&mut self, most: Option<usize>) -> Result<(), LoadError> {
        let capacity = self.stages.finisher.capacity();
        if let Some(asked) = most {
            capacity
                .check(asked)
                .map_err(
                    |CapacityExceeded { holds, option }| LoadError::MaxInstances {
                        asked,
                        holds,
                        option,
                    },
                )?;
        }
        self.stages.info.notes.extend(capacity.notes(most));
        Ok(())
    }

    /// Black frames: memory is allocated and kernels are chosen at the first run.
    fn warm_up(&mut self, batch: usize) -> Result<(), PredictError> {
        let InputSize { height, width, .. } = self.stages.info.input;
        let black = vec![0; height as usize * width as usize];
        // Sides are checked to be at least one, so this is a frame.
        let Ok(frame) = FrameView::new(width, height, 1, &black) else {
            return Ok(());
        };
        self.predict(&vec![frame; batch]).map(drop)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("info", self.info())
            .finish_non_exhaustive()
    }
}

/// Frames in one call, unless the user sets another number.
const GPU_BATCH: usize = 8;

fn batch_limit(device: Device, options: &Options) -> usize {
    match device {
        // Its graph is made for one size of batch.
        Device::OpenVino => 1,
        Device::Cpu => options.max_batch.unwrap_or(1).max(1),
        _ => options.max_batch.unwrap_or(GPU_BATCH).max(1),
    }
}

/// The largest and the smallest first: the largest's memory serves the others, and an engine of
/// TensorRT that had to be built for both takes what is between.
fn warm_up_batches(every_batch: bool, max_batch: usize) -> Vec<usize> {
    let mut batches = vec![1];
    if max_batch > 1 {
        batches.insert(0, max_batch);
    }
    if every_batch {
        batches.extend(2..max_batch);
    }
    batches
}

fn half_note(signature: &GraphSignature) -> Option<String> {
    let outputs = ["peaks", "centroids"].into_iter();
    let half: Vec<_> = outputs.filter(|name| signature.gives_half(name)).collect();
    (!half.is_empty()).then(|| {
        format!(
            "this export gives {} as float16: coordinates beyond 256, 512 and 1024 are multiples \
             of 0.25, 0.5 and 1 pixel; convert it with `keep_io_types=True`",
            half.join(" and ")
        )
    })
}

fn threshold_note(metadata: &Metadata, options: &Options) -> Option<String> {
    let (asked, exported) = (options.peak_threshold?, metadata.peak_threshold?);
    (asked < exported).then(|| {
        format!(
            "peak_threshold {asked} has no effect, because this export drops everything below \
             {exported}: export it again with `--peak-threshold {asked}`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_batch_is_warmed_up_and_every_one_where_that_is_needed() {
        assert_eq!(warm_up_batches(false, 1), [1]);
        assert_eq!(warm_up_batches(false, 8), [8, 1]);
        assert_eq!(warm_up_batches(true, 1), [1]);
        assert_eq!(warm_up_batches(true, 2), [2, 1]);
        assert_eq!(warm_up_batches(true, 5), [5, 1, 2, 3, 4]);
    }
}
