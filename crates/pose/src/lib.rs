//! Runs the models that `sleap-nn export` writes.
//!
//! A model is a directory with `model.onnx`, `export_metadata.json` and, usually, the training
//! configuration. [`Model::load`] opens it through ONNX Runtime (found at run time, see
//! [`runtime`]) and [`Model::predict`] turns frames into pose instances in the frames' own pixels,
//! with the pre- and post-processing of sleap-nn's predictor. It runs every kind that gives poses:
//! see [`ModelKind`].
//!
//! ```text
//!   FrameView ─► preprocess ─► session ─► kinds::<kind> ─► FramePrediction
//!                (colour, fit)  (ort)      (instances)      (points / scale)
//!                Preparer       Runner     Finisher
//! ```
//!
//! [`Model::predict`] runs all of them; [`Model::into_stages`] is for a pipeline whose threads run
//! them at the same time. The session stands behind [`GraphEngine`]: [`Model::on_engine`] takes another one, which runs the graph
//! elsewhere.
//!
//! Exports give points on the grid of their confidence maps, some pixels apart. With
//! [`Options::refine`] the maps become one more output of the graph when it is loaded, and points
//! move to the maxima of their peaks. On the 240 frames of the demonstration (confidence maps of 8 of
//! the video's pixels a cell, the model's own refinement left out) the distance from the truth is
//!
//! | | median | 95% |
//! |---|---|---|
//! | as the graph gives them | 3.28 px | 5.20 px |
//! | [`Refine::Integral`], which is sleap-nn's | 1.19 px | 2.34 px |
//! | [`Refine::Parabola`] | 0.73 px | 1.72 px |
//!
//! A parabola through the values themselves, not their logarithms, comes to 0.74 px and 1.75 px.
//! Without it the graph is loaded as it is and gives sleap-nn's own numbers.
//!
//! No other crate of the workspace uses ONNX Runtime, and this one uses no image library.

#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod c_api;
mod device;
mod device_selection;
mod devices;
mod engine;
mod error;
mod export;
mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gpu;
mod graph;
mod info;
mod input;
mod kind;
mod kinds;
mod metadata;
mod model;
mod model_files;
mod options;
mod outputs;
mod placement;
mod prediction;
mod preprocess;
mod refine;
pub mod runtime;
mod session;
mod signature;
mod skeleton;
mod stages;
mod training_config;
mod unusable_device;

pub use device::{Device, DeviceParseError};
pub use devices::{Devices, DevicesParseError};
pub use engine::GraphEngine;
pub use error::{EngineError, LoadError, PredictError};
pub use frame::{FrameView, FrameViewError};
pub use gpu::{NvidiaDriver, nvidia_driver};
pub use graph::GraphError;
pub use info::{ModelDescription, RunsOn};
pub use input::{InputSize, InputSizeError, MAX_SIDE};
pub use kind::{KindError, ModelKind};
pub use metadata::MetadataError;
pub use model::Model;
pub use model_files::LfsPointer;
pub use options::Options;
pub use outputs::{ElementType, OutputTensors, Tensor, TensorError, TensorSpec, TensorValues};
pub use placement::{Placement, ProviderShare};
pub use prediction::{FramePrediction, Instance, StepTimes};
pub use refine::{Refine, RefineError, RefineParseError};
pub use session::{SessionError, check_device, usable_cores};
pub use signature::GraphSignature;
pub use skeleton::ModelSkeleton;
pub use stages::{BatchOutputs, Finisher, PredictionStages, Prepared, Preparer, Runner};
pub use training_config::TrainingConfigError;
pub use unusable_device::UnusableDevice;
