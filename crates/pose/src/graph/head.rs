//! What an ONNX file says of itself, without ONNX Runtime: an engine elsewhere runs the graph.

use std::path::Path;

use prost::{DecodeError, Message};

use super::{GraphError, read};
use crate::model_files::refuse_lfs_pointers;

/// What is known of the graph in a model directory whose graph runs elsewhere; nothing where it is not there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GraphHead {
    /// Height and width of the input where they are fixed.
    pub(crate) fixed_size: (Option<u32>, Option<u32>),
    /// The training configuration inside.
    pub(crate) training_config: Option<String>,
}

/// `ModelProto`, of which the nodes are skipped.
#[derive(Clone, PartialEq, Message)]
struct ModelHead {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphInputs>,
    #[prost(message, repeated, tag = "14")]
    properties: Vec<Property>,
}

/// `StringStringEntryProto`.
#[derive(Clone, PartialEq, Message)]
struct Property {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `GraphProto`.
#[derive(Clone, PartialEq, Message)]
struct GraphInputs {
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<Input>,
}

/// `ValueInfoProto`.
#[derive(Clone, PartialEq, Message)]
struct Input {
    #[prost(message, optional, tag = "2")]
    kind: Option<InputType>,
}

/// `TypeProto`.
#[derive(Clone, PartialEq, Message)]
struct InputType {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorType>,
}

/// `TypeProto.Tensor`.
#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

/// `TensorShapeProto`.
#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dimensions: Vec<Dimension>,
}

/// `TensorShapeProto.Dimension`: a length, or a name of one that is not fixed.
#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, tag = "1")]
    length: i64,
}

impl GraphHead {
    /// Reads it of the file, which need not be there: the graph is where it runs. Nor need Git LFS have fetched it.
    pub(crate) fn read(path: &Path) -> Result<Self, GraphError> {
        if !path.is_file() || refuse_lfs_pointers(path).is_err() {
            return Ok(Self::default());
        }
        Self::parse(&read(path)?).map_err(|source| GraphError::Damaged {
            path: path.to_owned(),
            source,
        })
    }

    /// Reads it of the file's bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let model = ModelHead::decode(bytes)?;
        let mut properties = model.properties.into_iter();
        let config = properties.find(|property| property.key == "training_config");
        let inputs = model.graph.unwrap_or_default().inputs;
        let shape = inputs
            .into_iter()
            .next()
            .and_then(|input| input.kind?.tensor?.shape);
        let dimensions = shape.unwrap_or_default().dimensions;
        let size = |axis: usize| {
            let length = dimensions.get(axis)?.length;
            u32::try_from(length).ok().filter(|&n| n > 0)
        };
        Ok(Self {
            fixed_size: (size(2), size(3)),
            training_config: config.map(|property| property.value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(length: i64) -> Dimension {
        Dimension { length }
    }

    #[test]
    fn the_size_and_the_configuration_are_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("model.onnx");
        let shape = Shape {
            dimensions: [0, 1, 192, 0].map(dimension).to_vec(),
        };
        let kind = InputType {
            tensor: Some(TensorType { shape: Some(shape) }),
        };
        let property = |key: &str, value: &str| Property {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let model = ModelHead {
            graph: Some(GraphInputs {
                inputs: vec![Input { kind: Some(kind) }],
            }),
            properties: vec![property("x", "y"), property("training_config", "a: 1")],
        };
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        let head = GraphHead::read(&path).expect("read");
        assert_eq!(head.fixed_size, (Some(192), None));
        assert_eq!(head.training_config.as_deref(), Some("a: 1"));
    }

    #[test]
    fn a_graph_that_is_elsewhere_is_no_error_and_a_damaged_one_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("model.onnx");
        assert_eq!(GraphHead::read(&path).expect("none"), GraphHead::default());
        std::fs::write(&path, "version https://git-lfs.github.com/spec/v1\n").expect("written");
        assert_eq!(GraphHead::read(&path).expect("none"), GraphHead::default());
        std::fs::write(&path, [0xff; 40]).expect("written");
        let error = GraphHead::read(&path).expect_err("no ONNX file");
        assert!(error.to_string().contains("export the model again"));
    }
}
