//! Models on inference servers that speak KServe's v2 protocol over gRPC (Triton, MLServer, KServe), as engines of
//! [`pose`].
//!
//! ```text
//! pose::Model ── GraphEngine ──► KserveEngine ┐
//! pose::Model ── GraphEngine ──► KserveEngine ┼─► Server ── one connection ──► Triton
//!     (one for each request in flight)        ┘   (asks what the model is, waits while it is away)
//! ```
//!
//! The messages are written by hand ([`messages`]): building needs no `protoc`. No other crate names `tonic`.

#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod answer;
mod client;
mod codec;
mod description;
mod engine;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod messages;
mod model_url;
mod options;
mod outage;
mod server;
mod token;

pub use description::ServedModel;
pub use engine::KserveModel;
pub use error::StartError;
pub use model_url::{ModelUrl, ModelUrlError};
pub use options::ServerOptions;
