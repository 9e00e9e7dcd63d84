//! The answering side of one connection, however offer and answer travel.

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::config::PeerConfig;
use crate::auth::{AuthGate, PeerError};
use crate::channel::Channel;
use crate::connection::{ConnectionError, Negotiation, check_description};
use crate::ice::IceCandidate;

/// Answers an offer that did not come from a signaling server, such as that of a web page.
///
/// The offer should hold all candidates of the peer. It need not have any that can be used, as
/// where a browser hides its addresses: the peer reaches this side, which then uses the address that the peer's datagrams come from.
///
/// # Errors
/// The description is not usable, or no socket can be opened as `config` asks.
pub async fn answer(offer: String, config: &PeerConfig) -> Result<AnsweredOffer, PeerError> {
    let waited = config.connection.connect_timeout;
    let deadline = Instant::now() + waited;
    check_description(&offer)?;
    let answered = async {
        let negotiation = Negotiation::new(&config.connection, !config.auth.is_none()).await?;
        let mut sdp = negotiation.answer(offer).await?;
        let lanes = config.channel.max_shard_lanes;
        if lanes > 0 {
            protocol::offer_shard_lanes(&mut sdp, lanes);
        }
        Ok((negotiation, sdp))
    };
    match timeout_at(deadline, answered).await {
        Ok(Ok((negotiation, sdp))) => Ok(AnsweredOffer {
            negotiation,
            sdp,
            config: config.clone(),
            deadline,
        }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(ConnectionError::Timeout { waited }.into()),
    }
}

/// An offer that was answered; the connection is on its way.
pub struct AnsweredOffer {
    negotiation: Negotiation,
    sdp: String,
    config: PeerConfig,
    deadline: Instant,
}

impl AnsweredOffer {
    /// The answer, with all candidates: for the peer.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// The channel, once the peer has opened it. `connect_timeout` runs since the offer came.
    ///
    /// # Errors
    /// No path to the peer, no encrypted transport, no data channel in time, or not the proof that
    /// the settings ask for.
    pub async fn channel(self) -> Result<Channel, PeerError> {
        // No candidate follows: the sending half is gone.
        self.open(mpsc::channel(1).1, &AuthGate::default()).await
    }

    /// Until when all of it may take.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// As [`channel`](Self::channel), with the peer's candidates that still come, and through a
    /// gate that counts.
    pub(crate) async fn open(
        self,
        candidates: mpsc::Receiver<IceCandidate>,
        gate: &AuthGate,
    ) -> Result<Channel, PeerError> {
        let opening = opened(&self.negotiation, candidates);
        match timeout_at(self.deadline, opening).await {
            Ok(opened) => opened?,
            Err(_) => {
                let waited = self.config.connection.connect_timeout;
                return Err(self.negotiation.timed_out(waited).into());
            }
        }
        let connection = self.negotiation.into_connection().await?;
        gate.admit(&connection, &self.config.auth).await?;
        Ok(Channel::over(connection, &self.config.channel, 0))
    }
}

/// Waits until the peer's data channel is open; takes the candidates that come meanwhile.
async fn opened(
    negotiation: &Negotiation,
    mut candidates: mpsc::Receiver<IceCandidate>,
) -> Result<(), ConnectionError> {
    let opened = negotiation.opened();
    tokio::pin!(opened);
    loop {
        tokio::select! {
            opened = &mut opened => return opened,
            Some(candidate) = candidates.recv() => negotiation.add_candidate(candidate).await,
        }
    }
}
