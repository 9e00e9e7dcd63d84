//! What a loaded model is.

use crate::{
    devices::Devices, gpu::NoGpu, input::InputSize, kind::ModelKind, placement::Placement,
    refine::Refine, skeleton::ModelSkeleton,
};

/// What a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDescription {
    /// The name of the trained model.
    pub name: String,
    /// Its kind.
    pub kind: ModelKind,
    /// The size that frames are fitted to.
    pub input: InputSize,
    /// What its points are.
    pub skeleton: ModelSkeleton,
    /// What it runs on; never [`Device::Auto`](crate::Device::Auto). [`Model::load`](crate::Model::load) takes one.
    pub devices: Devices,
    /// Which execution provider runs how many nodes.
    pub placement: Placement,
    /// Why it does not run on a GPU, where [`Device::Auto`](crate::Device::Auto) would have taken one.
    pub no_gpu: Option<NoGpu>,
    /// The largest batch that it was warmed up for: [`crate::Options::max_batch`] or its default.
    pub max_batch: usize,
    /// How its points are moved off the grid of its confidence maps, if they are.
    pub refine: Option<Refine>,
    /// Hints for the user who runs this model with these options: an export that wastes time, an
    /// option without effect. Whole sentences without a full stop; usually none.
    pub notes: Vec<String>,
}
