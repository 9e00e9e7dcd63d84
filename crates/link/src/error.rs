use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::text::Lines;
use thiserror::Error;

use crate::CloseReason;
use crate::ice::PathFailure;
use crate::signaling::rooms::{ChoiceError, RoomError, short};

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
    #[error("`{url}` is not a WebSocket address (expected ws://host:port or wss://host)")]
    Url { url: String },
    #[error(
        "no encrypted connection to {url}: {reason} (SSL_CERT_FILE names a file with further authorities)"
    )]
    Tls { url: String, reason: String },
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
    #[error("the signaling server at {url} was silent for {waited:?}")]
    Silent { url: String, waited: Duration },
    #[error(transparent)]
    Room(#[from] RoomError),
}

/// No UDP socket can be opened as configured.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InterfaceError {
    #[error("there is no network interface or address `{wanted}`; there are: {available}")]
    Unknown { wanted: String, available: String },
    #[error("no UDP port of {first}-{last} is free: give a wider range")]
    Ports { first: u16, last: u16 },
    #[error("none of the chosen addresses can be used: {reason}")]
    Unbindable { reason: String },
    #[error(
        "this machine has no network address that can be used, not even 127.0.0.1 or ::1 ({reason}): \
         is its loopback interface up?"
    )]
    NoAddress { reason: String },
}

/// Settings of a connection that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("{server} needs a user name and a password")]
    Credentials { server: String },
    #[error(
        "only relayed addresses may be used (--relay-only), and there is no TURN server to give one: \
         name one (--ice-server turn:HOST:PORT)"
    )]
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
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Guest(#[from] GuestError),
}

/// A worker and this client do not trust each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthError {
    #[error(
        "the worker did not ask for the secret within {waited:?}, so it cannot be the one that has it"
    )]
    NotAsked { waited: Duration },
    #[error(
        "the worker does not accept the secret ({reason}): it has another one, or somebody stands between it and this machine"
    )]
    Refused { reason: String },
    #[error("the worker has no secret of its own")]
    NoSecretThere,
    #[error(
        "the worker did not prove that it knows the secret: it is not the right one, or somebody stands between it and this machine"
    )]
    Unproven,
    #[error("the worker gave no verdict on the secret within {waited:?}")]
    NoVerdict { waited: Duration },
    #[error("the worker asks for the secret in a form that is not known")]
    Challenge,
    #[error("the worker sends other things before it has been authenticated")]
    Flood,
    #[error("the worker closed the connection before it was authenticated")]
    Closed,
    #[error("this system gives no random numbers")]
    Randomness,
}

/// A client was not let in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GuestError {
    #[error("the client does not know the secret, or somebody stands between it and this machine")]
    Invalid,
    #[error("the client's answer is not bound to the connection (a Python peer?)")]
    Unbound,
    #[error("the client gave no proof that it knows the secret ({said})")]
    Missing { said: &'static str },
    #[error("the client said nothing within {waited:?}")]
    Timeout { waited: Duration },
    #[error("the client sent too much before it was authenticated")]
    Flood,
    #[error("the client left before it was authenticated")]
    Left,
    #[error("this system gives no random numbers")]
    Randomness,
}

impl GuestError {
    /// What the client is told.
    pub(crate) fn word(&self) -> Option<&'static str> {
        match self {
            Self::Invalid | Self::Unbound | Self::Randomness => Some("invalid"),
            Self::Missing { .. } => Some("missing"),
            Self::Timeout { .. } => Some("timeout"),
            Self::Flood | Self::Left => None,
        }
    }
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
    #[error("`{}` gave no answer to the offer within {waited:?}", short(.worker))]
    NoAnswer { worker: String, waited: Duration },
    #[error("`{}` left before it answered the offer", short(.worker))]
    WorkerLeft { worker: String },
    #[error("{error}")]
    Choice {
        error: ChoiceError,
        /// The workers that it is about.
        #[source]
        listed: Option<Lines>,
    },
    #[error(
        "only relayed addresses may be used (--relay-only), and there is no TURN server to give one: \
         the room {room} lends none; name one (--ice-server turn:HOST:PORT)"
    )]
    NoRelay { room: String },
    #[error("connection to `{}` failed", short(.worker))]
    Peer {
        worker: String,
        #[source]
        source: PeerError,
    },
}

impl From<ChoiceError> for ConnectError {
    fn from(error: ChoiceError) -> Self {
        let listed = error.listed();
        Self::Choice { error, listed }
    }
}

impl ConnectError {
    /// Whether it says what is wrong in a room, and what to do.
    pub fn is_of_room(&self) -> bool {
        matches!(
            self,
            Self::Signal(SignalError::Room(_)) | Self::Choice { .. } | Self::NoRelay { .. }
        )
    }

    /// Whether trying again is of no use before somebody has changed something.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Signal(SignalError::Room(error)) => error.is_final(),
            Self::Choice { error, .. } => error.is_final(),
            Self::NoRelay { .. } => true,
            _ => false,
        }
    }
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
