//! The ONNX file, and what is added to its graph when points are to be refined.
//!
//! A graph gives the peaks of its confidence maps, but not the maps. They become one more output,
//! and so do the peaks' cells. Protobuf merges a message that occurs twice, so a few bytes after
//! the file's own do that; nothing else in the file is changed or interpreted. For OpenVINO some
//! operators are written otherwise.

mod bounds;
mod head;
mod onnx;
mod trace;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use prost::{DecodeError, Message};

use onnx::{OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo};
use trace::{TensorGraph, TraceError};

pub(crate) use head::GraphHead;
pub(crate) use trace::PeakSearch;

/// The added output with the confidence maps, float32 `[.., h, w]`.
pub(crate) const MAPS: &str = "sleap_stream/confidence_maps";
/// The added output with the cell of each peak, int64: row * w + column.
pub(crate) const CELLS: &str = "sleap_stream/cells";

/// No ONNX file is longer, as protobuf has no longer messages.
const MAX_BYTES: u64 = (1 << 31) - 1;

/// Why the confidence maps of a graph cannot be added to its outputs.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The ONNX file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than ONNX files are.
    #[error("{path} is longer than {limit} bytes: it is no ONNX file")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes.
        limit: u64,
    },
    /// The file is not ONNX.
    #[error("cannot read the graph in {path} ({source}): export the model again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: prost::DecodeError,
    },
    /// The output does not come from peaks on confidence maps in a way that is known.
    #[error(
        "this export cannot be refined: its output '{output}' does not come from the maxima of \
         confidence maps as in the exports of sleap-nn; run it without refinement"
    )]
    NoMaps {
        /// The output with the points.
        output: &'static str,
    },
    /// The output comes from several sets of confidence maps.
    #[error(
        "this export cannot be refined: its output '{output}' comes from the maxima of several \
         sets of confidence maps; run it without refinement"
    )]
    SeveralMaps {
        /// The output with the points.
        output: &'static str,
    },
}

/// An ONNX file, as it is or with more outputs.
#[derive(Debug)]
pub(crate) struct GraphFile {
    path: PathBuf,
    edited: Option<Vec<u8>>,
}

impl GraphFile {
    /// The file as it is.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, edited: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's bytes where they are not those on the disk. Weights that lie beside the file
    /// still do.
    pub(crate) fn edited(&self) -> Option<&[u8]> {
        self.edited.as_deref()
    }

    /// The same graph with operators that OpenVINO computes rightly.
    ///
    /// # Errors
    /// The file cannot be read or is not ONNX.
    pub(crate) fn for_openvino(&self) -> Result<Self, GraphError> {
        let file;
        let bytes = match self.edited() {
            Some(edited) => edited,
            None => {
                file = read(&self.path)?;
                &file
            }
        };
        let edited = bounds::with_whole_clips(bytes).map_err(|source| self.damaged(source))?;
        Ok(Self {
            path: self.path.clone(),
            edited: Some(edited),
        })
    }

    fn damaged(&self, source: DecodeError) -> GraphError {
        GraphError::Damaged {
            path: self.path.clone(),
            source,
        }
    }

    /// Adds the outputs [`MAPS`] and [`CELLS`] for the peaks in the output `points`. Peaks of the
    /// output `besides`, on which `points` may depend too, are left out.
    pub(crate) fn add_maps(
        &mut self,
        points: &'static str,
        besides: Option<&str>,
    ) -> Result<PeakSearch, GraphError> {
        let mut bytes = read(&self.path)?;
        let model = OnnxModel::decode(&bytes[..]).map_err(|source| self.damaged(source))?;
        let graph = model.graph.unwrap_or_default();
        let peaks = TensorGraph::new(&graph)
            .peaks(points, besides)
            .map_err(|lost| match lost {
                TraceError::Nothing => GraphError::NoMaps { output: points },
                TraceError::Several => GraphError::SeveralMaps { output: points },
            })?;
        bytes.extend(addition(&peaks.maps, &peaks.cells).encode_to_vec());
        self.edited = Some(bytes);
        Ok(peaks.search)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, GraphError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| GraphError::Read {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(GraphError::TooLong {
            path: path.to_owned(),
            limit: MAX_BYTES,
        });
    }
    Ok(bytes)
}

/// The part of a model that, merged with another, adds the two outputs.
fn addition(maps: &str, cells: &str) -> OnnxModel {
    let output = |name: &str| OnnxValueInfo {
        name: name.to_owned(),
    };
    let graph = OnnxGraph {
        // Nodes of their own: the tensors may be float16, or outputs already.
        nodes: vec![
            OnnxNode::to_f32(maps, MAPS),
            OnnxNode::unary("Identity", cells, CELLS),
        ],
        initializers: Vec::new(),
        outputs: vec![output(MAPS), output(CELLS)],
    };
    OnnxModel { graph: Some(graph) }
}

/// What a fuzz target does with a graph.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(data: &[u8]) {
    let _ = GraphHead::parse(data);
    let _ = bounds::with_whole_clips(data);
    let Ok(model) = OnnxModel::decode(data) else {
        return;
    };
    let graph = model.graph.unwrap_or_default();
    for (points, besides) in [("peaks", None), ("peaks", Some("centroids"))] {
        let _ = TensorGraph::new(&graph).peaks(points, besides);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, GraphFile) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("model.onnx");
        std::fs::write(&path, bytes).expect("written");
        (dir, GraphFile::new(path))
    }

    fn toy() -> Vec<u8> {
        let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toys/gray/model.onnx");
        std::fs::read(toy).expect("a toy")
    }

    #[test]
    fn the_file_s_own_bytes_stay_and_two_outputs_follow() {
        let (_dir, mut graph) = file(&toy());
        assert_eq!(
            graph.add_maps("peaks", None).ok(),
            Some(PeakSearch::Highest)
        );
        let edited = graph.edited().expect("edited");
        assert!(edited.starts_with(&toy()));
        let model = OnnxModel::decode(edited).expect("a model");
        let outputs: Vec<_> = model.graph.expect("a graph").outputs;
        let names: Vec<_> = outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["peaks", "peak_vals", MAPS, CELLS]);
    }

    #[test]
    fn what_cannot_be_refined_says_so() {
        let (_dir, mut graph) = file(&toy());
        let error = graph.add_maps("centroids", None).expect_err("no such");
        assert!(matches!(
            error,
            GraphError::NoMaps {
                output: "centroids"
            }
        ));
        assert!(graph.edited().is_none());
        let (_dir, mut graph) = file(b"");
        assert!(matches!(
            graph.add_maps("peaks", None),
            Err(GraphError::NoMaps { .. })
        ));
        let (_dir, mut graph) = file(b"not a model, not at all");
        assert!(matches!(
            graph.add_maps("peaks", None),
            Err(GraphError::Damaged { .. })
        ));
        let mut graph = GraphFile::new("nowhere/model.onnx".into());
        assert!(matches!(
            graph.add_maps("peaks", None),
            Err(GraphError::Read { .. })
        ));
    }

    proptest! {
        #[test]
        fn damaged_graphs_are_errors_or_other_graphs(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
            length in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let mut bytes = toy();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if cut {
                bytes.truncate(length.index(bytes.len()));
            }
            let (_dir, mut graph) = file(&bytes);
            let found = graph.add_maps("peaks", None).is_ok();
            prop_assert_eq!(found, graph.edited().is_some());
        }
    }
}
