//! What finds a path between peers: STUN and TURN servers, candidates, and why none was found.

pub(crate) mod candidates;
mod config;
mod failure;
pub(crate) mod outcome;
mod server;

pub use candidates::CandidateSummary;
pub use config::IceConfig;
pub use failure::{PathFailure, ServerFailure};
pub use outcome::ServerFault;
pub use server::{IceServer, IceService, IceTransport, ParseIceServerError};

pub(crate) use candidates::IceCandidate;
