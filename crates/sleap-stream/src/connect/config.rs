//! How the worker is found.

use std::sync::Arc;
use std::time::Duration;

use link::PeerConfig;

use crate::connect::rendezvous::ClientRendezvous;

/// How the worker is found, at first and after the connection was lost.
#[derive(Debug, Clone)]
pub(crate) struct ConnectConfig {
    /// Where the worker is.
    pub(crate) rendezvous: Arc<ClientRendezvous>,
    /// The link's own settings.
    pub(crate) peer: PeerConfig,
    /// Wait for a worker that is not there yet, or that serves another client.
    pub(crate) wait: bool,
    /// How long the worker may take to say whether it is ready.
    pub(crate) ack_timeout: Duration,
    /// How long a lost worker is looked for; zero: not at all.
    pub(crate) reconnect_timeout: Duration,
}
