use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tracing::{info, warn};

use crate::answer::answer as answer_offer;
use crate::auth::Gate;
use crate::channel::Channel;
use crate::config::PeerConfig;
use crate::error::PeerError;
use crate::signaling::Candidate;

/// An answer on its way from a handshake to the signaling server.
pub(super) struct Answer {
    pub(super) client: String,
    pub(super) sdp: String,
}

/// One client on its way to an open channel.
pub(super) struct Handshake {
    pub(super) client: String,
    pub(super) config: PeerConfig,
    pub(super) answers: mpsc::Sender<Answer>,
    pub(super) ready: mpsc::Sender<Channel>,
    pub(super) gate: Arc<Gate>,
}

impl Handshake {
    pub(super) async fn run(self, offer: String, candidates: mpsc::Receiver<Candidate>) {
        match self.negotiate(offer, candidates).await {
            Ok(channel) => {
                let path = channel.sender.path_text().await;
                info!(client = self.client, path, "connected");
                // Nobody accepts any more: the channel closes with this task.
                let _ = self.ready.send(channel).await;
            }
            Err(PeerError::Guest(error)) => self.gate.tell(&self.client, &error),
            Err(error) => warn!(client = self.client, %error, "connection failed"),
        }
    }

    async fn negotiate(
        &self,
        offer: String,
        candidates: mpsc::Receiver<Candidate>,
    ) -> Result<Channel, PeerError> {
        let answered = answer_offer(offer, &self.config).await?;
        let answer = Answer {
            client: self.client.clone(),
            sdp: answered.sdp().to_owned(),
        };
        match timeout_at(answered.deadline(), self.answers.send(answer)).await {
            Ok(Ok(())) => answered.open(candidates, &self.gate).await,
            Ok(Err(_)) => Err(PeerError::Closed),
            Err(_) => Err(PeerError::Timeout {
                waited: self.config.connect_timeout,
            }),
        }
    }
}
