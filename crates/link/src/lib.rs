//! Peer connections for frame streaming: signaling, one reliable and ordered WebRTC data channel
//! per peer, and sending by whole frames.
//!
//! ```text
//!  client                    signaling::Server                    worker
//!  connect() ── query ──▶          │            ◀── register ── Acceptor
//!            ── offer ──▶          │          ── offer ──▶
//!            ◀── answer ──         │          ◀── answer ──
//!  Channel { sender, receiver } ◀═══ data channel "frame-stream" ═══▶ Channel
//! ```
//!
//! How peers find a path is ICE's matter; what this crate adds is in `ice` (servers, candidates, why
//! there is no path), `interfaces` (own addresses and ports), `datagrams` and `turn_stream` (TURN over
//! TCP and TLS below a library that knows UDP) and `wake` (relayed datagrams leave at once).
//! Descriptions carry all candidates; a peer's may also come one by one, before and after its
//! description.
//!
//! Worker and client may also meet in a room of SLEAP-RTC ([`Acceptor::join`], [`connect_in_room`]).
//!
//! Where offer and answer travel otherwise, as with a web page, [`answer()`] takes the one and gives
//! the other.
//!
//! Where a [`PeerConfig`] asks for it, both sides prove that they know a secret before a channel
//! comes about ([`Auth`]; `SECURITY.md` has the reasons).
//!
//! A channel may go over several connections at once, its lanes ([`Sender::open_lanes`]).
//!
//! No type of the WebRTC library appears in this crate's public API.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod accept;
mod answer;
mod auth;
mod bucket;
mod channel;
mod check;
mod config;
mod connect;
mod crowd;
mod datagrams;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod ice;
mod interfaces;
mod lanes;
mod offers;
mod peer;
mod place;
mod receive;
mod room;
mod send;
pub mod signaling;
mod socket;
mod stats;
mod tls;
mod turn_stream;
mod wake;

pub use accept::Acceptor;
pub use answer::{Answered, answer};
pub use auth::{Auth, AuthCounts, KeyError, Plain, PublicKey, Secret, SecretError, SigningKey};
pub use channel::{Channel, CloseReason};
pub use check::{failing_servers, registered_peers};
pub use config::{PeerConfig, random_id};
pub use connect::connect;
pub use error::{
    AcceptError, AuthError, BindError, ConfigError, ConnectError, GuestError, InterfaceError,
    PeerError, SendError, SignalError,
};
pub use ice::{
    Candidates, IceServer, IceService, IceTransport, ParseIceServerError, PathFailure,
    ServerFailure, ServerFault,
};
pub use interfaces::own_addresses;
pub use receive::Receiver;
pub use room::{connect_in_room, workers_in_room};
pub use send::{Handoff, Sender};
pub use socket::granted_udp_buffers;
pub use stats::{LinkStats, PathStats};

/// Libraries whose log below INFO nobody may see: the WebSocket library's holds whole messages, and
/// with them keys and logins.
pub const SECRETIVE_LOGS: [&str; 2] = ["tungstenite", "tokio_tungstenite"];

/// Log directives that quieten the WebRTC library: it warns of what is normal while a connection
/// comes up, calls a peer's leaving and a server that is not reached an error, and at DEBUG prints
/// session passwords. What matters of it this crate logs itself.
pub const QUIET_LOGS: &str = "webrtc=off,rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=off,\
    rtc_datachannel=error,rtc_turn=error,rtc_stun=error,tungstenite=warn,tokio_tungstenite=warn,quinn_udp=error";
