//! Loading a model directory and predicting with it.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{
    device::Device,
    frame::FrameView,
    kinds::{self, Decode, ModelKind},
    metadata::{Metadata, MetadataError},
    prediction::{Prediction, StageTimes},
    preprocess::{Fit, Preprocessor},
    session::{Session, SessionError},
    training_config::{TrainingConfig, TrainingConfigError},
};

const GRAPH_FILE: &str = "model.onnx";

/// The size that `sleap-nn export` traces with when nothing says another.
const DEFAULT_SIDE: u32 = 512;

/// How a model is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where.
    pub device: Device,
    /// Threads within an operation, at least one; by default as many as there are physical cores
    /// that the process may use.
    pub threads: Option<usize>,
    /// Points with a lower value count as not found. The export has a threshold of its own (0.2
    /// unless it was set), below which nothing comes back: this one can only be stricter.
    pub peak_threshold: Option<f32>,
    /// Lets idle threads of the session wait busily for the next operation. That is about a tenth
    /// faster and keeps the cores at full load while a model runs, which starves the threads that
    /// receive and decode frames on the same machine; off by default.
    pub spinning: bool,
}

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

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such directory.
    #[error("there is no model directory {path}")]
    NoDirectory {
        /// What was given.
        path: PathBuf,
    },
    /// No graph in the directory.
    #[error(
        "{path} is missing: export the model with `sleap-nn export MODEL_DIR -o OUT` \
         (TensorRT-only exports cannot be used)"
    )]
    NoGraph {
        /// The file looked for.
        path: PathBuf,
    },
    /// The metadata is missing or of no use, or the model's kind is not supported.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The training configuration is of no use.
    #[error(transparent)]
    TrainingConfig(#[from] TrainingConfigError),
    /// ONNX Runtime is missing or refuses the graph or the device.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A side of the input is zero or beyond [`MAX_SIDE`].
    #[error("the model's input of {width}x{height} pixels is out of range: export it again")]
    InputSize {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// Why a prediction failed.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// ONNX Runtime failed, or gave what the model's kind does not have.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// The longest side of an input, far beyond what fits a GPU: damaged metadata must not make the
/// warm-up allocate without bound.
pub const MAX_SIDE: u32 = 16_384;

/// A loaded model. One thread runs it at a time.
pub struct Model {
    info: ModelInfo,
    session: Session,
    decoder: Box<dyn Decode>,
    preprocessor: Preprocessor,
}

impl Model {
    /// Loads the directory that `sleap-nn export` wrote and runs the model once, so that the first
    /// frame is as fast as the others. Finds ONNX Runtime as [`crate::runtime::load`] does unless
    /// that was called before.
    ///
    /// # Errors
    /// Each way a directory can be wrong, in words that say what to do about it.
    pub fn load(dir: &Path, options: &Options) -> Result<Self, LoadError> {
        if !dir.is_dir() {
            return Err(LoadError::NoDirectory {
                path: dir.to_owned(),
            });
        }
        let metadata = Metadata::read(dir)?;
        let decoder =
            kinds::decoder(&metadata, options.peak_threshold).map_err(MetadataError::from)?;
        let graph = dir.join(GRAPH_FILE);
        if !graph.is_file() {
            return Err(LoadError::NoGraph { path: graph });
        }
        let config = TrainingConfig::read(dir)?;
        let session = Session::load(&graph, options.device, options.threads, options.spinning)?;
        session.check(metadata.channels, decoder.outputs())?;
        let config = match config {
            Some(config) => config,
            None => embedded_config(&session)?,
        };
        let info = ModelInfo {
            input: input_size(&metadata, &config, session.fixed_size())?,
            device: session.device().to_string(),
            kind: metadata.kind,
            skeleton: skeleton(&metadata, config),
            name: metadata.name,
        };
        let mut model = Self {
            info,
            session,
            decoder,
            preprocessor: Preprocessor::default(),
        };
        model.warm_up()?;
        Ok(model)
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Predicts all `frames` with one session call; answer i belongs to frame i.
    ///
    /// Frames may differ in size and colour: each is converted to the model's colour and fitted
    /// to its size, and points come back in the frame's own pixels. No frames, no call.
    ///
    /// # Errors
    /// ONNX Runtime failed (out of memory, a lost GPU); no frame of the slice has an answer then.
    pub fn predict(&mut self, frames: &[FrameView<'_>]) -> Result<Vec<Prediction>, PredictError> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let InputSize {
            height,
            width,
            channels,
        } = self.info.input;
        let [planes, rows, columns] = [channels, height, width].map(|n| n as usize);
        self.preprocessor
            .start(frames.len(), planes * rows * columns);
        let mut fits = Vec::with_capacity(frames.len());
        for (index, frame) in frames.iter().enumerate() {
            let start = Instant::now();
            let fit = Fit::new(frame, [width, height]);
            self.preprocessor.write(index, frame, planes, &fit);
            fits.push((fit, start.elapsed()));
        }

        let start = Instant::now();
        let shape = [frames.len(), planes, rows, columns];
        let tensors = self.session.run(shape, self.preprocessor.input())?;
        let inference = start.elapsed();

        self.decoder.check(&tensors)?;
        let mut predictions = Vec::with_capacity(frames.len());
        for (index, (fit, preprocess)) in fits.iter().enumerate() {
            let start = Instant::now();
            let instances = self.decoder.decode(&tensors, index, fit)?;
            let timing = StageTimes {
                preprocess: *preprocess,
                inference,
                postprocess: start.elapsed(),
            };
            predictions.push(Prediction { instances, timing });
        }
        Ok(predictions)
    }

    /// One black frame: memory is allocated and kernels are chosen at the first run.
    fn warm_up(&mut self) -> Result<(), SessionError> {
        let InputSize { height, width, .. } = self.info.input;
        let black = vec![0; height as usize * width as usize];
        // Sides are checked to be at least one, so this is a frame.
        let Ok(frame) = FrameView::new(width, height, 1, &black) else {
            return Ok(());
        };
        match self.predict(&[frame]) {
            Ok(_) => Ok(()),
            Err(PredictError::Session(error)) => Err(error),
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

fn embedded_config(session: &Session) -> Result<TrainingConfig, TrainingConfigError> {
    match session.embedded_training_config() {
        Some(text) => TrainingConfig::parse(&text, "the training_config inside model.onnx"),
        None => Ok(TrainingConfig::default()),
    }
}

/// The size that the graph was traced with. It is right for this size only, although its axes look
/// dynamic, and the size is not in every export's metadata.
fn input_size(
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

fn skeleton(metadata: &Metadata, config: TrainingConfig) -> Skeleton {
    let nodes = metadata.node_names.clone();
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
}
