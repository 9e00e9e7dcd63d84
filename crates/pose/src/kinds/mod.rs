//! The kinds of model that sleap-nn exports: what each has for inputs and outputs and how its
//! outputs become instances. One file a kind.

mod bottomup;
mod capacity;
mod centroid;
mod grouping;
mod identities;
mod multi_class_bottomup;
mod multi_class_topdown;
mod points;
mod single_instance;
mod slots;
mod topdown;
#[cfg(test)]
mod vectors;

use std::fmt;

use crate::{
    kind::{KindError, ModelKind},
    metadata::Metadata,
    options::Options,
    outputs::{FrameOutputs, OutputTensors, RequiredOutput, TensorError},
    prediction::Instance,
    preprocess::InputFit,
    skeleton::ModelSkeleton,
};

use bottomup::BottomUp;
use centroid::Centroid;
use multi_class_bottomup::MultiClassBottomUp;
use multi_class_topdown::MultiClassTopDown;
use single_instance::SingleInstance;
use topdown::TopDown;

pub(crate) use capacity::{Capacity, CapacityExceeded};
pub(crate) use identities::Identities;

/// The default threshold of `sleap-nn export`.
const PEAK_THRESHOLD: f32 = 0.2;

/// How one kind's outputs become instances.
pub(crate) trait Decode: Send + fmt::Debug {
    /// The outputs that the graph must have; checked at load.
    fn outputs(&self) -> &'static [RequiredOutput];

    /// Checks the shapes that a session call gave, once for the whole batch.
    fn check(&mut self, tensors: &OutputTensors) -> Result<(), TensorError>;

    /// How many instances a frame can have, known once a batch was checked.
    fn capacity(&self) -> Capacity;

    /// The instances in a frame of a checked batch, in the frame's own pixels.
    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &InputFit,
    ) -> Result<Vec<Instance>, TensorError>;
}

/// The options that post-processing has, with its defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PostprocessOptions {
    peak_threshold: f32,
    max_instances: usize,
    min_line_scores: f32,
    min_instance_peaks: f32,
}

impl PostprocessOptions {
    fn new(options: &Options) -> Self {
        Self {
            peak_threshold: options.peak_threshold.unwrap_or(f32::NEG_INFINITY),
            max_instances: options.max_instances.unwrap_or(usize::MAX),
            min_line_scores: options.min_line_scores,
            min_instance_peaks: options.min_instance_peaks,
        }
    }

    /// With the export's threshold where the options have none. The graph applies it too, but to
    /// bottom-up peaks sleap-nn applies it once more.
    fn with_threshold_of(mut self, options: &Options, metadata: &Metadata) -> Self {
        let of_export = metadata.peak_threshold.unwrap_or(PEAK_THRESHOLD);
        self.peak_threshold = options.peak_threshold.unwrap_or(of_export);
        self
    }
}

#[cfg(test)]
impl Default for PostprocessOptions {
    fn default() -> Self {
        Self::new(&Options::default())
    }
}

/// The post-processing for a model.
pub(crate) fn decoder(
    metadata: &Metadata,
    skeleton: &ModelSkeleton,
    options: &Options,
) -> Result<Box<dyn Decode>, KindError> {
    let nodes = skeleton.nodes.len();
    let settings = PostprocessOptions::new(options);
    let bottom_up = settings.with_threshold_of(options, metadata);
    let identities = || Identities::new(metadata.class_names.clone());
    Ok(match metadata.kind {
        ModelKind::SingleInstance => Box::new(SingleInstance::new(nodes, settings.peak_threshold)),
        ModelKind::Centroid => Box::new(Centroid::new(settings)),
        ModelKind::TopDown => Box::new(TopDown::new(nodes, settings)),
        ModelKind::BottomUp => {
            let decoder = BottomUp::new(nodes, &skeleton.edges, metadata.input_scale, bottom_up);
            Box::new(decoder.ok_or(KindError::NoRoot {
                edges: skeleton.edges.len(),
            })?)
        }
        ModelKind::MultiClassBottomUp => {
            Box::new(MultiClassBottomUp::new(nodes, bottom_up, identities()))
        }
        ModelKind::MultiClassTopDown => {
            Box::new(MultiClassTopDown::new(nodes, settings, identities()))
        }
    })
}

/// Shared by the kinds' tests.
#[cfg(test)]
mod testing {
    use crate::{frame::FrameView, preprocess::InputFit};

    /// A frame twice as large as the model's input.
    pub(super) fn fit_of_two() -> InputFit {
        let frame = FrameView::new(4, 4, 1, &[0; 16]).expect("a frame");
        InputFit::new(&frame, [2, 2])
    }
}
