//! The model on a server as an engine.

use std::sync::Arc;

use bytes::Bytes;
use pose::{EngineError, GraphEngine, GraphSignature, OutputTensors, PredictError};

use crate::answer::outputs;
use crate::description::ServedModel;
use crate::error::StartError;
use crate::messages::{InferInput, InferRequest, RequestedOutput};
use crate::model_url::ModelUrl;
use crate::options::ServerOptions;
use crate::server::Server;

/// A connection to a server, for engines that send requests at the same time.
#[derive(Clone)]
pub struct KserveModel {
    server: Arc<Server>,
}

/// One request after the other.
struct KserveEngine {
    server: Arc<Server>,
    /// That calls ask for.
    outputs: Vec<&'static str>,
}

impl KserveModel {
    /// Connects to a server, and asks what the model is. Must not be called on a thread that runs tasks of a runtime.
    ///
    /// # Errors
    /// The server or the model is not ready, or the connection cannot be set up.
    pub fn connect(options: &ServerOptions) -> Result<Self, StartError> {
        let server = Arc::new(Server::connect(options)?);
        Ok(Self { server })
    }

    /// What the server says about the model.
    pub fn description(&self) -> &ServedModel {
        self.server.model()
    }

    /// Where it is.
    pub fn url(&self) -> &ModelUrl {
        self.server.url()
    }

    /// An engine for one request at a time. Several share the connection.
    pub fn engine(&self) -> Box<dyn GraphEngine> {
        Box::new(KserveEngine {
            server: Arc::clone(&self.server),
            outputs: Vec::new(),
        })
    }
}

impl GraphEngine for KserveEngine {
    fn name(&self) -> String {
        self.server.url().to_string()
    }

    fn signature(&self) -> &GraphSignature {
        &self.server.model().signature
    }

    fn max_batch(&self) -> Option<usize> {
        self.server.model().max_batch
    }

    fn select(&mut self, outputs: &[&'static str]) {
        self.outputs = outputs.to_vec();
    }

    fn run(&mut self, shape: [usize; 4], pixels: &[u8]) -> Result<OutputTensors, PredictError> {
        let failed = |problem: String| EngineError {
            message: format!(
                "the inference server {} {problem}",
                self.server.url().server()
            ),
        };
        let url = self.server.url();
        let input = self.signature().inputs.first();
        let request = InferRequest {
            model_name: url.model().to_owned(),
            model_version: url.version().to_owned(),
            inputs: vec![InferInput {
                name: input.map_or_else(String::new, |input| input.name.clone()),
                datatype: "UINT8".to_owned(),
                shape: shape.iter().map(|&n| n as i64).collect(),
            }],
            outputs: self
                .outputs
                .iter()
                .map(|name| RequestedOutput {
                    name: (*name).to_owned(),
                })
                .collect(),
            raw_input_contents: vec![Bytes::copy_from_slice(pixels)],
        };
        let answer = self.server.infer(&request).map_err(failed)?;
        let unusable = |problem| failed(format!("gave an answer that cannot be used: {problem}"));
        Ok(outputs(answer, &self.outputs, shape[0]).map_err(unusable)?)
    }
}
