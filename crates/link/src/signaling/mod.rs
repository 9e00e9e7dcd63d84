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
//! What cannot be delivered is answered: an offer or an answer by `{"type":"error","code":C,"target":T}`, with
//! `PEER_NOT_FOUND` for a peer that is not there and `PEER_BUSY` for one for which too much waits.
//! A socket that registers with `"bounces":true` also gets each offer back that was delivered to a
//! registration which then ended without an answer, as `{"type":"bounce","target":T}`: T has left, or
//! has registered again. The last 8 offers of a socket are kept for this, one for each T. Other
//! servers support neither the key nor the message, and other clients never receive it.
//!
//! A client sends its offer again, the same text, when it is returned, and when there is no answer within a
//! third of the connection timeout. A worker that receives the same offer again while it is answering it
//! repeats the answer; any other offer of that client replaces the former one.
//!
//! A worker tells how much room it has with `"worker":{"streams":4,"free":3,"files":true,"model":M,"device":D}` in its
//! registration: streams that it serves at a time and those that are free, whether it runs its model over files, names
//! of the model and of the device (128 bytes each at most, without control characters; they are left out without a
//! model). It registers again, the same id over the same socket, when that changes. A peer that asks with
//! `{"type":"query","workers":true}` gets `"workers"` beside `"peers"`: for each id in the same order what it told, or
//! `null`. What cannot be used counts as not told. Of the free places as many are left out as other sockets made offers since the
//! worker told: clients that come one after the other do not take the same last place. Further keys are ignored; other servers and peers ignore all of this.
//! A worker that is to end leaves, so that none is told of it.
//!
//! Any peer that reaches the server can register under any id but a reserved one ([`Server::reserve`]), for
//! which `register` needs its key as `"key"`, and one in use by a socket that registered with another
//! `"key"`: that is answered by `{"type":"error","code":C}`, with `ID_RESERVED` or `ID_TAKEN`. So of two workers
//! with one name the second does not replace the first, and a worker with its own key replaces its former
//! connection. A socket without a key is replaced by the newest one. The server checks nothing else about a peer. Where an id is
//! reserved, clients come for its owner only: only it is listed, messages go to it or come from it, and the
//! id of a connected socket cannot be taken. A page in a browser cannot reach the server: an `Origin` is
//! refused.

mod client;
mod dial;
mod directory;
#[cfg(test)]
mod directory_tests;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod load;
mod outbox;
mod reservation;
pub mod rooms;
mod server;
mod socket_limit;
mod socket_table;
mod wire;

pub use error::{BindError, SignalError};
pub use load::{ListedPeer, WorkerLoad};
pub use reservation::IdReservation;
pub use server::Server;

pub(crate) use client::SignalingClient;
pub(crate) use wire::{SignalingMessage, answer, offer, register, register_client, with_load};
