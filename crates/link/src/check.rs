//! What can be tried before a connection is needed.

use std::time::Duration;

use crate::config::PeerConfig;
use crate::error::{PeerError, SignalError};
use crate::ice::ServerFailure;
use crate::peer::Peer;
use crate::signaling::Client;

/// Ids of the peers that are registered at a signaling server, in order of registration. Asks
/// without registering; each step fails within `wait`.
pub async fn registered_peers(url: &str, wait: Duration) -> Result<Vec<String>, SignalError> {
    let mut client = Client::connect(url, wait).await?;
    let peers = client.peers(wait).await;
    client.close().await;
    peers
}

/// Asks the STUN and TURN servers of `config` as a connection would. Gives those of no use.
pub async fn failing_servers(config: &PeerConfig) -> Result<Vec<ServerFailure>, PeerError> {
    let peer = Peer::new(config).await?;
    match peer.offer().await {
        // Without a relay there may be nothing to offer: the servers were asked all the same.
        Ok(_) | Err(PeerError::NoPath(_)) => Ok(peer.server_failures()),
        Err(error) => Err(error),
    }
}
