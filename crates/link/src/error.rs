use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use crate::CloseReason;
use crate::ice::PathFailure;

/// The signaling server cannot listen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    #[error("cannot listen on {address}: the address is in use by another program")]
    InUse { address: SocketAddr },
    #[error("cannot listen on {address}")]
    Io {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// The signaling server cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignalError {
    #[error("`{url}` is not a WebSocket address (expected ws://host:port)")]
    Url { url: String },
    #[error("`{url}` asks for TLS, which the simple signaling form does not support; use ws://")]
    Tls { url: String },
    #[error("no signaling server at {url}")]
    Unreachable {
        url: String,
        #[source]
        source: io::Error,
    },
    #[error("{url} answers, but not as a signaling server: {reason}")]
    NotSignaling { url: String, reason: String },
    #[error("the signaling server at {url} did not answer within {waited:?}")]
    Timeout { url: String, waited: Duration },
    #[error("the signaling server at {url} closed the connection")]
    Closed { url: String },
}

/// No UDP socket can be opened as configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InterfaceError {
    #[error("there is no network interface or address `{wanted}`; there are: {available}")]
    Unknown { wanted: String, available: String },
    #[error("no UDP port of {first}-{last} is free: give a wider range")]
    Ports { first: u16, last: u16 },
    #[error("no network interface has an address that can be used")]
    Unbindable,
}

/// Settings of a connection that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("{server} needs a user name and a password")]
    Credentials { server: String },
    #[error("only relayed addresses may be used, and there is no TURN server to give one")]
    RelayOnly,
    #[error(transparent)]
    Interface(#[from] InterfaceError),
}

/// The WebRTC connection itself failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerError {
    #[error("cannot create a peer connection: {0}")]
    Create(String),
    #[error("the peer's session description is not usable: {0}")]
    Description(String),
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    #[error("no network path to the peer: {0}")]
    NoPath(Box<PathFailure>),
    #[error("the encrypted transport to the peer could not be set up (DTLS failed)")]
    Dtls,
    #[error("no data channel to the peer within {waited:?}")]
    Timeout { waited: Duration },
    #[error("the peer closed the connection before the data channel was open")]
    Closed,
    #[error("the peer refuses the connection: {0}")]
    Refused(String),
}

/// A client could not reach a worker.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error("no worker is registered at {url} ({others} other peers are); start one first")]
    NoWorker { url: String, others: usize },
    #[error("no worker with the id `{worker}` is registered at {url}")]
    UnknownWorker { url: String, worker: String },
    #[error("`{worker}` gave no answer to the offer within {waited:?}")]
    NoAnswer { worker: String, waited: Duration },
    #[error("`{worker}` left before it answered the offer")]
    WorkerLeft { worker: String },
    #[error("connection to `{worker}` failed")]
    Peer {
        worker: String,
        #[source]
        source: PeerError,
    },
}

/// No further channel will be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcceptError {
    #[error("the acceptor has stopped")]
    Stopped,
}

/// A message was not taken for sending.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    #[error("the channel is closed: {0}")]
    Closed(CloseReason),
    #[error("a message of {bytes} bytes is above the peer's limit of {max}")]
    TooLarge { bytes: usize, max: usize },
}
