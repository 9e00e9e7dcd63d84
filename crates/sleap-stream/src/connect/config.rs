//! How the worker is found.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use link::{Channel, PeerConfig};

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
    /// How long the worker may take to acknowledge a stream or a file.
    pub(crate) ack_timeout: Duration,
    /// How long the client looks for a lost worker; zero: not at all.
    pub(crate) reconnect_timeout: Duration,
}

impl ConnectConfig {
    /// The same for another stream of this program, which may be at another worker.
    pub(crate) fn of_another_stream(&self) -> Self {
        Self {
            rendezvous: Arc::new(self.rendezvous.of_another_stream()),
            ..self.clone()
        }
    }

    /// The first connection. With `wait` it is tried until there is one, unless that is of no use.
    pub(crate) async fn connect(&self) -> Result<Channel> {
        self.rendezvous.wait_for(&self.peer, self.wait).await
    }
}
