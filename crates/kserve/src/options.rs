//! How a server is used.

use std::path::PathBuf;
use std::time::Duration;

use crate::model_url::ModelUrl;

/// How a server is used.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The model.
    pub url: ModelUrl,
    /// How long a call waits for a server that is away or does not answer.
    pub wait: Duration,
    /// A file with the token that the server asks for.
    pub token_file: Option<PathBuf>,
}
