//! `export_metadata.json`, as `sleap-nn export` writes it beside the graph.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    kind::{KindError, ModelKind},
    model_files::{LfsPointer, is_lfs_text},
};

pub(crate) const FILE_NAME: &str = "export_metadata.json";

/// Longest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// The metadata of a model, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metadata {
    pub(crate) kind: ModelKind,
    pub(crate) name: String,
    pub(crate) node_names: Vec<String>,
    /// Indices into `node_names`; often empty although the skeleton has edges.
    pub(crate) edges: Vec<[u32; 2]>,
    /// 1 gray or 3 RGB.
    pub(crate) channels: u32,
    /// The traced size where this export recorded it.
    pub(crate) max_height: Option<u32>,
    pub(crate) max_width: Option<u32>,
    /// The graph's input is the frame times this. Only bottom-up graphs leave it in their points.
    pub(crate) input_scale: f32,
    /// The network's pixels a cell of its confidence maps; of combined models, of the crops'.
    pub(crate) output_stride: Option<u32>,
    /// Height and width of top-down crops.
    pub(crate) crop_size: Option<[u32; 2]>,
    /// The graph gives nothing below this.
    pub(crate) peak_threshold: Option<f32>,
    /// The names of the identities.
    pub(crate) class_names: Option<Vec<String>>,
}

/// Why the metadata of a model directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// No metadata: not a directory that `sleap-nn export` wrote.
    #[error(
        "{path} is missing: give a directory that `sleap-nn export` wrote \
         (a training folder has to be exported first)"
    )]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Only Git LFS's pointer to the file.
    #[error(transparent)]
    LfsPointer(LfsPointer),
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("{path} is not the metadata of an export ({source}): export the model again")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// A kind of model that cannot be run.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The input is not 8-bit.
    #[error("the model takes {dtype} pixels, not uint8: export it with sleap-nn 0.3 or newer")]
    InputType {
        /// `input_dtype`.
        dtype: String,
    },
    /// Neither gray nor RGB.
    #[error("the model takes {channels} channels; 1 (gray) and 3 (RGB) are supported")]
    Channels {
        /// `input_channels`.
        channels: u32,
    },
    /// `n_nodes` and `node_names` disagree, or there are none.
    #[error("the metadata counts {count} nodes but names {named}: export the model again")]
    Nodes {
        /// `n_nodes`.
        count: usize,
        /// The length of `node_names`.
        named: usize,
    },
    /// A scale that cannot be.
    #[error("the metadata's input_scale is {scale}: export the model again")]
    InputScale {
        /// `input_scale`.
        scale: f32,
    },
    /// An edge between nodes that do not exist.
    #[error("edge {source_node}-{destination_node} is outside the model's {nodes} nodes")]
    Edge {
        /// Index of the source.
        source_node: u32,
        /// Index of the destination.
        destination_node: u32,
        /// How many nodes there are.
        nodes: usize,
    },
}

/// The fields of the file; those that are not needed are ignored.
#[derive(Deserialize)]
struct RawMetadata {
    model_type: String,
    #[serde(default)]
    model_name: String,
    n_nodes: usize,
    node_names: Vec<String>,
    #[serde(default)]
    edge_inds: Option<Vec<[u32; 2]>>,
    input_channels: u32,
    #[serde(default)]
    input_dtype: Option<String>,
    #[serde(default)]
    max_height: Option<u32>,
    #[serde(default)]
    max_width: Option<u32>,
    #[serde(default)]
    input_scale: Option<f32>,
    #[serde(default)]
    output_stride: Option<u32>,
    #[serde(default)]
    crop_size: Option<[u32; 2]>,
    #[serde(default)]
    peak_threshold: Option<f32>,
    #[serde(default)]
    class_names: Option<Vec<String>>,
}

impl Metadata {
    /// Reads the metadata of the model directory `dir`.
    pub(crate) fn read(dir: &Path) -> Result<Self, MetadataError> {
        let path = dir.join(FILE_NAME);
        let text = match atomic_file::read_text(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(MetadataError::Missing { path });
            }
            Err(source) => return Err(MetadataError::Read { path, source }),
        };
        if is_lfs_text(&text) {
            return Err(MetadataError::LfsPointer(LfsPointer { path }));
        }
        // Editors of Windows put a byte-order mark first, which is no part of the JSON.
        Self::parse(text.trim_start_matches('\u{feff}'), &path)
    }

    /// Parses and checks; `path` is for the messages.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, MetadataError> {
        // The kind first: other kinds may lack fields that poses need, and "not supported" is the
        // more useful message.
        #[derive(Deserialize)]
        struct OnlyKind {
            model_type: String,
        }
        let json = |source| MetadataError::Json {
            path: path.to_owned(),
            source,
        };
        let kind: ModelKind = serde_json::from_str::<OnlyKind>(text)
            .map_err(json)?
            .model_type
            .parse()?;
        let raw: RawMetadata = serde_json::from_str(text).map_err(json)?;
        raw.check(kind)
    }
}

impl RawMetadata {
    fn check(self, kind: ModelKind) -> Result<Metadata, MetadataError> {
        if let Some(dtype) = self.input_dtype.filter(|dtype| dtype != "uint8") {
            return Err(MetadataError::InputType { dtype });
        }
        if !matches!(self.input_channels, 1 | 3) {
            return Err(MetadataError::Channels {
                channels: self.input_channels,
            });
        }
        let nodes = self.node_names.len();
        if nodes == 0 || nodes != self.n_nodes {
            return Err(MetadataError::Nodes {
                count: self.n_nodes,
                named: nodes,
            });
        }
        let scale = self.input_scale.unwrap_or(1.0);
        if !(scale.is_finite() && scale > 0.0) {
            return Err(MetadataError::InputScale { scale });
        }
        let edges = self.edge_inds.unwrap_or_default();
        let inside = |node: u32| usize::try_from(node).is_ok_and(|node| node < nodes);
        if let Some(&[source_node, destination_node]) =
            edges.iter().find(|edge| !edge.iter().all(|&n| inside(n)))
        {
            return Err(MetadataError::Edge {
                source_node,
                destination_node,
                nodes,
            });
        }
        Ok(Metadata {
            kind,
            name: if self.model_name.is_empty() {
                self.model_type
            } else {
                self.model_name
            },
            node_names: self.node_names,
            edges,
            channels: self.input_channels,
            max_height: self.max_height,
            max_width: self.max_width,
            input_scale: scale,
            output_stride: self.output_stride,
            crop_size: self.crop_size,
            peak_threshold: self.peak_threshold,
            class_names: self.class_names,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(
            r#"{"model_type": "single_instance", "model_name": "fly", "n_nodes": 2,
                "node_names": ["head", "tail"], "edge_inds": [[0, 1]], "input_channels": 1,
                "input_dtype": "uint8", "max_height": null, "class_names": null,
                "peak_threshold": 0.25, "output_stride": 4, "crop_size": [96, 64],
                "a_field_of_tomorrow": {}}"#,
        )
        .expect("fields")
    }

    fn parse(
        fields: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Metadata, MetadataError> {
        let text = serde_json::to_string(fields).expect("text");
        Metadata::parse(&text, Path::new("DIR/export_metadata.json"))
    }

    /// The error when `field` has `value`, or is not there.
    fn error_with(field: &str, value: Option<serde_json::Value>) -> MetadataError {
        let mut fields = fields();
        match value {
            Some(value) => fields.insert(field.to_owned(), value),
            None => fields.remove(field),
        };
        parse(&fields).expect_err(field)
    }

    #[test]
    fn what_a_pose_needs_is_read_and_the_rest_ignored() {
        let metadata = parse(&fields()).expect("sound");
        assert_eq!(
            metadata,
            Metadata {
                kind: ModelKind::SingleInstance,
                name: "fly".to_owned(),
                node_names: vec!["head".to_owned(), "tail".to_owned()],
                edges: vec![[0, 1]],
                channels: 1,
                max_height: None,
                max_width: None,
                input_scale: 1.0,
                output_stride: Some(4),
                crop_size: Some([96, 64]),
                peak_threshold: Some(0.25),
                class_names: None,
            }
        );
    }

    #[test]
    fn optional_fields_may_be_missing() {
        let mut fields = fields();
        for field in ["model_name", "edge_inds", "input_dtype", "max_height"] {
            fields.remove(field);
        }
        fields.insert("max_width".to_owned(), 640.into());
        let metadata = parse(&fields).expect("sound");
        assert_eq!(metadata.name, "single_instance");
        assert_eq!(metadata.edges, <[[u32; 2]; 0]>::default());
        assert_eq!(metadata.max_width, Some(640));
    }

    #[test]
    fn needed_fields_are_named_when_missing() {
        for field in ["model_type", "n_nodes", "node_names", "input_channels"] {
            let error = error_with(field, None);
            assert!(matches!(error, MetadataError::Json { .. }), "{error:?}");
            let message = error.to_string();
            assert!(message.contains(&format!("`{field}`")), "{message}");
            assert!(message.contains("DIR/export_metadata.json"), "{message}");
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        let error = error_with("input_channels", Some(4.into()));
        assert!(matches!(error, MetadataError::Channels { channels: 4 }));
        let error = error_with("n_nodes", Some(3.into()));
        assert!(matches!(error, MetadataError::Nodes { count: 3, named: 2 }));
        let error = error_with("input_dtype", Some("float32".into()));
        assert!(matches!(error, MetadataError::InputType { .. }));
        let error = error_with("edge_inds", Some(serde_json::json!([[0, 1], [1, 2]])));
        assert!(matches!(
            error,
            MetadataError::Edge {
                source_node: 1,
                destination_node: 2,
                nodes: 2
            }
        ));
        for scale in [0.0, -0.5] {
            let error = error_with("input_scale", Some(scale.into()));
            assert!(matches!(error, MetadataError::InputScale { .. }));
        }
        let error = error_with("max_height", Some((-5).into()));
        assert!(matches!(error, MetadataError::Json { .. }));
    }

    #[test]
    fn an_unsupported_kind_is_the_error_even_when_fields_of_poses_are_missing() {
        let text = r#"{"model_type": "semantic_segmentation"}"#;
        let error = Metadata::parse(text, Path::new("x")).expect_err("no poses");
        assert!(matches!(
            error,
            MetadataError::Kind(KindError::NoPoses { .. })
        ));
    }

    #[test]
    fn text_that_is_no_json_says_where() {
        let error = Metadata::parse("{\n  broken", Path::new("x")).expect_err("broken");
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
