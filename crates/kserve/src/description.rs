//! What a server says about a model.

use pose::{ElementType, GraphSignature, TensorSpec};

use crate::messages::{ModelMetadataResponse, TensorMetadata};

/// The most tensors that are read of a model.
const MAX_TENSORS: usize = 64;

/// A model, as the server describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedModel {
    /// What runs it there, such as `onnxruntime_onnx`.
    pub platform: String,
    /// The versions that there are.
    pub versions: Vec<String>,
    /// Frames in one request at most, where the server says so.
    pub max_batch: Option<usize>,
    pub(crate) signature: GraphSignature,
}

impl ServedModel {
    /// Of the model's metadata, and Triton's largest batch (0: it adds no dimension for batches).
    pub(crate) fn new(metadata: ModelMetadataResponse, max_batch_size: i32) -> Self {
        let specs = |tensors: &[TensorMetadata]| -> Vec<TensorSpec> {
            tensors.iter().take(MAX_TENSORS).map(spec).collect()
        };
        let signature = GraphSignature {
            inputs: specs(&metadata.inputs),
            outputs: specs(&metadata.outputs),
        };
        let positive = |n: i64| usize::try_from(n).ok().filter(|&n| n > 0);
        let input = signature.inputs.first();
        let fixed = input.and_then(|input| positive(*input.shape.first()?));
        Self {
            platform: metadata.platform,
            versions: metadata.versions,
            max_batch: positive(max_batch_size.into()).or(fixed),
            signature,
        }
    }

    /// Whether calls of this model can go on with the other one: the same tensors.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.signature == other.signature
    }
}

fn spec(tensor: &TensorMetadata) -> TensorSpec {
    TensorSpec {
        name: tensor.name.clone(),
        element: element(&tensor.datatype),
        shape: tensor.shape.clone(),
    }
}

/// The types of exports, by their names in the protocol.
pub(crate) fn element(datatype: &str) -> ElementType {
    match datatype {
        "UINT8" => ElementType::Uint8,
        "BOOL" => ElementType::Bool,
        "INT64" => ElementType::Int64,
        "FP16" => ElementType::Float16,
        "FP32" => ElementType::Float32,
        other => ElementType::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(batch: i64) -> ModelMetadataResponse {
        let tensor = |name: &str, datatype: &str, shape: &[i64]| TensorMetadata {
            name: name.into(),
            datatype: datatype.into(),
            shape: shape.to_vec(),
        };
        ModelMetadataResponse {
            versions: vec!["1".into()],
            platform: "onnxruntime_onnx".into(),
            inputs: vec![tensor("image", "UINT8", &[batch, 1, 192, 256])],
            outputs: vec![tensor("peaks", "FP16", &[batch, 5, 2])],
        }
    }

    #[test]
    fn tensors_and_the_largest_batch_are_read() {
        let model = ServedModel::new(metadata(-1), 0);
        assert_eq!(model.max_batch, None);
        assert_eq!(model.signature.inputs[0].element, ElementType::Uint8);
        assert_eq!(model.signature.outputs[0].element, ElementType::Float16);
        assert_eq!(ServedModel::new(metadata(-1), 8).max_batch, Some(8));
        assert_eq!(ServedModel::new(metadata(4), 0).max_batch, Some(4));
        assert_eq!(ServedModel::new(metadata(-1), -3).max_batch, None);
    }

    #[test]
    fn a_model_with_other_tensors_is_another_one() {
        let model = ServedModel::new(metadata(-1), 0);
        assert!(model.is_like(&ServedModel::new(metadata(-1), 8)));
        let mut other = metadata(-1);
        other.outputs[0].shape[1] = 7;
        assert!(!model.is_like(&ServedModel::new(other, 0)));
    }
}
