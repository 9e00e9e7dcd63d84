//! Why an inference server cannot be used.

use std::path::PathBuf;

/// Why the model on an inference server cannot be used from the start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The token's file cannot be used.
    #[error("the token in {file} {problem}", file = file.display())]
    Token {
        /// The file.
        file: PathBuf,
        /// The rest of the sentence.
        problem: String,
    },
    /// The connection cannot be set up on this machine.
    #[error("cannot set up the connection to {url}: {reason}")]
    Setup {
        /// The model's URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// There is no answer, or the server is not ready.
    #[error(
        "the inference server {server} cannot be used: {reason}. Is it running, and is this its gRPC port (8001 of \
         Triton, not the 8000 of HTTP)?"
    )]
    Away {
        /// Host and port.
        server: String,
        /// Why.
        reason: String,
    },
    /// The server is ready, and the model is not.
    #[error(
        "the inference server {server} does not serve the model '{model}': {reason}. Look into the server's log and \
         its list of models"
    )]
    Model {
        /// Host and port.
        server: String,
        /// Its name and version.
        model: String,
        /// Why.
        reason: String,
    },
    /// The server refuses a question.
    #[error("the inference server {server} refuses: {reason}")]
    Refused {
        /// Host and port.
        server: String,
        /// Its answer.
        reason: String,
    },
}
