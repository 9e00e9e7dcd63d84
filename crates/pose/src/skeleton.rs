//! The nodes and edges that a model's points belong to.

use crate::{kind::ModelKind, metadata::Metadata, training_config::TrainingConfig};

/// Nodes and the edges between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSkeleton {
    /// Its name.
    pub name: String,
    /// Node names, in the order of an instance's points.
    pub nodes: Vec<String>,
    /// Source and destination, as indices into `nodes`.
    pub edges: Vec<[u32; 2]>,
}

/// The skeleton of what the model gives: a centroid model gives one node, whatever its animals
/// have.
pub(crate) fn skeleton(metadata: &Metadata, config: TrainingConfig) -> ModelSkeleton {
    let nodes = metadata.node_names.clone();
    if metadata.kind == ModelKind::Centroid && nodes.len() > 1 {
        return ModelSkeleton {
            name: "centroid".to_owned(),
            nodes: vec!["centroid".to_owned()],
            edges: Vec::new(),
        };
    }
    let index = |name: &String| {
        let at = nodes.iter().position(|node| node == name)?;
        u32::try_from(at).ok()
    };
    let edges = if metadata.edges.is_empty() {
        config
            .edges
            .iter()
            .filter_map(|[source, destination]| Some([index(source)?, index(destination)?]))
            .collect()
    } else {
        metadata.edges.clone()
    };
    ModelSkeleton {
        name: config
            .skeleton_name
            .unwrap_or_else(|| "skeleton".to_owned()),
        nodes,
        edges,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(max: [Option<u32>; 2], edges: &[[u32; 2]]) -> Metadata {
        Metadata {
            kind: ModelKind::SingleInstance,
            name: "fly".to_owned(),
            node_names: ["head", "thorax", "tail"].map(str::to_owned).to_vec(),
            edges: edges.to_vec(),
            channels: 1,
            max_height: max[0],
            max_width: max[1],
            input_scale: 1.0,
            output_stride: None,
            crop_size: None,
            peak_threshold: None,
            class_names: None,
        }
    }

    fn config(max: [Option<u32>; 2], edges: &[[&str; 2]]) -> TrainingConfig {
        TrainingConfig {
            max_height: max[0],
            max_width: max[1],
            skeleton_name: None,
            edges: edges.iter().map(|edge| edge.map(str::to_owned)).collect(),
        }
    }

    #[test]
    fn edges_come_from_the_metadata_or_by_name_from_the_configuration() {
        let none = [None, None];
        let by_name = [["tail", "head"], ["head", "thorax"], ["head", "wing"]];
        let config = || config(none, &by_name);
        let from_config = skeleton(&metadata(none, &[]), config());
        assert_eq!(from_config.edges, [[2, 0], [0, 1]]);
        let from_metadata = skeleton(&metadata(none, &[[1, 2]]), config());
        assert_eq!(from_metadata.edges, [[1, 2]]);
    }

    #[test]
    fn a_centroid_model_gives_one_node() {
        let none = [None, None];
        let centroid = Metadata {
            kind: ModelKind::Centroid,
            ..metadata(none, &[[0, 1]])
        };
        let collapsed = skeleton(&centroid, config(none, &[]));
        assert_eq!(collapsed.nodes, ["centroid"]);
        assert!(collapsed.edges.is_empty());
        let single = Metadata {
            node_names: vec!["thorax".to_owned()],
            ..centroid
        };
        assert_eq!(skeleton(&single, config(none, &[])).nodes, ["thorax"]);
    }
}
