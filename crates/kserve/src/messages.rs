//! The messages of KServe's v2 protocol that are needed, and what of their fields: the others are skipped when
//! reading. After `grpc_predict_v2.proto` of the KServe project and Triton's `grpc_service.proto`.

use bytes::Bytes;
use prost::Message;

/// Where the calls of the protocol are.
pub(crate) const SERVICE: &str = "/inference.GRPCInferenceService/";

/// `ServerReadyRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct ServerReadyRequest {}

/// `ServerReadyResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct ServerReadyResponse {
    /// Whether it can be used now.
    #[prost(bool, tag = "1")]
    pub ready: bool,
}

/// `ModelReadyRequest`, `ModelMetadataRequest` and Triton's `ModelConfigRequest`, which have the same fields.
#[derive(Clone, PartialEq, Message)]
pub struct ModelRequest {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Which one; empty where the server chooses.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// `ModelReadyResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct ModelReadyResponse {
    /// Whether it can be used now.
    #[prost(bool, tag = "1")]
    pub ready: bool,
}

/// `ModelMetadataResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct ModelMetadataResponse {
    /// Those that there are.
    #[prost(string, repeated, tag = "2")]
    pub versions: Vec<String>,
    /// What runs it.
    #[prost(string, tag = "3")]
    pub platform: String,
    /// What it takes.
    #[prost(message, repeated, tag = "4")]
    pub inputs: Vec<TensorMetadata>,
    /// What it gives, or is to give.
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<TensorMetadata>,
}

/// `ModelMetadataResponse.TensorMetadata`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorMetadata {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The type of its elements, such as `FP32`.
    #[prost(string, tag = "2")]
    pub datatype: String,
    /// The lengths of its dimensions; -1 where any will do.
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
}

/// Triton's `ModelConfigResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct ModelConfigResponse {
    /// The configuration.
    #[prost(message, optional, tag = "1")]
    pub config: Option<ModelConfig>,
}

/// Triton's `ModelConfig`.
#[derive(Clone, PartialEq, Message)]
pub struct ModelConfig {
    /// Zero: the first dimension is none of batches that the server may change.
    #[prost(int32, tag = "4")]
    pub max_batch_size: i32,
}

/// `ModelInferRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct InferRequest {
    /// Which model.
    #[prost(string, tag = "1")]
    pub model_name: String,
    /// Which version of it.
    #[prost(string, tag = "2")]
    pub model_version: String,
    /// What it takes.
    #[prost(message, repeated, tag = "5")]
    pub inputs: Vec<InferInput>,
    /// What it gives, or is to give.
    #[prost(message, repeated, tag = "6")]
    pub outputs: Vec<RequestedOutput>,
    /// The values of each input, the lowest byte first.
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub raw_input_contents: Vec<Bytes>,
}

/// `ModelInferRequest.InferInputTensor`, whose values are in `raw_input_contents`.
#[derive(Clone, PartialEq, Message)]
pub struct InferInput {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The type of its elements, such as `FP32`.
    #[prost(string, tag = "2")]
    pub datatype: String,
    /// The lengths of its dimensions; -1 where any will do.
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
}

/// `ModelInferRequest.InferRequestedOutputTensor`.
#[derive(Clone, PartialEq, Message)]
pub struct RequestedOutput {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// `ModelInferResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct InferResponse {
    /// Which version of it.
    #[prost(string, tag = "2")]
    pub model_version: String,
    /// What it gives, or is to give.
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<InferOutput>,
    /// The values of each output, the lowest byte first; or none.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub raw_output_contents: Vec<Bytes>,
}

/// `ModelInferResponse.InferOutputTensor`.
#[derive(Clone, PartialEq, Message)]
pub struct InferOutput {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The type of its elements, such as `FP32`.
    #[prost(string, tag = "2")]
    pub datatype: String,
    /// The lengths of its dimensions; -1 where any will do.
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
    /// Where there are no `raw_output_contents`.
    #[prost(message, optional, tag = "5")]
    pub contents: Option<Contents>,
}

/// `InferTensorContents`: the values of the types that exports give. There is no field for 16-bit floats.
#[derive(Clone, PartialEq, Message)]
pub struct Contents {
    /// Of `BOOL`.
    #[prost(bool, repeated, tag = "1")]
    pub bools: Vec<bool>,
    /// Of `INT64`.
    #[prost(int64, repeated, tag = "3")]
    pub int64s: Vec<i64>,
    /// Of `FP32`.
    #[prost(float, repeated, tag = "6")]
    pub fp32s: Vec<f32>,
}
