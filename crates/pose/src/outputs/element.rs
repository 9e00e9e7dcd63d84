//! The tensors that a graph takes and gives.

use std::fmt;

/// The type of a tensor's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// Bytes: pixels.
    Uint8,
    /// Booleans, a byte each.
    Bool,
    /// 64-bit whole numbers.
    Int64,
    /// 16-bit floats, which are read as 32-bit ones.
    Float16,
    /// 32-bit floats.
    Float32,
    /// One that no export has, by its name.
    Other(String),
}

/// An input or an output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name in the graph.
    pub name: String,
    /// What it consists of.
    pub element: ElementType,
    /// The lengths of its dimensions; negative where any length will do.
    pub shape: Vec<i64>,
}

impl ElementType {
    /// The type of the elements in [`OutputTensors`](super::OutputTensors), where 16-bit floats have become 32-bit ones.
    pub(crate) fn widened(&self) -> &Self {
        match self {
            Self::Float16 => &Self::Float32,
            other => other,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uint8 => "uint8",
            Self::Bool => "bool",
            Self::Int64 => "int64",
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Other(name) => name,
        })
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |&length: &i64| match length {
            0.. => length.to_string(),
            _ => "any".to_owned(),
        };
        let lengths: Vec<_> = self.shape.iter().map(length).collect();
        write!(
            f,
            "'{}' of {} [{}]",
            self.name,
            self.element,
            lengths.join(", ")
        )
    }
}
