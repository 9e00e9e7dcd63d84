use std::time::Duration;

use thiserror::Error;

use super::refusal::AuthRefusal;
use crate::connection::ConnectionError;

/// No authenticated connection to a peer came about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The WebRTC connection itself failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The worker and this client do not trust each other.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The client was not let in.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// A worker and this client do not trust each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// No challenge came.
    #[error(
        "the worker did not ask for the secret within {waited:?}, so it cannot be the one that has it"
    )]
    NotAsked {
        /// How long the challenge was waited for.
        waited: Duration,
    },
    /// The worker refuses this client's proof.
    #[error(
        "the worker does not accept the secret ({reason}): it has another one, or another machine intercepts the connection"
    )]
    Refused {
        /// The worker's reason.
        reason: AuthRefusal,
    },
    /// The worker cannot check any proof.
    #[error("the worker has no secret of its own")]
    NoSecretThere,
    /// The worker's own proof is missing or wrong.
    #[error(
        "the worker did not prove that it knows the secret: it is not the right one, or another machine intercepts the connection"
    )]
    Unproven,
    /// The worker did not answer this client's proof.
    #[error("the worker gave no verdict on the secret within {waited:?}")]
    NoVerdict {
        /// How long the verdict was waited for.
        waited: Duration,
    },
    /// A challenge that cannot be read.
    #[error("the worker asks for the secret in a form that is not known")]
    Challenge,
    /// Too many other messages.
    #[error("the worker sends other things before it has been authenticated")]
    Flood,
    /// The channel closed.
    #[error("the worker closed the connection before it was authenticated")]
    Closed,
    /// No nonce can be made.
    #[error("this system gives no random numbers")]
    Randomness,
}

/// A client was not let in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A wrong proof.
    #[error("the client does not know the secret, or another machine intercepts the connection")]
    Invalid,
    /// A proof that could have been made for another connection.
    #[error("the client's answer is not bound to the connection (a Python peer?)")]
    Unbound,
    /// Something else than a proof.
    #[error("the client gave no proof that it knows the secret ({said})")]
    Missing {
        /// What came in its place.
        said: &'static str,
    },
    /// Nothing came.
    #[error("the client said nothing within {waited:?}")]
    Timeout {
        /// How long the proof was waited for.
        waited: Duration,
    },
    /// Too many bytes.
    #[error("the client sent too much before it was authenticated")]
    Flood,
    /// The channel closed.
    #[error("the client left before it was authenticated")]
    Left,
    /// No challenge can be made.
    #[error("this system gives no random numbers")]
    Randomness,
}

impl HandshakeError {
    /// The reason that the client receives.
    pub(super) fn refusal(&self) -> Option<AuthRefusal> {
        match self {
            Self::Invalid | Self::Unbound | Self::Randomness => Some(AuthRefusal::Invalid),
            Self::Missing { .. } => Some(AuthRefusal::Missing),
            Self::Timeout { .. } => Some(AuthRefusal::Timeout),
            Self::Flood | Self::Left => None,
        }
    }
}
