//! Single-instance models: the best place for each node in the whole frame.
//!
//! Outputs: `peaks` `[B, N, 2]` (x, y; NaN below the threshold of the export) and `peak_vals`
//! `[B, N]`. At most one instance; its score is the sum of the values.

use super::{Capacity, Decode, points};
use crate::{
    outputs::{FrameOutputs, OutputTensors, RequiredOutput, TensorError},
    prediction::Instance,
    preprocess::InputFit,
};

/// The post-processing of single-instance models.
#[derive(Debug)]
pub(crate) struct SingleInstance {
    nodes: usize,
    peak_threshold: f32,
}

impl SingleInstance {
    /// For `nodes` nodes, dropping points whose value is below `peak_threshold`.
    pub(crate) fn new(nodes: usize, peak_threshold: f32) -> Self {
        Self {
            nodes,
            peak_threshold,
        }
    }
}

impl Decode for SingleInstance {
    fn outputs(&self) -> &'static [RequiredOutput] {
        const {
            &[
                RequiredOutput::f32("peaks", 3),
                RequiredOutput::f32("peak_vals", 2),
            ]
        }
    }

    fn check(&mut self, tensors: &OutputTensors) -> Result<(), TensorError> {
        tensors.expect("peaks", &[self.nodes, 2])?;
        tensors.expect("peak_vals", &[self.nodes])
    }

    fn capacity(&self) -> Capacity {
        Capacity::One
    }

    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &InputFit,
    ) -> Result<Vec<Instance>, TensorError> {
        let peaks = frame.f32("peaks")?;
        let values = frame.f32("peak_vals")?;
        let found = points::instance(peaks, values, self.peak_threshold, fit);
        Ok(found.into_iter().collect())
    }
}
