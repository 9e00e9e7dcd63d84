//! One frame's part of a call's outputs.

use super::{OutputTensors, TensorError};

/// One frame's outputs, in a batch whose shapes were checked.
#[derive(Clone, Copy)]
pub(crate) struct FrameOutputs<'a> {
    tensors: &'a OutputTensors,
    index: usize,
    /// An output and what to read in its place.
    refined: Option<(&'static str, &'a [f32])>,
}

impl<'a> FrameOutputs<'a> {
    /// Those of frame `index`, with the values of one output replaced if they were refined.
    pub(crate) fn new(
        tensors: &'a OutputTensors,
        index: usize,
        refined: Option<(&'static str, &'a [f32])>,
    ) -> Self {
        Self {
            tensors,
            index,
            refined,
        }
    }

    /// Numbers, in row-major order.
    pub(crate) fn f32(&self, name: &'static str) -> Result<&'a [f32], TensorError> {
        match self.refined {
            Some((refined, values)) if refined == name => Ok(values),
            _ => self.tensors.f32(name, self.index),
        }
    }

    /// Booleans, in row-major order.
    pub(crate) fn bool(&self, name: &'static str) -> Result<&'a [bool], TensorError> {
        self.tensors.bool(name, self.index)
    }
}
