//! What the fuzz targets do with their input (`tests/fuzz`). The tests replay the committed inputs.

use bytes::Bytes;

use crate::answer::outputs;
use crate::codec::decode;
use crate::description::ServedModel;
use crate::messages::{InferResponse, ModelMetadataResponse};

/// What an inference server answers: outputs, and the description of a model.
pub fn answer(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(metadata) = decode::<ModelMetadataResponse>(bytes.clone()) {
        let model = ServedModel::new(metadata, 0);
        assert!(model.is_like(&model.clone()));
    }
    if let Ok(answer) = decode::<InferResponse>(bytes) {
        let _ = outputs(answer, &["peaks", "peak_vals", "instance_valid"], 2);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::messages::{Contents, InferOutput, TensorMetadata};

    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/replay.rs"
    ));

    #[test]
    fn answers_of_the_corpus() {
        replay("answer", answer);
    }

    fn good() -> InferResponse {
        let output = |name: &str, datatype: &str, shape: &[i64], fp32s: &[f32]| InferOutput {
            name: name.into(),
            datatype: datatype.into(),
            shape: shape.to_vec(),
            contents: Some(Contents {
                fp32s: fp32s.to_vec(),
                ..Contents::default()
            }),
        };
        InferResponse {
            model_version: "1".into(),
            outputs: vec![
                output("peaks", "FP32", &[2, 1, 2], &[1.0, 2.0, 3.0, f32::NAN]),
                output("peak_vals", "FP32", &[2, 1], &[0.5, 0.25]),
                output("instance_valid", "BOOL", &[2, 0], &[]),
            ],
            raw_output_contents: Vec::new(),
        }
    }

    #[test]
    fn cut_and_changed_answers_are_errors_or_answers_and_never_panics() {
        let mut raw = good();
        for output in &mut raw.outputs {
            output.contents = None;
        }
        raw.raw_output_contents = [16, 8, 0].map(|bytes| vec![7; bytes].into()).to_vec();
        let description = ModelMetadataResponse {
            inputs: vec![TensorMetadata {
                name: "image".into(),
                datatype: "UINT8".into(),
                shape: vec![-1, 1, 192, 256],
            }],
            ..ModelMetadataResponse::default()
        };
        let all = [
            good().encode_to_vec(),
            raw.encode_to_vec(),
            description.encode_to_vec(),
        ];
        assert!(outputs(good(), &["peaks", "instance_valid"], 2).is_ok());
        assert!(outputs(raw, &["peaks", "instance_valid"], 2).is_ok());
        for whole in all {
            for at in 0..whole.len() {
                answer(&whole[..at]);
                for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                    let mut changed = whole.clone();
                    changed[at] = byte;
                    answer(&changed);
                }
            }
        }
    }
}
