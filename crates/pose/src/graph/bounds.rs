//! Writing operators in a form that every provider computes alike.
//!
//! OpenVINO 2025.4 gives 0 for a `Clip` of whole numbers that has a lower bound alone, and the lowest number where it
//! has an upper one alone. `Max` and `Min` say the same and are computed rightly.

use prost::{
    DecodeError, Message,
    encoding::{WireType, decode_key, encode_key, encode_varint, skip_field},
};

use super::onnx::OnnxNode;

/// `ModelProto.graph`.
const GRAPH: u32 = 7;
/// `GraphProto.node`.
const NODE: u32 = 1;

/// The ONNX file with `Max` and `Min` in place of each `Clip` that has one bound. Everything else keeps its bytes.
///
/// # Errors
/// The file is not ONNX.
pub(super) fn with_whole_clips(model: &[u8]) -> Result<Vec<u8>, DecodeError> {
    replace(model, GRAPH, |graph| {
        replace(graph, NODE, |node| {
            let node = OnnxNode::decode(node)?;
            Ok(one_sided(&node).map(|node| node.encode_to_vec()))
        })
        .map(Some)
    })
}

/// What a `Clip` with one bound is otherwise.
fn one_sided(node: &OnnxNode) -> Option<OnnxNode> {
    if !node.is("Clip") {
        return None;
    }
    let bound = |at: usize| node.inputs.get(at).filter(|name| !name.is_empty());
    let (operator, bound) = match (bound(1), bound(2)) {
        (Some(lower), None) => ("Max", lower),
        (None, Some(upper)) => ("Min", upper),
        _ => return None,
    };
    Some(OnnxNode {
        inputs: vec![node.inputs[0].clone(), bound.clone()],
        outputs: node.outputs.clone(),
        op_type: operator.to_owned(),
        ..OnnxNode::default()
    })
}

/// A protobuf message with what `other` gives in place of its fields `tag`; `None` keeps a field.
fn replace(
    message: &[u8],
    tag: u32,
    other: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, DecodeError>,
) -> Result<Vec<u8>, DecodeError> {
    let mut written = Vec::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let field = rest;
        let (found, wire) = decode_key(&mut rest)?;
        let key = field.len() - rest.len();
        skip_field(wire, found, &mut rest, Default::default())?;
        let whole = &field[..field.len() - rest.len()];
        if found == tag && wire == WireType::LengthDelimited {
            let mut value = &whole[key..];
            prost::encoding::decode_varint(&mut value)?;
            if let Some(replaced) = other(value)? {
                encode_key(tag, wire, &mut written);
                encode_varint(replaced.len() as u64, &mut written);
                written.extend(replaced);
                continue;
            }
        }
        written.extend(whole);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::onnx::{OnnxGraph, OnnxModel};

    fn node(operator: &str, inputs: &[&str]) -> OnnxNode {
        OnnxNode {
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            ..OnnxNode::unary(operator, "", "y")
        }
    }

    fn written(nodes: Vec<OnnxNode>) -> Vec<OnnxNode> {
        let graph = Some(OnnxGraph {
            nodes,
            ..OnnxGraph::default()
        });
        let bytes = with_whole_clips(&OnnxModel { graph }.encode_to_vec()).expect("a model");
        let model = OnnxModel::decode(&bytes[..]).expect("still a model");
        model.graph.expect("a graph").nodes
    }

    #[test]
    fn a_clip_with_one_bound_is_a_maximum_or_a_minimum() {
        let both = node("Clip", &["x", "a", "b"]);
        let none = node("Clip", &["x"]);
        let nodes = written(vec![
            node("Clip", &["x", "a"]),
            node("Clip", &["x", "a", ""]),
            node("Clip", &["x", "", "b"]),
            both.clone(),
            none.clone(),
            node("Relu", &["x"]),
        ]);
        let expected = [
            node("Max", &["x", "a"]),
            node("Max", &["x", "a"]),
            node("Min", &["x", "b"]),
            both,
            none,
            node("Relu", &["x"]),
        ];
        assert_eq!(nodes, expected);
    }

    #[test]
    fn everything_else_keeps_its_bytes() {
        let toy =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toys/gray/model.onnx");
        let bytes = std::fs::read(toy).expect("a toy");
        assert_eq!(with_whole_clips(&bytes).expect("a model"), bytes);
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for bytes in [&b"\x3a\x7f"[..], b"\xff\xff", b"\x3a\x02\x0a\x05"] {
            assert!(with_whole_clips(bytes).is_err(), "{bytes:?}");
        }
    }
}
