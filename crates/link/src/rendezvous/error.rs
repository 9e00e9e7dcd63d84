use std::time::Duration;

use protocol::text::Lines;
use thiserror::Error;

use crate::auth::PeerError;
use crate::connection::ConnectionError;
use crate::signaling::SignalError;
use crate::signaling::rooms::{DiscoverError, SelectionError, short};

/// A client could not reach a worker.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The signaling server cannot be used.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// No id that could be a worker's is registered.
    #[error("no worker is registered at {url} ({others} other peers are)")]
    NoWorker {
        /// The signaling server.
        url: String,
        /// Other peers that are registered there.
        others: usize,
    },
    /// Workers are registered, and none of them is of use.
    #[error("no worker at {url} fits")]
    NoneFits {
        /// The signaling server.
        url: String,
        /// The workers that are there, and why each does not fit.
        #[source]
        listed: Lines,
    },
    /// The worker that was asked for is not registered.
    #[error("no worker with the id `{worker}` is registered at {url}")]
    UnknownWorker {
        /// The signaling server.
        url: String,
        /// Id of the worker.
        worker: String,
    },
    /// The worker did not answer.
    #[error("`{}` gave no answer to the offer within {waited:?}", short(.worker))]
    NoAnswer {
        /// Id of the worker.
        worker: String,
        /// How long the answer was waited for.
        waited: Duration,
    },
    /// The worker's registration ended.
    #[error("`{}` left before it answered the offer", short(.worker))]
    WorkerLeft {
        /// Id of the worker.
        worker: String,
    },
    /// No worker of the room was chosen.
    #[error("{error}")]
    Selection {
        /// Why none was chosen.
        error: SelectionError,
        /// The workers that it is about.
        #[source]
        listed: Option<Lines>,
    },
    /// Relayed addresses alone are allowed, and neither the settings nor the room give a relay.
    #[error(
        "only relayed addresses may be used (--relay-only), and there is no TURN server to give one: \
         the room {room} lends none; name one (--ice-server turn:HOST:PORT)"
    )]
    NoRelay {
        /// Id of the room.
        room: String,
    },
    /// The connection to the worker failed.
    #[error("connection to `{}` failed", short(.worker))]
    Peer {
        /// Id of the worker.
        worker: String,
        /// What failed.
        #[source]
        source: PeerError,
    },
}

impl From<DiscoverError> for ConnectError {
    fn from(error: DiscoverError) -> Self {
        match error {
            DiscoverError::Signal(error) => Self::Signal(error),
            DiscoverError::Selection(error) => {
                let listed = error.listed();
                Self::Selection { error, listed }
            }
        }
    }
}

impl ConnectError {
    /// Whether the error is about a room, and its text contains what to do.
    pub fn is_of_room(&self) -> bool {
        matches!(
            self,
            Self::Signal(SignalError::Room(_)) | Self::Selection { .. } | Self::NoRelay { .. }
        )
    }

    /// The worker that the attempt was made at, where it came to one.
    pub fn worker(&self) -> Option<&str> {
        match self {
            Self::NoAnswer { worker, .. }
            | Self::WorkerLeft { worker }
            | Self::Peer { worker, .. } => Some(worker),
            _ => None,
        }
    }

    /// Whether there was a path to the worker, and the handshake over it failed: as where packets are lost, so that
    /// another attempt may do.
    pub fn is_failed_handshake(&self) -> bool {
        let Self::Peer { source, .. } = self else {
            return false;
        };
        matches!(
            source,
            PeerError::Connection(ConnectionError::Dtls | ConnectionError::Closed)
        )
    }

    /// Whether another attempt fails too until a person has changed something.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Signal(SignalError::Room(error)) => error.is_final(),
            Self::Selection { error, .. } => error.is_final(),
            Self::NoRelay { .. } => true,
            _ => false,
        }
    }
}

/// No further channel will be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// Its task has ended.
    #[error("the acceptor has stopped")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_over_a_path_may_do_the_second_time() {
        let peer = |source: ConnectionError| ConnectError::Peer {
            worker: "worker-1".to_owned(),
            source: source.into(),
        };
        assert!(peer(ConnectionError::Dtls).is_failed_handshake());
        assert!(peer(ConnectionError::Closed).is_failed_handshake());
        let create = ConnectionError::Create(String::new());
        assert!(!peer(create).is_failed_handshake());
        let waited = Duration::from_secs(1);
        let worker = "worker-1".to_owned();
        assert!(!ConnectError::NoAnswer { worker, waited }.is_failed_handshake());
    }
}
