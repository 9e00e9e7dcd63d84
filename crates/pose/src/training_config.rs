//! The part of sleap-nn's training configuration that an export leaves out of its metadata: the
//! traced size and the skeleton's edges.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Longest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// File names in the order of preference: a whole model's, the first stage of a top-down pair's,
/// and the JSON that older trainings wrote (JSON is YAML).
const FILE_NAMES: [&str; 5] = [
    "training_config.yaml",
    "training_config.json",
    "training_config_centroid.yaml",
    "training_config_centered_instance.yaml",
    "training_config_multi_class_topdown.yaml",
];

/// Why a training configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrainingConfigError {
    /// The file is there and cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not YAML, or not a training configuration.
    #[error("{origin} is not a sleap-nn training configuration: {message}")]
    Yaml {
        /// The file, or the entry inside the ONNX file.
        origin: String,
        /// Where and what.
        message: String,
    },
}

/// The fields that are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TrainingConfig {
    pub(crate) max_height: Option<u32>,
    pub(crate) max_width: Option<u32>,
    pub(crate) skeleton_name: Option<String>,
    /// Node names: source, destination.
    pub(crate) edges: Vec<[String; 2]>,
}

#[derive(Deserialize)]
struct RawTrainingConfig {
    data_config: RawDataConfig,
}

#[derive(Deserialize)]
struct RawDataConfig {
    #[serde(default)]
    preprocessing: Option<RawPreprocessing>,
    #[serde(default)]
    skeletons: Option<Vec<RawSkeleton>>,
}

#[derive(Deserialize)]
struct RawPreprocessing {
    #[serde(default)]
    max_height: Option<u32>,
    #[serde(default)]
    max_width: Option<u32>,
}

#[derive(Deserialize)]
struct RawSkeleton {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    edges: Option<Vec<RawEdge>>,
}

#[derive(Deserialize)]
struct RawEdge {
    source: RawNode,
    destination: RawNode,
}

#[derive(Deserialize)]
struct RawNode {
    name: String,
}

impl TrainingConfig {
    /// Reads the configuration that lies in `dir`; `None` when there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, TrainingConfigError> {
        for name in FILE_NAMES {
            let path = dir.join(name);
            match atomic_file::read_text(&path, MAX_BYTES) {
                Ok(text) => return Self::parse(&text, &path.display().to_string()).map(Some),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(TrainingConfigError::Read { path, source }),
            }
        }
        Ok(None)
    }

    /// Parses `text`; `origin` is for the message.
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, TrainingConfigError> {
        let raw: RawTrainingConfig =
            serde_saphyr::from_str(text).map_err(|error| TrainingConfigError::Yaml {
                origin: origin.to_owned(),
                message: error.to_string(),
            })?;
        let preprocessing = raw.data_config.preprocessing;
        let skeleton = raw.data_config.skeletons.unwrap_or_default();
        let skeleton = skeleton.into_iter().next();
        let (name, edges) = skeleton.map_or((None, None), |raw| (raw.name, raw.edges));
        Ok(Self {
            max_height: preprocessing.as_ref().and_then(|raw| raw.max_height),
            max_width: preprocessing.as_ref().and_then(|raw| raw.max_width),
            skeleton_name: name,
            edges: edges
                .unwrap_or_default()
                .into_iter()
                .map(|edge| [edge.source.name, edge.destination.name])
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const YAML: &str = "
data_config:
  train_labels_path:
  - flies.slp
  preprocessing:
    ensure_rgb: false
    max_height: 320
    max_width: null
    scale: 0.5
  use_augmentations_train: true
  skeletons:
  - nodes:
    - name: head
    - name: tail
    edges:
    - source:
        name: head
      destination:
        name: tail
    symmetries: []
    name: Skeleton-0
model_config:
  init_weights: default
trainer_config:
  trainer_devices:
  seed:
";

    #[test]
    fn size_and_edges_are_read_and_the_rest_ignored() {
        let config = TrainingConfig::parse(YAML, "x").expect("sound");
        assert_eq!(
            config,
            TrainingConfig {
                max_height: Some(320),
                max_width: None,
                skeleton_name: Some("Skeleton-0".to_owned()),
                edges: vec![["head".to_owned(), "tail".to_owned()]],
            }
        );
    }

    #[test]
    fn json_is_read_too() {
        let json = r#"{"data_config": {"preprocessing": {"max_width": 5}, "skeletons": null}}"#;
        let config = TrainingConfig::parse(json, "x").expect("sound");
        assert_eq!(config.max_width, Some(5));
        assert_eq!(config.edges, Vec::<[String; 2]>::new());
    }

    #[test]
    fn other_texts_are_refused_by_name() {
        for text in [
            "",
            "data_config: [",
            "model_config: {}",
            "data_config: {preprocessing: {max_width: wide}}",
        ] {
            let error = TrainingConfig::parse(text, "DIR/training_config.yaml").expect_err(text);
            let message = error.to_string();
            assert!(
                message.starts_with("DIR/training_config.yaml is not"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_folder_s_file_is_found_by_its_name() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(TrainingConfig::read(dir.path()).expect("nothing"), None);
        let centroid = YAML.replace("320", "111");
        fs::write(dir.path().join("training_config_centroid.yaml"), centroid).expect("written");
        let read = || {
            TrainingConfig::read(dir.path())
                .expect("sound")
                .expect("there")
        };
        assert_eq!(read().max_height, Some(111));
        fs::write(dir.path().join("training_config.yaml"), YAML).expect("written");
        assert_eq!(read().max_height, Some(320));
    }
}
