use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tracing::{info, warn};

use super::answer::answer as answer_offer;
use super::config::PeerConfig;
use crate::auth::{AuthGate, PeerError};
use crate::channel::Channel;
use crate::connection::ConnectionError;
use crate::ice::IceCandidate;

/// An answer on its way from a handshake to the signaling server.
pub(super) struct HandshakeAnswer {
    pub(super) client: String,
    pub(super) sdp: String,
}

/// One client on its way to an open channel.
pub(super) struct Handshake {
    pub(super) client: String,
    pub(super) config: PeerConfig,
    pub(super) answers: mpsc::Sender<HandshakeAnswer>,
    pub(super) ready: mpsc::Sender<Channel>,
    pub(super) gate: Arc<AuthGate>,
}

impl Handshake {
    pub(super) async fn run(self, offer: String, candidates: mpsc::Receiver<IceCandidate>) {
        match self.negotiate(offer, candidates).await {
            Ok(channel) => {
                info!(client = self.client, "connected");
                channel.sender.log_path().await;
                // Without an acceptor the channel closes with this task.
                let _ = self.ready.send(channel).await;
            }
            Err(PeerError::Handshake(error)) => self.gate.report(&self.client, &error),
            Err(error) => warn!(client = self.client, %error, "connection failed"),
        }
    }

    async fn negotiate(
        &self,
        offer: String,
        candidates: mpsc::Receiver<IceCandidate>,
    ) -> Result<Channel, PeerError> {
        let answered = answer_offer(offer, &self.config).await?;
        let answer = HandshakeAnswer {
            client: self.client.clone(),
            sdp: answered.sdp().to_owned(),
        };
        match timeout_at(answered.deadline(), self.answers.send(answer)).await {
            Ok(Ok(())) => answered.open(candidates, &self.gate).await,
            Ok(Err(_)) => Err(ConnectionError::Closed.into()),
            Err(_) => {
                let waited = self.config.connection.connect_timeout;
                Err(ConnectionError::Timeout { waited }.into())
            }
        }
    }
}
