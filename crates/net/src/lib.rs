//! What the TCP servers of this workspace share: the signaling server, the HTTP servers of the worker,
//! the ZeroMQ publisher.
//!
//! [`Listener`] accepts connections and logs once when it cannot. [`ConnectionLimit`] is how many there may
//! be, in all and of one network, and which idle one is ended for another; [`SharedLimit`] is the same for
//! the tasks of a server. [`keep_alive`] lets the system notice dead peers. [`Backoff`] is the pauses
//! between attempts; [`due`] is a wait for a moment that may not come. [`listen_address`] reads an address that a user gives.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod accept;
mod backoff;
mod due;
mod keep_alive;
mod limit;
mod listen_address;
mod network;
mod shared_limit;

pub use accept::Listener;
pub use backoff::Backoff;
pub use due::due;
pub use keep_alive::keep_alive;
pub use limit::{AdmissionOutcome, ConnectionLimit, Idle};
pub use listen_address::listen_address;
pub use network::{network_of, remote_network_of};
pub use shared_limit::{ConnectionPermit, Evict, SharedLimit, Unevictable};
