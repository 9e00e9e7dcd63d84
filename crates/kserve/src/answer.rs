//! From a server's answer to the graph's outputs.

use pose::{ElementType, OutputTensors, Tensor, TensorValues};

use crate::description::element;
use crate::messages::{Contents, InferOutput, InferResponse};

/// The `expected` outputs of an answer for `batch` frames. Others are left out.
///
/// # Errors
/// One is missing, or its values do not have the type and the shape that the answer says.
pub(crate) fn outputs(
    answer: InferResponse,
    expected: &[&'static str],
    batch: usize,
) -> Result<OutputTensors, String> {
    let raw = &answer.raw_output_contents;
    if !raw.is_empty() && raw.len() != answer.outputs.len() {
        let (values, outputs) = (raw.len(), answer.outputs.len());
        return Err(format!(
            "it has values of {values} outputs and describes {outputs}"
        ));
    }
    let mut tensors = Vec::with_capacity(expected.len());
    for (at, output) in answer.outputs.into_iter().enumerate() {
        let Some(name) = expected.iter().find(|name| **name == output.name) else {
            continue;
        };
        let tensor = match raw.get(at) {
            Some(bytes) => {
                let element = element(&output.datatype);
                Tensor::from_le_bytes(&element, output.shape, bytes).map_err(|it| it.to_string())
            }
            None => typed(output),
        };
        let tensor = tensor.map_err(|problem| format!("output '{name}': {problem}"))?;
        tensors.push(((*name).to_owned(), tensor));
    }
    let is_there = |name: &str| tensors.iter().any(|(known, _)| known == name);
    if let Some(name) = expected.iter().find(|name| !is_there(name)) {
        return Err(format!("it has no output '{name}'"));
    }
    Ok(OutputTensors::of(tensors, batch))
}

/// Values in fields of their type, as some servers send them.
fn typed(output: InferOutput) -> Result<Tensor, String> {
    let Contents {
        bools,
        int64s,
        fp32s,
    } = output.contents.unwrap_or_default();
    let values = match element(&output.datatype) {
        ElementType::Float32 => TensorValues::F32(fp32s),
        ElementType::Bool => TensorValues::Bool(bools),
        ElementType::Int64 => TensorValues::I64(int64s),
        other => return Err(format!("values of {other} are not read")),
    };
    Tensor::new(output.shape, values).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn output(name: &str, datatype: &str, shape: &[i64]) -> InferOutput {
        InferOutput {
            name: name.into(),
            datatype: datatype.into(),
            shape: shape.to_vec(),
            contents: None,
        }
    }

    fn raw(outputs: Vec<InferOutput>, values: &[&[u8]]) -> InferResponse {
        InferResponse {
            model_version: "1".into(),
            outputs,
            raw_output_contents: values.iter().map(|it| Bytes::copy_from_slice(it)).collect(),
        }
    }

    fn problem(answer: InferResponse) -> String {
        match outputs(answer, &["peaks"], 1) {
            Ok(_) => panic!("it should be refused"),
            Err(problem) => problem,
        }
    }

    #[test]
    fn raw_and_typed_values_are_read() {
        let bytes = 1.5_f32.to_le_bytes();
        let answer = raw(
            vec![output("x", "BYTES", &[9]), output("peaks", "FP32", &[1, 1])],
            &[b"?", &bytes],
        );
        assert!(outputs(answer, &["peaks"], 1).is_ok());
        let mut of_type = output("peaks", "FP32", &[1, 2]);
        of_type.contents = Some(Contents {
            fp32s: vec![1.5, f32::NAN],
            ..Contents::default()
        });
        assert!(outputs(raw(vec![of_type], &[]), &["peaks"], 1).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let bytes = [0; 8];
        let peaks = |datatype, shape| vec![output("peaks", datatype, shape)];
        for (answer, words) in [
            (raw(vec![], &[]), "no output 'peaks'"),
            (
                raw(vec![output("PEAKS", "FP32", &[1, 2])], &[&bytes]),
                "no output 'peaks'",
            ),
            (
                raw(peaks("FP32", &[1, 2]), &[&bytes, &bytes]),
                "values of 2 outputs",
            ),
            (raw(peaks("FP32", &[1, 3]), &[&bytes]), "8 bytes"),
            (raw(peaks("FP32", &[1, -2]), &[&bytes]), "[1, -2]"),
            (
                raw(peaks("FP32", &[i64::MAX, i64::MAX, 2]), &[&bytes]),
                "'peaks'",
            ),
            (raw(peaks("FP64", &[1, 1]), &[&bytes]), "FP64"),
            (raw(peaks("FP32", &[1, 2]), &[]), "'peaks'"),
            (raw(peaks("FP16", &[1, 2]), &[]), "float16"),
        ] {
            let problem = problem(answer);
            assert!(problem.contains(words), "no {words:?} in: {problem}");
        }
    }
}
