//! How a client and a worker find each other, and how an offer and its answer become a channel.
//!
//! ```text
//! Registration (signaling) -- offers --> Handshakes (whose turn it is) -- begins --> Handshake
//!      <-------------------------------------- answers ------------------------------------|
//! Acceptor::accept() <----------------------- open channels -------------------------------|
//! ```

mod acceptor;
#[cfg(test)]
mod acceptor_tests;
mod answer;
mod choice;
#[cfg(test)]
mod choice_tests;
mod config;
mod connect;
mod connect_in_room;
mod early_candidates;
mod error;
mod handshake;
mod handshakes;
#[cfg(test)]
mod mitm_tests;
mod offers;
mod probe;
mod registration;
mod worker_rendezvous;

pub use acceptor::Acceptor;
pub use answer::{AnsweredOffer, answer};
pub use choice::{WorkerChoice, Workers};
pub use config::{PeerConfig, worker_id_of};
pub use connect::{connect, connect_to_one};
pub use connect_in_room::{connect_in_room, workers_in_room};
pub use error::{AcceptError, ConnectError};
pub use probe::{failing_servers, registered_peers, registered_workers};
