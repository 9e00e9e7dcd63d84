//! What the fuzz targets do with their input (`tests/fuzz`). The tests replay the committed inputs.

use std::path::Path;

use crate::graph;
use crate::metadata::Metadata;
use crate::training_config::TrainingConfig;

/// `export_metadata.json`.
pub fn metadata(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(metadata) = Metadata::parse(text, Path::new("export_metadata.json")) {
        let nodes = metadata.node_names.len() as u32;
        assert!(metadata.edges.iter().flatten().all(|node| *node < nodes));
    }
}

/// The training configuration beside a graph.
pub fn training_config(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = TrainingConfig::parse(text, "training_config.yaml");
    }
}

/// `model.onnx`, where it is searched for its confidence maps.
pub fn onnx(data: &[u8]) {
    graph::fuzz(data);
}

#[cfg(test)]
mod tests {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/replay.rs"
    ));

    #[test]
    fn metadata_of_the_corpus() {
        replay("metadata", super::metadata);
    }

    #[test]
    fn training_configurations_of_the_corpus() {
        replay("training_config", super::training_config);
    }

    #[test]
    fn graphs_of_the_corpus() {
        replay("onnx", super::onnx);
    }
}
