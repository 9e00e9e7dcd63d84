//! The stages of a prediction, for a pipeline: one thread can prepare the next frames while the session
//! runs on these and another thread reads the outputs for the last ones.

use std::time::{Duration, Instant};

use crate::{
    engine::GraphEngine,
    error::PredictError,
    frame::FrameView,
    info::ModelDescription,
    input::InputSize,
    kinds::{Capacity, Decode},
    outputs::{FrameOutputs, OutputTensors, RequiredOutput},
    prediction::{FramePrediction, StepTimes},
    preprocess::{InputFit, Preprocessor},
    refine::Refiner,
};

/// A model by its stages: see [`crate::Model::into_stages`].
#[derive(Debug)]
pub struct PredictionStages {
    /// What the model is.
    pub info: ModelDescription,
    /// Before the session. Clone it for each thread that prepares frames.
    pub preparer: Preparer,
    /// The session. There is one.
    pub runner: Runner,
    /// After the session.
    pub finisher: Finisher,
}

/// Turns frames into the model's input: colour, size, layout.
#[derive(Clone, Debug)]
pub struct Preparer {
    input: InputSize,
    preprocessor: Preprocessor,
}

/// A frame in the model's input; [`Prepared::default`] is an empty one to be filled.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// `[C, H, W]`.
    pixels: Vec<u8>,
    fit: InputFit,
    took: Duration,
}

/// Runs the graph: a session, or what stands in its place.
pub struct Runner {
    input: InputSize,
    engine: Box<dyn GraphEngine>,
    /// `[B, C, H, W]` where B > 1.
    batch: Vec<u8>,
}

/// The session's outputs for a batch.
pub struct BatchOutputs {
    tensors: OutputTensors,
    took: Duration,
}

/// Turns the session's outputs into instances.
#[derive(Debug)]
pub struct Finisher {
    decoder: Box<dyn Decode>,
    refiner: Option<Refiner>,
}

impl Preparer {
    pub(crate) fn new(input: InputSize) -> Self {
        Self {
            input,
            preprocessor: Preprocessor::default(),
        }
    }

    /// Whether the model reads brightness alone: colours need not be decoded for it.
    pub fn is_gray(&self) -> bool {
        self.input.channels == 1
    }

    /// Fills `prepared` with `frame`. A `prepared` that was used before costs no allocation.
    pub fn prepare(&mut self, frame: &FrameView<'_>, prepared: &mut Prepared) {
        let start = Instant::now();
        let InputSize { height, width, .. } = self.input;
        prepared.fit = InputFit::new(frame, [width, height]);
        prepared.pixels.resize(self.input.bytes(), 0);
        let planes = self.input.channels as usize;
        self.preprocessor
            .write(frame, planes, &prepared.fit, &mut prepared.pixels);
        prepared.took = start.elapsed();
    }
}

impl Prepared {
    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.pixels.len()
    }
}

impl Runner {
    pub(crate) fn new(engine: Box<dyn GraphEngine>, input: InputSize) -> Self {
        Self {
            input,
            engine,
            batch: Vec::new(),
        }
    }

    /// Runs all `frames`, of which there is at least one, in one call of the session.
    ///
    /// # Errors
    /// The session failed (out of memory, a lost GPU, a server that is away); no frame of the batch gets a prediction then.
    pub fn run<'a>(
        &mut self,
        frames: impl ExactSizeIterator<Item = &'a Prepared>,
    ) -> Result<BatchOutputs, PredictError> {
        let start = Instant::now();
        let InputSize {
            height,
            width,
            channels,
        } = self.input;
        let [planes, rows, columns] = [channels, height, width].map(|n| n as usize);
        let shape = [frames.len(), planes, rows, columns];
        let mut frames = frames.peekable();
        let tensors = match frames.peek() {
            Some(only) if shape[0] == 1 => self.engine.run(shape, &only.pixels)?,
            _ => {
                self.batch.clear();
                for frame in frames {
                    self.batch.extend_from_slice(&frame.pixels);
                }
                self.engine.run(shape, &self.batch)?
            }
        };
        Ok(BatchOutputs {
            tensors,
            took: start.elapsed(),
        })
    }

    /// Checks the graph's signature, and lets calls give these `outputs`. The error is what the graph lacks.
    pub(crate) fn check(&mut self, outputs: &[RequiredOutput]) -> Result<(), String> {
        let signature = self.engine.signature();
        signature.check(self.input.channels, outputs)?;
        let names: Vec<_> = outputs.iter().map(RequiredOutput::name).collect();
        self.engine.select(&names);
        Ok(())
    }
}

impl Finisher {
    pub(crate) fn new(decoder: Box<dyn Decode>, refiner: Option<Refiner>) -> Self {
        Self { decoder, refiner }
    }

    /// The predictions for the `frames` that `outputs` belongs to, in their order. What is wrong
    /// with one frame's outputs (points that cannot be refined) is that frame's error alone.
    ///
    /// # Errors
    /// The outputs have not the shapes that models of this kind have.
    pub fn finish<'a>(
        &mut self,
        frames: impl ExactSizeIterator<Item = &'a Prepared>,
        outputs: &BatchOutputs,
    ) -> Result<Vec<Result<FramePrediction, PredictError>>, PredictError> {
        let BatchOutputs { tensors, took } = outputs;
        self.decoder.check(tensors)?;
        if let Some(refiner) = &mut self.refiner {
            refiner.check(tensors)?;
        }
        let finish = |(index, frame)| self.finish_one(tensors, index, frame, *took);
        Ok(frames.enumerate().map(finish).collect())
    }

    fn finish_one(
        &mut self,
        tensors: &OutputTensors,
        index: usize,
        frame: &Prepared,
        inference: Duration,
    ) -> Result<FramePrediction, PredictError> {
        let start = Instant::now();
        let refined = match &mut self.refiner {
            Some(refiner) => Some(refiner.refine(tensors, index)?),
            None => None,
        };
        let outputs = FrameOutputs::new(tensors, index, refined);
        let instances = self.decoder.decode(&outputs, &frame.fit)?;
        let timing = StepTimes {
            preprocess: frame.took,
            inference,
            postprocess: start.elapsed(),
        };
        Ok(FramePrediction { instances, timing })
    }

    pub(crate) fn outputs(&self) -> &'static [RequiredOutput] {
        self.decoder.outputs()
    }

    /// Known once a batch was finished.
    pub(crate) fn capacity(&self) -> Capacity {
        self.decoder.capacity()
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("input", &self.input)
            .finish_non_exhaustive()
    }
}
