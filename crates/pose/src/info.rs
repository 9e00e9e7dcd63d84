//! What a model is: its size, its skeleton, what it can give.

use crate::{
    gpu::NoGpu, kinds::ModelKind, metadata::Metadata, model::LoadError, placement::Placement,
    refine::Refine, training_config::TrainingConfig,
};

/// The size that `sleap-nn export` traces with when nothing says another.
const DEFAULT_SIDE: u32 = 512;

/// The longest side of an input, far beyond what fits a GPU: damaged metadata must not make the
/// warm-up allocate without bound.
pub const MAX_SIDE: u32 = 16_384;

/// What a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// The name of the trained model.
    pub name: String,
    /// Its kind.
    pub kind: ModelKind,
    /// The size that frames are fitted to.
    pub input: InputSize,
    /// What its points are.
    pub skeleton: Skeleton,
    /// What it runs on: `cpu`, `cuda:0`, ...
    pub device: String,
    /// Which execution provider runs how many nodes.
    pub placement: Placement,
    /// Why it does not run on a GPU, where [`crate::Device::Auto`] would have taken one.
    pub no_gpu: Option<NoGpu>,
    /// The largest batch that it was warmed up for: [`crate::Options::max_batch`] or its default.
    pub max_batch: usize,
    /// How its points are moved off the grid of its confidence maps, if they are.
    pub refine: Option<Refine>,
    /// What someone should know who runs this model with these options: an export that wastes
    /// time, an option without effect. Whole sentences without a full stop, seldom any.
    pub notes: Vec<String>,
}

/// The size of a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize {
    /// Rows.
    pub height: u32,
    /// Pixels per row.
    pub width: u32,
    /// 1 gray, 3 RGB.
    pub channels: u32,
}

impl InputSize {
    /// Bytes of one frame.
    pub fn bytes(self) -> usize {
        [self.channels, self.height, self.width]
            .map(|n| n as usize)
            .into_iter()
            .product()
    }
}

/// Nodes and the edges between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton {
    /// Its name.
    pub name: String,
    /// Node names, in the order of an instance's points.
    pub nodes: Vec<String>,
    /// Source and destination, as indices into `nodes`.
    pub edges: Vec<[u32; 2]>,
}

/// The size that the graph was traced with. It is right for this size only, although its axes look
/// dynamic, and the size is not in every export's metadata.
pub(crate) fn input_size(
    metadata: &Metadata,
    config: &TrainingConfig,
    fixed: (Option<u32>, Option<u32>),
) -> Result<InputSize, LoadError> {
    let height = fixed.0.or(metadata.max_height).or(config.max_height);
    let width = fixed.1.or(metadata.max_width).or(config.max_width);
    let (height, width) = (
        height.unwrap_or(DEFAULT_SIDE),
        width.unwrap_or(DEFAULT_SIDE),
    );
    if !(1..=MAX_SIDE).contains(&height) || !(1..=MAX_SIDE).contains(&width) {
        return Err(LoadError::InputSize { width, height });
    }
    Ok(InputSize {
        height,
        width,
        channels: metadata.channels,
    })
}

/// The skeleton of what the model gives: a centroid model gives one node, whatever its animals
/// have.
pub(crate) fn skeleton(metadata: &Metadata, config: TrainingConfig) -> Skeleton {
    let nodes = metadata.node_names.clone();
    if metadata.kind == ModelKind::Centroid && nodes.len() > 1 {
        return Skeleton {
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
    Skeleton {
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
    fn the_size_is_the_graph_s_or_the_metadata_s_or_the_configuration_s_or_512() {
        let none = [None, None];
        for (fixed, in_metadata, in_config, height, width) in [
            (none, none, none, 512, 512),
            (none, none, [Some(30), Some(40)], 30, 40),
            (none, none, [Some(30), None], 30, 512),
            (none, [Some(50), Some(60)], [Some(30), Some(40)], 50, 60),
            (none, [None, Some(60)], [Some(30), Some(40)], 30, 60),
            ([Some(7), Some(8)], [Some(50), Some(60)], none, 7, 8),
        ] {
            let metadata = metadata(in_metadata, &[]);
            let fixed = (fixed[0], fixed[1]);
            let size = input_size(&metadata, &config(in_config, &[]), fixed).expect("in range");
            assert_eq!((size.height, size.width), (height, width));
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
