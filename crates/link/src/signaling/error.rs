use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

/// The signaling server cannot listen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another program listens there.
    #[error("cannot listen on {address}: the address is in use by another program")]
    InUse {
        /// Where the server was to listen.
        address: SocketAddr,
    },
    /// The system refuses.
    #[error("cannot listen on {address}")]
    Io {
        /// Where the server was to listen.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// The signaling server cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The address cannot be used.
    #[error("`{url}` is not a WebSocket address (expected ws://host:port or wss://host)")]
    Url {
        /// What was given as the server's address.
        url: String,
    },
    /// TLS could not be set up.
    #[error(
        "no encrypted connection to {url}: {reason} (SSL_CERT_FILE names a file with further authorities)"
    )]
    Tls {
        /// The server's address.
        url: String,
        /// The TLS library's error.
        reason: String,
    },
    /// No TCP connection.
    #[error("no signaling server at {url}")]
    Unreachable {
        /// The server's address.
        url: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The other end does not use WebSocket.
    #[error("{url} answers, but not as a signaling server: {reason}")]
    NotSignaling {
        /// The server's address.
        url: String,
        /// What it answered.
        reason: String,
    },
    /// No answer in time.
    #[error("the signaling server at {url} did not answer within {waited:?}")]
    Timeout {
        /// The server's address.
        url: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server closed the connection.
    #[error("the signaling server at {url} closed the connection")]
    Closed {
        /// The server's address.
        url: String,
    },
    /// Nothing comes from the server any more.
    #[error("the signaling server at {url} was silent for {waited:?}")]
    Silent {
        /// The server's address.
        url: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// Another peer has the id.
    #[error("another peer is registered under this id at {url}")]
    IdTaken {
        /// The server's address.
        url: String,
    },
    /// A server of rooms refuses something.
    #[error(transparent)]
    Room(#[from] RoomError),
}

/// A server of rooms refuses something.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RoomError {
    /// The credential does not open the room.
    #[error("the server does not let this program into the room {room}: {reason}{}", advice(*.by_login))]
    Refused {
        /// Id of the room.
        room: String,
        /// The server's text.
        reason: String,
        /// It was a user's login, and no key, that did not open the room.
        by_login: bool,
    },
    /// The server has no such room.
    #[error("there is no room {room}, or it is not open to this account: {reason}")]
    NoRoom {
        /// Id of the room.
        room: String,
        /// The server's text.
        reason: String,
    },
    /// The key opens another room.
    #[error("the key belongs to the room {there}, not to {wanted}")]
    OtherRoom {
        /// Id of the room that was asked for.
        wanted: String,
        /// Id of the room that the key opens.
        there: String,
    },
    /// The registration has ended.
    #[error("the server no longer counts this program among those in the room")]
    NotInRoom,
    /// The other peer is not there.
    #[error("the server cannot deliver to the other peer: it has left, or it is in another room")]
    Undelivered,
    /// Another error of the server.
    #[error("the server reports an error: {code} {reason}")]
    Other {
        /// The server's name for it.
        code: String,
        /// The server's text.
        reason: String,
    },
}

impl RoomError {
    /// Whether another attempt fails too until a person has changed something.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::NoRoom { .. } | Self::OtherRoom { .. }
        )
    }
}

fn advice(by_login: bool) -> &'static str {
    match by_login {
        true => " (run `sleap-rtc login`)",
        false => "",
    }
}
