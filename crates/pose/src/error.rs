//! Why loading a model or predicting with it fails.

use std::path::PathBuf;

use crate::{
    graph::GraphError, input::InputSizeError, metadata::MetadataError, model_files::LfsPointer,
    outputs::TensorError, refine::RefineError, session::SessionError,
    training_config::TrainingConfigError,
};

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
    /// Weights are no file.
    #[error(
        "{path} is not a regular file (a folder, a pipe or a device), and weights are read from it"
    )]
    IrregularWeights {
        /// The weights.
        path: PathBuf,
    },
    /// The graph or its weights are not there, only Git LFS's pointers to them.
    #[error(transparent)]
    LfsPointer(#[from] LfsPointer),
    /// The metadata is missing or cannot be used, or the model's kind is not supported.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The training configuration cannot be used.
    #[error(transparent)]
    TrainingConfig(#[from] TrainingConfigError),
    /// The points are to be refined, and how the graph finds them is not known.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The points are to be refined, and metadata or outputs do not allow it.
    #[error(transparent)]
    Refine(#[from] RefineError),
    /// ONNX Runtime is missing or refuses the graph or the device.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The outputs of the first call are not those of the model's kind.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The input's size is out of range.
    #[error(transparent)]
    InputSize(#[from] InputSizeError),
    /// The engine cannot run the graph.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The graph of the engine is not that of the export.
    #[error(
        "the model at {engine} is not that of this export: {difference}. Serve the model.onnx of this export, or name \
         the directory of the export that is served"
    )]
    OtherGraph {
        /// The engine's name.
        engine: String,
        /// What differs, as a sentence without a full stop.
        difference: String,
    },
    /// The engine takes fewer frames in one call.
    #[error(
        "{engine} takes {most} frames in one call at most, and max_batch is {asked}: ask for no more than {most}"
    )]
    EngineBatch {
        /// The engine's name.
        engine: String,
        /// `max_batch`.
        asked: usize,
        /// The engine's limit.
        most: usize,
    },
    /// Points are to be refined, for which the graph is changed when it is loaded.
    #[error(
        "refinement needs the confidence maps, which the model at {engine} does not give: leave refinement out, or run \
         the model on this machine"
    )]
    RefineOnEngine {
        /// The engine's name.
        engine: String,
    },
    /// `max_instances` is zero.
    #[error("max_instances is 0: nothing would ever be found")]
    NoInstances,
    /// `max_instances` is more than the export holds.
    #[error(
        "max_instances is {asked}, but this export holds {holds} instances a frame: export the \
         model again with `sleap-nn export ... {option} {asked}`, or ask for no more than {holds}"
    )]
    MaxInstances {
        /// `max_instances`.
        asked: usize,
        /// The most that the export holds.
        holds: usize,
        /// The option of `sleap-nn export` that sets it.
        option: &'static str,
    },
}

/// An engine of the caller's cannot run frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What happened and why, as a sentence without a full stop.
    pub message: String,
}

/// Why a prediction failed.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// ONNX Runtime failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// An engine of the caller's failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The outputs are not those of the model's kind.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The points cannot be refined.
    #[error(transparent)]
    Refine(#[from] RefineError),
}

impl From<PredictError> for LoadError {
    fn from(error: PredictError) -> Self {
        match error {
            PredictError::Session(error) => Self::Session(error),
            PredictError::Engine(error) => Self::Engine(error),
            PredictError::Tensor(error) => Self::Tensor(error),
            PredictError::Refine(error) => Self::Refine(error),
        }
    }
}
