//! The ONNX Runtime session: loading a graph on a device, and running it.

mod build;
mod engine_cache;
mod preparation;
mod providers;
mod python_libraries;
mod threads;

use std::{path::PathBuf, sync::Arc};

use ort::value::TensorRef;

use crate::{
    device::Device,
    graph::{GraphError, GraphFile},
    options::Options,
    outputs::OutputTensors,
    placement::Placement,
    runtime::RuntimeError,
    signature::{GraphSignature, INPUT},
    unusable_device::UnusableDevice,
};

pub(crate) use preparation::{FixedGraph, Preparation, TensorRtProfile};
pub use providers::check_device;
pub use threads::usable_cores;

/// Why a session cannot be made, or why a call of it failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is no ONNX Runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// ONNX Runtime cannot read the graph.
    #[error("cannot load {path}: {message} (export the model again if the file is damaged)")]
    Graph {
        /// The ONNX file.
        path: PathBuf,
        /// ONNX Runtime's message.
        message: String,
    },
    /// Weights outside the graph are a link to another folder, which ONNX Runtime refuses.
    #[error(
        "{path} is a link to {target}: ONNX Runtime takes weights from the model's own folder alone. \
         Copy the file there, or give the folder that holds both"
    )]
    LinkedWeights {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The device asked for cannot be used.
    #[error("cannot run on {device}: {reason}. The devices 'auto' and 'cpu' work without it")]
    Device {
        /// The device.
        device: Device,
        /// What is missing there.
        reason: UnusableDevice,
    },
    /// 16-bit floats on a device that does not make them from an export of 32 bits.
    #[error(
        "fp16 is an option of TensorRT's engines, and the device is {device}: use 'tensorrt', or \
         convert the export itself to float16"
    )]
    Fp16 {
        /// The device.
        device: Device,
    },
    /// An input or output is missing or of another type or rank.
    #[error("the graph has no {what}: it is not a model of the kind that its metadata says")]
    Signature {
        /// What it should have.
        what: String,
    },
    /// ONNX Runtime failed in a call.
    #[error("ONNX Runtime failed: {message}")]
    Run {
        /// ONNX Runtime's message.
        message: String,
    },
}

/// A loaded graph.
pub(crate) struct OnnxSession {
    inner: ort::session::Session,
    device: Device,
    placement: Placement,
    signature: GraphSignature,
    /// In the order that calls give them.
    output_names: Arc<[String]>,
}

impl OnnxSession {
    /// Loads `graph` for `device`, which is not [`Device::Auto`].
    pub(crate) fn load(
        graph: &GraphFile,
        device: Device,
        options: &Options,
        preparation: &Preparation,
    ) -> Result<Self, SessionError> {
        match build::session(graph, device, options, preparation) {
            Err(SessionError::Graph { path, message }) => {
                let Some(next) = preparation.after(&message) else {
                    return Err(SessionError::Graph { path, message });
                };
                build::session(graph, device, options, &next)
            }
            outcome => outcome,
        }
    }

    /// Where the session runs; never [`Device::Auto`].
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Which provider runs how much of the graph.
    pub(crate) fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Whether the first run with each size of batch is slow: kernels are chosen for each shape.
    pub(crate) fn needs_warm_up_per_batch(&self) -> bool {
        !self.device.is_cpu()
    }

    /// `graph`, which this session has, in a form for an input of `shape` = batch, channels, height, width.
    ///
    /// # Errors
    /// The graph cannot be read.
    pub(crate) fn fixed(
        &self,
        graph: &GraphFile,
        shape: [usize; 4],
    ) -> Result<FixedGraph, GraphError> {
        let dimensions = match self.inner.inputs().first() {
            Some(input) => preparation::open_dimensions(input.dtype(), shape),
            None => Vec::new(),
        };
        Ok(FixedGraph {
            graph: graph.for_openvino()?,
            dimensions,
        })
    }

    /// What the graph takes and gives.
    pub(crate) fn signature(&self) -> &GraphSignature {
        &self.signature
    }

    /// The training configuration inside the ONNX file.
    pub(crate) fn embedded_training_config(&self) -> Option<String> {
        let metadata = self.inner.metadata().ok()?;
        metadata.custom("training_config")
    }

    /// Runs the graph on `pixels`, `shape` = batch, channels, height, width.
    pub(crate) fn run(
        &mut self,
        shape: [usize; 4],
        pixels: &[u8],
    ) -> Result<OutputTensors, SessionError> {
        let input = TensorRef::from_array_view((shape, pixels)).map_err(run_failed)?;
        let outputs = self
            .inner
            .run(ort::inputs![INPUT => input])
            .map_err(run_failed)?;
        let values = outputs.into_iter().map(|(_, value)| value);
        OutputTensors::of_session(Arc::clone(&self.output_names), values, shape[0])
            .map_err(run_failed)
    }
}

fn run_failed(error: ort::Error) -> SessionError {
    SessionError::Run {
        message: error.to_string(),
    }
}
