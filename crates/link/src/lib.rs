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
//! | module | what it does | uses |
//! |---|---|---|
//! | `rendezvous` | from a signaling server or a room to an open channel, on both sides | all below |
//! | `signaling` | the signaling server, its clients, rooms of SLEAP-RTC | `ice`, `limits` |
//! | `channel` | messages and whole frames, over one connection or several | `connection` |
//! | `auth` | proofs of a secret before a channel comes about | `connection`, `limits` |
//! | `connection` | one WebRTC connection, from its settings to the open data channel | `udp`, `ice` |
//! | `udp` | the datagrams below WebRTC, and what works around the WebRTC library | `ice` |
//! | `ice` | STUN and TURN servers, candidates, why there is no path | |
//! | `close`, `limits`, `random`, `tls` | close reasons, rate limits, random ids, trusted authorities | |
//!
//! Descriptions carry all candidates; a peer's may also come one by one, before and after its
//! description.
//!
//! Worker and client may also find each other in a room of SLEAP-RTC ([`Acceptor::join`], [`connect_in_room`]).
//!
//! Where offer and answer are exchanged in another way, as by a web page, [`answer()`] takes the offer and
//! returns the answer.
//!
//! Where a [`PeerConfig`] asks for it, both sides prove that they have a secret before a channel
//! opens ([`Auth`]; `SECURITY.md` has the reasons).
//!
//! A channel may go over several connections at once, its lanes ([`Sender::open_lanes`]). Live frames may go beside
//! it, in shards, over lanes that wait for nothing that is lost ([`Sender::open_shard_lanes`]).
//!
//! No type of the WebRTC library appears in this crate's public API.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod auth;
mod channel;
mod close;
mod connection;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod ice;
mod limits;
mod random;
mod rendezvous;
pub mod signaling;
mod tls;
mod udp;

pub use auth::{
    Auth, AuthCounts, AuthError, AuthRefusal, HandshakeError, KeyError, LegacyCredentials,
    PeerError, PublicKey, Secret, SecretError, SigningKey,
};
pub use channel::{Channel, ChannelConfig, LinkStats, Receiver, SendError, SendReceipt, Sender};
pub use close::CloseReason;
pub use connection::{ConfigError, ConnectionConfig, ConnectionError, PathStats, SctpConfig};
pub use ice::{
    CandidateSummary, IceConfig, IceServer, IceService, IceTransport, ParseIceServerError,
    PathFailure, ServerFailure, ServerFault,
};
pub use random::random_id;
pub use rendezvous::{
    AcceptError, Acceptor, AnsweredOffer, ConnectError, PeerConfig, WorkerChoice, Workers, answer,
    connect, connect_in_room, connect_to_one, failing_servers, registered_peers,
    registered_workers, worker_id_of, workers_in_room,
};
pub use signaling::{BindError, ListedPeer, SignalError, WorkerLoad};
pub use tls::encrypted;
pub use udp::{InterfaceError, UdpConfig, granted_udp_buffers, own_addresses};

/// Libraries whose log below INFO must not be shown: the WebSocket library's holds whole messages,
/// keys and logins included.
pub const SECRETIVE_LOGS: [&str; 2] = ["tungstenite", "tokio_tungstenite"];

/// Log directives that quieten the WebRTC library: it warns of what is normal while a connection
/// comes up, calls a peer's leaving and a server that is not reached an error, and at DEBUG prints
/// session passwords. What matters of it this crate logs itself.
pub const QUIET_LOGS: &str = "webrtc=off,rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=off,\
    rtc_datachannel=error,rtc_turn=error,rtc_stun=error,tungstenite=warn,tokio_tungstenite=warn,quinn_udp=error";
