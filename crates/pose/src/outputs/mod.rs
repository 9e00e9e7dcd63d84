//! What a session call gives: tensors, and each frame's part of them.

mod booleans;
mod element;
mod float16;
mod frame;
mod tensor;
mod tensors;

use ort::value::{TensorElementType, ValueType};

pub use element::{ElementType, TensorSpec};
pub(crate) use frame::FrameOutputs;
pub use tensor::{Tensor, TensorValues};
pub use tensors::OutputTensors;

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
    /// The values are more or fewer than the shape says.
    #[error("the shape {shape:?} does not go with {count} values")]
    Count {
        /// As it was given.
        shape: Vec<i64>,
        /// How many values there are.
        count: usize,
    },
    /// The bytes are more or fewer than the shape says.
    #[error("{element} in the shape {shape:?} do not come in {bytes} bytes")]
    Bytes {
        /// The type of the elements.
        element: String,
        /// As it was given.
        shape: Vec<i64>,
        /// How many bytes there are.
        bytes: usize,
    },
    /// Elements of a type that no export has.
    #[error("values of {element} are not read")]
    Element {
        /// The type.
        element: String,
    },
}

/// An output that a kind needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequiredOutput {
    name: &'static str,
    element: &'static ElementType,
    rank: usize,
}

impl RequiredOutput {
    /// Numbers in `rank` dimensions.
    pub(crate) const fn f32(name: &'static str, rank: usize) -> Self {
        Self {
            name,
            element: &ElementType::Float32,
            rank,
        }
    }

    /// Booleans in `rank` dimensions.
    pub(crate) const fn bool(name: &'static str, rank: usize) -> Self {
        Self {
            name,
            element: &ElementType::Bool,
            rank,
        }
    }

    /// Its name in the graph.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether this output of the graph is the one that is needed.
    pub(crate) fn fits(&self, output: &TensorSpec) -> bool {
        output.name == self.name
            && output.element.widened() == self.element
            && output.shape.len() == self.rank
    }
}

impl std::fmt::Display for RequiredOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            element,
            rank,
        } = self;
        write!(f, "output '{name}' of {element} in {rank} dimensions")
    }
}

/// Whether a value is a tensor of these elements.
fn is_tensor_of(dtype: &ValueType, element: TensorElementType) -> bool {
    tensor_type(dtype).is_some_and(|(actual, _)| actual == element)
}

/// The elements and the dimensions of a tensor; none for other values.
pub(crate) fn tensor_type(dtype: &ValueType) -> Option<(TensorElementType, &[i64])> {
    match dtype {
        ValueType::Tensor { ty, shape, .. } => Some((*ty, shape)),
        _ => None,
    }
}

/// An input or output of ONNX Runtime; what is no tensor has no dimensions.
pub(crate) fn spec(name: &str, dtype: &ValueType) -> TensorSpec {
    let (element, shape) = match tensor_type(dtype) {
        Some((element, shape)) => (element_type(element), shape.to_vec()),
        None => (ElementType::Other(dtype.to_string()), Vec::new()),
    };
    TensorSpec {
        name: name.to_owned(),
        element,
        shape,
    }
}

fn element_type(element: TensorElementType) -> ElementType {
    match element {
        TensorElementType::Uint8 => ElementType::Uint8,
        TensorElementType::Bool => ElementType::Bool,
        TensorElementType::Int64 => ElementType::Int64,
        TensorElementType::Float16 => ElementType::Float16,
        TensorElementType::Float32 => ElementType::Float32,
        other => ElementType::Other(other.to_string()),
    }
}
