//! A connection whose data channel is open.

use std::sync::Arc;

use super::association::Association;
use super::config::ConnectionConfig;
use super::error::ConnectionError;
use super::fingerprints::{self, Fingerprints};
use super::path::{self, PathStats};
use super::peer_connection::PeerConnection;
use crate::close::CloseSignal;

/// A connection whose data channel is open. It closes when this is dropped.
pub(crate) struct Connection {
    peer: PeerConnection,
    association: Arc<Association>,
}

impl Connection {
    pub(super) fn new(peer: PeerConnection, association: Association) -> Self {
        Self {
            peer,
            association: Arc::new(association),
        }
    }

    pub(crate) fn association(&self) -> &Arc<Association> {
        &self.association
    }

    /// Why and when the connection is over.
    pub(crate) fn closed(&self) -> &CloseSignal {
        &self.peer.events.closed
    }

    pub(crate) fn config(&self) -> &ConnectionConfig {
        &self.peer.config
    }

    /// Fingerprints of the certificates that both sides have used.
    pub(crate) async fn fingerprints(&self) -> Result<Fingerprints, ConnectionError> {
        fingerprints::of(&**self.peer.library).await
    }

    /// The peer is authenticated: what it sends is no longer counted.
    pub(crate) fn trust(&self) {
        self.peer.quota.lift();
    }

    /// Smallest buffers of the UDP sockets in bytes: `(receive, send)`.
    pub(crate) fn socket_buffers(&self) -> (usize, usize) {
        self.peer.granted.bytes()
    }

    /// The chosen network path; `None` when the connection is closed.
    pub(crate) async fn path(&self) -> Option<PathStats> {
        path::of(&**self.peer.library, &self.peer.servers).await
    }

    /// Narrows the settings of a further connection to the same peer to the address that this one's path begins
    /// at: with one path to try, the first answer decides, and descriptions are short. Where the peer is reached at its
    /// own host, no server has to be asked.
    pub(crate) async fn narrow(&self, config: &mut ConnectionConfig) {
        let Some(path) = path::from_host(&**self.peer.library).await else {
            return;
        };
        config.udp.interfaces = vec![path.local.to_string()];
        if path.to_host {
            config.ice.servers.clear();
        }
    }

    /// Closes the connection without waiting for messages that are not delivered yet.
    pub(crate) async fn close(&self) {
        let _ = self.peer.library.close().await;
    }
}
