//! The answering side of one connection, however offer and answer travel.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use webrtc::data_channel::DataChannel;

use crate::auth::Gate;
use crate::channel::Channel;
use crate::config::PeerConfig;
use crate::error::PeerError;
use crate::peer::{Peer, check_description};
use crate::signaling::Candidate;

/// Answers an offer that came by another way than a signaling server, such as a web page's request.
///
/// The offer should hold all candidates of the peer. It need not have any that can be used, as
/// where a browser hides its addresses: the peer reaches this side, which then knows where it is.
///
/// # Errors
/// The description is not usable, or no socket can be opened as `config` asks.
pub async fn answer(offer: String, config: &PeerConfig) -> Result<Answered, PeerError> {
    let deadline = Instant::now() + config.connect_timeout;
    check_description(&offer)?;
    let answered = async {
        let peer = Peer::new(config).await?;
        let sdp = peer.answer(offer).await?;
        Ok((peer, sdp))
    };
    match timeout_at(deadline, answered).await {
        Ok(Ok((peer, sdp))) => Ok(Answered {
            peer,
            sdp,
            deadline,
            waited: config.connect_timeout,
        }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(PeerError::Timeout {
            waited: config.connect_timeout,
        }),
    }
}

/// An offer that was answered; the connection is on its way.
pub struct Answered {
    peer: Peer,
    sdp: String,
    deadline: Instant,
    waited: Duration,
}

impl Answered {
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
        self.open(mpsc::channel(1).1, &Gate::default()).await
    }

    /// Until when all of it may take.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// As [`channel`](Self::channel), with the peer's candidates that still come, and through a
    /// gate that counts.
    pub(crate) async fn open(
        self,
        candidates: mpsc::Receiver<Candidate>,
        gate: &Gate,
    ) -> Result<Channel, PeerError> {
        let data = match timeout_at(self.deadline, opened(&self.peer, candidates)).await {
            Ok(data) => data?,
            Err(_) => return Err(self.peer.timed_out(self.waited)),
        };
        gate.admit(&self.peer, &data).await?;
        Ok(self.peer.into_channel(data).await)
    }
}

/// Waits for the peer's data channel; takes the candidates that come meanwhile.
async fn opened(
    peer: &Peer,
    mut candidates: mpsc::Receiver<Candidate>,
) -> Result<Arc<dyn DataChannel>, PeerError> {
    let opened = async {
        let data = peer.incoming().await?;
        peer.opened(&data).await?;
        Ok(data)
    };
    tokio::pin!(opened);
    loop {
        tokio::select! {
            data = &mut opened => return data,
            Some(candidate) = candidates.recv() => peer.add_candidate(candidate).await,
        }
    }
}
