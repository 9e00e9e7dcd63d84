use std::time::Duration;

use thiserror::Error;

use crate::ice::PathFailure;
use crate::udp::InterfaceError;

/// No WebRTC connection came about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The WebRTC library refuses to make the connection.
    #[error("cannot create a peer connection: {0}")]
    Create(String),
    /// The peer's offer or answer cannot be used.
    #[error("the peer's session description is not usable: {0}")]
    Description(String),
    /// No UDP socket can be opened.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// ICE found no path.
    #[error("no network path to the peer: {0}")]
    NoPath(Box<PathFailure>),
    /// There is a path, and the handshake over it failed.
    #[error("the encrypted transport to the peer could not be set up (DTLS failed)")]
    Dtls,
    /// There is a path, and no data channel was open in time.
    #[error("no data channel to the peer within {waited:?}")]
    Timeout {
        /// How long the data channel was waited for.
        waited: Duration,
    },
    /// The peer gave the connection up.
    #[error("the peer closed the connection before the data channel was open")]
    Closed,
}
