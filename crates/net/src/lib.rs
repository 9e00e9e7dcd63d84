//! What the TCP servers of this workspace share: the signaling server, the HTTP servers of the worker,
//! the ZeroMQ publisher.
//!
//! [`Listener`] accepts connections and says once when it cannot. [`ConnectionLimit`] is how many there
//! may be, and which one makes way for another. [`keep_alive`] lets the system notice dead peers.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod accept;
mod keep_alive;
mod limit;
mod network;

pub use accept::Listener;
pub use keep_alive::keep_alive;
pub use limit::{AdmissionOutcome, ConnectionLimit, Idle};
pub use network::network_of;
