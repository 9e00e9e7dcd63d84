//! What has to be known of a graph before a device can load it.

use ort::value::ValueType;

use super::engine_cache;
use crate::{graph::GraphFile, options::Options};

/// What a device needs beside the graph.
pub(crate) enum Preparation {
    /// Nothing.
    None,
    /// The engine that TensorRT builds.
    Engine(TensorRtProfile),
    /// What OpenVINO compiles.
    FixedGraph(FixedGraph),
}

impl Preparation {
    /// TensorRT's.
    pub(super) fn engine(&self) -> Option<&TensorRtProfile> {
        match self {
            Self::Engine(engine) => Some(engine),
            Self::None | Self::FixedGraph(_) => None,
        }
    }

    /// OpenVINO's.
    pub(super) fn fixed(&self) -> Option<&FixedGraph> {
        match self {
            Self::FixedGraph(fixed) => Some(fixed),
            Self::None | Self::Engine(_) => None,
        }
    }

    /// What to try after a failure of this one.
    pub(super) fn after(&self, failure: &str) -> Option<Self> {
        self.engine()?.after(failure).map(Self::Engine)
    }
}

/// A graph in the form that OpenVINO takes, and the sizes of its input's dimensions.
///
/// With an open dimension OpenVINO takes a graph in pieces, which is slower than without it, and fails
/// on some exports.
pub(crate) struct FixedGraph {
    pub(super) graph: GraphFile,
    /// By their names in the graph.
    pub(super) dimensions: Vec<(String, i64)>,
}

/// The dimensions that the type of an input leaves open, with their sizes in `shape` = batch, channels, height, width.
/// What has no name in the graph stays open.
pub(super) fn open_dimensions(input: &ValueType, shape: [usize; 4]) -> Vec<(String, i64)> {
    let ValueType::Tensor {
        dimension_symbols, ..
    } = input
    else {
        return Vec::new();
    };
    let sizes = shape.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    let named = dimension_symbols.iter().zip(sizes);
    let open = named.filter(|(name, _)| !name.is_empty());
    open.map(|(name, size)| (name.clone(), size)).collect()
}

/// A TensorRT engine's range of shapes, and where it is kept.
#[derive(Clone)]
pub(crate) struct TensorRtProfile {
    /// Batch (the largest), channels, height, width. `None`: TensorRT takes the sizes it has had.
    pub(super) shape: Option<[usize; 4]>,
    /// The folder for this model's engines, if there is one.
    pub(super) cache: Option<engine_cache::CacheFolders>,
}

impl TensorRtProfile {
    /// The engine of `graph`.
    pub(crate) fn new(graph: &GraphFile, shape: [usize; 4], options: &Options) -> Self {
        let cache = engine_cache::folders(graph, shape, options.fp16)
            .inspect_err(|error| {
                tracing::warn!(%error, "TensorRT engines are not kept: each start builds them again");
            })
            .ok();
        let shape = Some(shape);
        Self { shape, cache }
    }

    /// What to try after a failure of this one: ONNX Runtime does not take a range of the graph's
    /// input where it gives TensorRT parts of the graph that begin further inside.
    fn after(&self, failure: &str) -> Option<Self> {
        let refused = self.shape.is_some() && failure.contains("associated shape profiles");
        refused.then(|| Self {
            shape: None,
            cache: self.cache.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use ort::value::{Shape, SymbolicDimensions, TensorElementType};

    use super::*;

    #[test]
    fn dimensions_that_the_graph_leaves_open_are_fixed_by_their_names() {
        let input = ValueType::Tensor {
            ty: TensorElementType::Uint8,
            shape: Shape::new([-1, 1, -1, 256]),
            dimension_symbols: SymbolicDimensions::new(
                ["batch", "", "height", ""].map(str::to_owned),
            ),
        };
        let fixed = open_dimensions(&input, [1, 1, 192, 256]);
        assert_eq!(fixed, [("batch".to_owned(), 1), ("height".to_owned(), 192)]);
    }

    #[test]
    fn a_range_that_is_refused_is_left_out_once() {
        let engine = TensorRtProfile {
            shape: Some([8, 1, 192, 256]),
            cache: None,
        };
        let refusal = "Following input(s) has no associated shape profiles provided: /Cast_output";
        assert!(engine.after("out of memory").is_none());
        let next = engine.after(refusal).expect("another try");
        assert!(next.shape.is_none() && next.after(refusal).is_none());
    }
}
