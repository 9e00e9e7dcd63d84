//! The JSON texts of a file: skeleton and provenance, videos, tracks.

use protocol::Skeleton;
use serde_json::{Value, json};

use crate::header::{LabelsHeader, VideoReference};

/// Skeleton and provenance, as the attribute `json` of `/metadata` has them. Edges must join nodes
/// that there are.
pub(super) fn metadata(header: &LabelsHeader, skeleton: &Skeleton) -> String {
    let nodes: Vec<Value> = skeleton
        .nodes
        .iter()
        .map(|name| json!({"name": name, "weight": 1.0}))
        .collect();
    let provenance: serde_json::Map<String, Value> = header
        .provenance
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    json!({
        "version": "2.0.0",
        "skeletons": [graph(skeleton)],
        "nodes": nodes,
        "videos": [],
        "tracks": [],
        "suggestions": [],
        "negative_anchors": {},
        "provenance": provenance,
    })
    .to_string()
}

/// A skeleton in the form of Python's networkx, pickled by jsonpickle: the type of an edge stands
/// with the first one, the others refer to it.
fn graph(skeleton: &Skeleton) -> Value {
    let link = |(index, [source, target]): (usize, &[u32; 2])| {
        let kind = match index {
            0 => json!({"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [1]}]}),
            _ => json!({"py/id": 1}),
        };
        json!({"edge_insert_idx": index, "key": 0, "source": source, "target": target, "type": kind})
    };
    let links: Vec<Value> = skeleton.edges.iter().enumerate().map(link).collect();
    let nodes: Vec<Value> = (0..skeleton.nodes.len())
        .map(|id| json!({"id": id}))
        .collect();
    json!({
        "directed": true,
        "graph": {"name": skeleton.name, "num_edges_inserted": links.len()},
        "links": links,
        "multigraph": true,
        "nodes": nodes,
    })
}

/// A row of `/videos_json`. A length that is not known is 0.
pub(super) fn video(video: &VideoReference) -> String {
    let (height, width, channels) = (video.height, video.width, video.channels);
    let mut backend = json!({
        "type": "MediaVideo",
        "filename": video.filename,
        "shape": [video.frames.unwrap_or(0), height, width, channels],
        "grayscale": channels == 1,
        "bgr": true,
        "dataset": "",
        "input_format": "",
        "fps": video.fps,
    });
    if !video.images.is_empty() {
        backend["type"] = "ImageVideo".into();
        backend["filenames"] = json!(&video.images[..]);
        backend["height_"] = height.into();
        backend["width_"] = width.into();
        backend["channels_"] = channels.into();
    }
    json!({"filename": video.filename, "backend": backend}).to_string()
}

/// A row of `/tracks_json`.
pub(super) fn track(name: &str) -> String {
    json!([0, name]).to_string()
}
