//! What finds a path between peers: STUN and TURN servers, candidates, and why none was found.

pub(crate) mod candidates;
mod failure;
mod outcome;
mod server;
pub(crate) mod servers;

pub use failure::{Candidates, PathFailure, ServerFailure};
pub use outcome::ServerFault;
pub use server::{IceServer, IceService, IceTransport, ParseIceServerError};
