//! Rendezvous in a room of SLEAP-RTC: the production form of signaling.
//!
//! | to the server | effect |
//! |---|---|
//! | `register` with `role`, `metadata` and a credential | `registered_auth` with STUN and TURN servers, or `error` |
//! | `discover_peers` with `filters` | `peer_list` |
//! | `update_metadata` | `metadata_updated` |
//! | `offer`, `answer`, `candidate` | forwarded within the room, as in the simple form |
//!
//! The server sends `ping` every 30 s; after a silence longer than [`Room::silence`] the client connects and
//! joins again. A worker with streaming has a property for it in its metadata, and clients select by that
//! property only. Workers of SLEAP-RTC that do not stream are in the same rooms and end at any `error` that
//! reaches them: nothing is ever sent to them.

mod error;
mod ice;
mod join;
mod profile;
mod selection;
mod service;
mod wire;

use std::fmt;
use std::time::Duration;

use protocol::text;

pub use super::error::RoomError;
pub use profile::WorkerProfile;
pub use selection::{RoomWorker, SelectionError, SelectionRule};
pub use service::WorkerService;

pub(crate) use error::{is_of_server, of_code};
pub(crate) use join::{RoomMembership, join};
pub(crate) use profile::WorkerAvailability;
pub(crate) use selection::{DiscoverError, WorkerQuery, discover, listing};
pub(crate) use wire::{RoomRole, update_metadata};

/// A room and the right to enter it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The server: `wss://` or `ws://`.
    pub url: String,
    /// Its id.
    pub id: String,
    /// What opens it.
    pub credential: RoomCredential,
    /// Longest time without a message of the server.
    pub silence: Duration,
}

impl Room {
    /// Where SLEAP-RTC's rooms are.
    pub const SERVER: &'static str = "wss://signaling.sleap.ai";
}

/// What lets into a room. Does not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub enum RoomCredential {
    /// A worker's key of one room (`slp_`) or of an account (`slp_acct_`).
    Key(String),
    /// A user's login.
    Jwt(String),
}

impl fmt::Debug for RoomCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Jwt(_) => "Jwt",
        })
    }
}

/// Reads a message in every way that a room's may be read.
#[cfg(any(test, fuzzing))]
pub(super) fn parse(text: &str) {
    let room = Room {
        url: String::new(),
        id: "room".to_owned(),
        credential: RoomCredential::Jwt(String::new()),
        silence: Duration::ZERO,
    };
    if let Some(Ok(registered)) = wire::registered(text, &room) {
        ice::servers(&registered.ice_servers);
    }
    if let Some(Ok(peers)) = wire::peer_list(text) {
        selection::workers(&peers);
    }
}

/// As much of a text that a server or a peer chose as is kept for people.
pub(crate) fn short(text: &str) -> String {
    text::cut(text, text::NAME).into_owned()
}
