//! What runs the graph of an export: ONNX Runtime, or what a caller brings.

use crate::{
    error::PredictError, outputs::OutputTensors, session::OnnxSession, signature::GraphSignature,
};

/// Runs the graph of an export: a session of ONNX Runtime in this process, or something elsewhere, such as an inference
/// server.
///
/// [`Model::on_engine`](crate::Model::on_engine) takes one of the latter, and checks what it says of its graph against the export.
pub trait GraphEngine: Send {
    /// What it is called in messages.
    fn name(&self) -> String;

    /// What the graph takes and gives.
    fn signature(&self) -> &GraphSignature;

    /// Frames in one call at most, where there is a limit.
    fn max_batch(&self) -> Option<usize> {
        None
    }

    /// The outputs that are read of each call: others may be left out.
    fn select(&mut self, _outputs: &[&'static str]) {}

    /// Runs the graph on `pixels`; `shape` is batch, channels, height, width.
    ///
    /// # Errors
    /// It cannot run these frames; it may run others later.
    fn run(&mut self, shape: [usize; 4], pixels: &[u8]) -> Result<OutputTensors, PredictError>;
}

impl GraphEngine for OnnxSession {
    fn name(&self) -> String {
        self.device().to_string()
    }

    fn signature(&self) -> &GraphSignature {
        OnnxSession::signature(self)
    }

    fn run(&mut self, shape: [usize; 4], pixels: &[u8]) -> Result<OutputTensors, PredictError> {
        Ok(OnnxSession::run(self, shape, pixels)?)
    }
}
