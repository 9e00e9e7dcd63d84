//! Rendezvous of peers over WebSocket: JSON objects, one per text message.
//!
//! The production form is in [`rooms`]. The simple form:
//!
//! | to the server | effect |
//! |---|---|
//! | `{"type":"register","peer_id":P}` | remembers P for this socket; answers nothing |
//! | `{"type":"query"}` | answers `{"type":"available_peers","peers":[..]}`: the other ids, in order of registration |
//! | `{"type":"offer"\|"answer"\|"candidate"\|"quit","target":T,..}` | forwards to T, with `sender` set to the id of this socket |
//!
//! Whoever reaches the server can register under any id but a reserved one ([`Server::reserve`]), whose
//! key stands in `register` as `"key"`; what peers think of each other is their own matter. Where an
//! id is reserved, clients come for its owner alone: it alone is listed, messages go to it or come
//! from it, and nobody takes the id of a socket that is there. A page in a browser cannot reach the
//! server: an `Origin` is refused.

mod client;
mod door;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hub;
mod outbox;
pub mod rooms;
mod server;
mod wire;

pub use hub::Reservation;
pub use server::Server;

pub(crate) use client::Client;
pub(crate) use wire::{Candidate, Incoming, answer, offer, register};
