//! The few fields of `onnx.proto` that it takes to follow a graph and to add to it. All others are
//! skipped when reading.

use prost::Message;

/// `ModelProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxModel {
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<OnnxGraph>,
}

/// `GraphProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxGraph {
    #[prost(message, repeated, tag = "1")]
    pub(super) nodes: Vec<OnnxNode>,
    #[prost(message, repeated, tag = "5")]
    pub(super) initializers: Vec<OnnxTensor>,
    #[prost(message, repeated, tag = "12")]
    pub(super) outputs: Vec<OnnxValueInfo>,
}

/// `NodeProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxNode {
    #[prost(string, repeated, tag = "1")]
    pub(super) inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) outputs: Vec<String>,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attributes: Vec<OnnxAttribute>,
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

/// `AttributeProto`, as far as it is a whole number.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxAttribute {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int64, tag = "3")]
    pub(super) i: i64,
    #[prost(int32, tag = "20")]
    pub(super) kind: i32,
}

/// `TensorProto`: a constant.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxTensor {
    #[prost(string, tag = "8")]
    pub(super) name: String,
}

/// `ValueInfoProto`; ONNX Runtime infers the type that it lacks.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OnnxValueInfo {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

impl OnnxNode {
    /// Whether this is the operator `name` of ONNX itself.
    pub(super) fn is(&self, name: &str) -> bool {
        self.op_type == name && matches!(self.domain.as_str(), "" | "ai.onnx")
    }

    /// `output = operator(input)`.
    pub(super) fn unary(operator: &str, input: &str, output: &str) -> Self {
        Self {
            inputs: vec![input.to_owned()],
            outputs: vec![output.to_owned()],
            op_type: operator.to_owned(),
            ..Self::default()
        }
    }

    /// `output` is `input` as float32.
    pub(super) fn to_f32(input: &str, output: &str) -> Self {
        /// `TensorProto.DataType.FLOAT`.
        const FLOAT: i64 = 1;
        /// `AttributeProto.AttributeType.INT`.
        const INT: i32 = 2;
        let to = OnnxAttribute {
            name: "to".to_owned(),
            i: FLOAT,
            kind: INT,
        };
        Self {
            attributes: vec![to],
            ..Self::unary("Cast", input, output)
        }
    }
}
