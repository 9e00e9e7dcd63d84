//! What can be tried before a connection is needed.

use std::time::Duration;

use crate::connection::{ConnectionConfig, ConnectionError, Delivery, Negotiation};
use crate::ice::ServerFailure;
use crate::signaling::{ListedPeer, SignalError, SignalingClient};

/// Ids of the peers that are registered at a signaling server, in order of registration. Asks
/// without registering; each step fails within `wait`.
pub async fn registered_peers(url: &str, wait: Duration) -> Result<Vec<String>, SignalError> {
    let peers = registered_workers(url, wait).await?;
    Ok(peers.into_iter().map(|peer| peer.id).collect())
}

/// As [`registered_peers`], with what workers tell of themselves.
pub async fn registered_workers(url: &str, wait: Duration) -> Result<Vec<ListedPeer>, SignalError> {
    let mut client = SignalingClient::connect(url, wait).await?;
    let peers = client.peers(wait).await;
    client.close().await;
    peers
}

/// Asks the STUN and TURN servers of `config` as a connection would. Gives those of no use.
pub async fn failing_servers(
    config: &ConnectionConfig,
) -> Result<Vec<ServerFailure>, ConnectionError> {
    let negotiation = Negotiation::new(config, false).await?;
    match negotiation.offer(Delivery::Reliable).await {
        // Without a relay there may be nothing to offer: the servers were asked all the same.
        Ok(_) | Err(ConnectionError::NoPath(_)) => Ok(negotiation.server_failures()),
        Err(error) => Err(error),
    }
}
