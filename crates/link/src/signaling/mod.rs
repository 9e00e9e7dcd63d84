//! Rendezvous of peers over WebSocket, in the simple form: JSON objects, one per text message.
//!
//! | to the server | effect |
//! |---|---|
//! | `{"type":"register","peer_id":P}` | remembers P for this socket; answers nothing |
//! | `{"type":"query"}` | answers `{"type":"available_peers","peers":[..]}`: the other ids, in order of registration |
//! | `{"type":"offer"\|"answer"\|"candidate"\|"quit","target":T,..}` | forwards to T, with `sender` set to the id of this socket |
//!
//! Whoever reaches the server can register under any id but a reserved one ([`Server::reserve`]), whose
//! key stands in `register` as `"key"`; what peers think of each other is their own matter. A page in
//! a browser cannot reach it: an `Origin` is refused.

mod client;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hub;
mod server;
mod wire;

pub use hub::Reservation;
pub use server::Server;

pub(crate) use client::Client;
pub(crate) use wire::{Candidate, Incoming, answer, offer, register};
