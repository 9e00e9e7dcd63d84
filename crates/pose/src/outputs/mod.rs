//! What a session call gives: tensors, and each frame's part of them.

mod booleans;
mod float16;
mod frame;
mod tensors;

use ort::value::{TensorElementType, ValueType};

pub(crate) use frame::FrameOutputs;
pub(crate) use tensors::OutputTensors;

/// Why an output of the graph cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// An output is missing, or is no tensor.
    #[error(
        "the graph has no output '{name}': it is not a model of the kind that its metadata says"
    )]
    Missing {
        /// The output.
        name: &'static str,
    },
    /// An output has another shape than the model's kind defines.
    #[error("output '{name}' has the shape {actual:?}, not {expected:?}")]
    Shape {
        /// The output.
        name: &'static str,
        /// As the kind defines it.
        expected: Vec<usize>,
        /// As the graph gave it.
        actual: Vec<i64>,
    },
    /// ONNX Runtime does not give an output's values.
    #[error("ONNX Runtime failed: {message}")]
    Read {
        /// ONNX Runtime's message.
        message: String,
    },
}

/// An output that a kind needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequiredOutput {
    name: &'static str,
    element: TensorElementType,
    /// The element in messages.
    element_name: &'static str,
    rank: usize,
}

impl RequiredOutput {
    /// Numbers in `rank` dimensions.
    pub(crate) const fn f32(name: &'static str, rank: usize) -> Self {
        Self {
            name,
            element: TensorElementType::Float32,
            element_name: "float32",
            rank,
        }
    }

    /// Booleans in `rank` dimensions.
    pub(crate) const fn bool(name: &'static str, rank: usize) -> Self {
        Self {
            name,
            element: TensorElementType::Bool,
            element_name: "bool",
            rank,
        }
    }

    /// Whether the graph's output of this name and type is the one that is needed.
    pub(crate) fn fits(&self, name: &str, dtype: &ValueType) -> bool {
        let fits = |(actual, shape): (_, &[i64])| {
            widened(actual) == self.element && shape.len() == self.rank
        };
        name == self.name && tensor_type(dtype).is_some_and(fits)
    }
}

impl std::fmt::Display for RequiredOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            element_name,
            rank,
            ..
        } = self;
        write!(f, "output '{name}' of {element_name} in {rank} dimensions")
    }
}

/// The type of an output's elements in [`OutputTensors`], where 16-bit floats have become 32-bit ones.
fn widened(element: TensorElementType) -> TensorElementType {
    match element {
        TensorElementType::Float16 => TensorElementType::Float32,
        other => other,
    }
}

/// Whether a value is a tensor of these elements.
pub(crate) fn is_tensor_of(dtype: &ValueType, element: TensorElementType) -> bool {
    tensor_type(dtype).is_some_and(|(actual, _)| actual == element)
}

/// The elements and the dimensions of a tensor; none for other values.
pub(crate) fn tensor_type(dtype: &ValueType) -> Option<(TensorElementType, &[i64])> {
    match dtype {
        ValueType::Tensor { ty, shape, .. } => Some((*ty, shape)),
        _ => None,
    }
}
