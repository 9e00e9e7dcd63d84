//! Opening lanes: the side that asks for them.

use std::time::Duration;

use protocol::{LaneAnswer, LaneOffer, MAX_LANES, Message, text};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, warn};

use super::{Lane, Lanes};
use crate::config::PeerConfig;
use crate::error::PeerError;
use crate::peer::Peer;
use crate::receive::Receiver;
use crate::send::{Sender, Unit};

/// Messages that are kept for the receiver while answers are waited for.
const MAX_KEPT: usize = 256;

impl Sender {
    /// Opens lanes until the channel has `lanes` of them, and sends over all from then on. To be
    /// called once, when the peer has said that it takes that many.
    ///
    /// Returns how many the channel has. Lanes that cannot be opened within the connection's
    /// timeout are done without; the channel itself is not touched by that.
    pub async fn open_lanes(&self, receiver: &mut Receiver, lanes: usize) -> usize {
        let transport = self.transport().clone();
        let lanes = lanes.clamp(1, MAX_LANES);
        let config = transport.lanes.config_of(lanes);
        let deadline = Instant::now() + config.connect_timeout;
        let mut opening = JoinSet::new();
        for lane in 1..lanes as u32 {
            let (answer, answered) = oneshot::channel();
            transport.lanes.state().waiting.insert(lane, answer);
            let (sender, config) = (self.clone(), config.clone());
            opening.spawn(async move {
                let opened = timeout_at(deadline, open(lane, &sender, &config, answered)).await;
                let waited = config.connect_timeout;
                let opened = opened.unwrap_or(Err(PeerError::Timeout { waited }));
                (lane, opened)
            });
        }
        let opened = collect(opening, receiver, deadline + Duration::from_secs(1)).await;
        transport.lanes.state().waiting.clear();
        for lane in opened {
            transport.add_lane(lane);
        }
        let lanes = transport.lanes.open().len() + 1;
        transport.lanes.state().is_split = true;
        if lanes > 1 && self.enqueue(Unit::Split).await.is_err() {
            debug!("the channel closed while its lanes were opened");
        }
        lanes
    }
}

/// Waits for all lanes that open. The answers come through the receiver, so that it is read.
async fn collect(
    mut opening: JoinSet<(u32, Result<Lane, PeerError>)>,
    receiver: &mut Receiver,
    deadline: Instant,
) -> Vec<Lane> {
    let mut opened = Vec::new();
    while !opening.is_empty() {
        tokio::select! {
            Some(lane) = opening.join_next() => match lane {
                Ok((_, Ok(lane))) => opened.push(lane),
                Ok((lane, Err(error))) => warn!(lane, %error, "a lane could not be opened"),
                Err(error) => warn!(%error, "a lane could not be opened"),
            },
            message = receiver.recv_new(), if receiver.kept() < MAX_KEPT => match message {
                Some(message) => receiver.keep(message),
                None => break,
            },
            () = sleep_until(deadline) => break,
        }
    }
    opened
}

async fn open(
    lane: u32,
    sender: &Sender,
    config: &PeerConfig,
    answer: oneshot::Receiver<LaneAnswer>,
) -> Result<Lane, PeerError> {
    let peer = Peer::new(config).await?;
    let (data, sdp) = peer.offer().await?;
    let offer = Message::LaneOffer(LaneOffer { lane, sdp });
    sender
        .send(offer)
        .await
        .map_err(|error| PeerError::Create(error.to_string()))?;
    let answer = answer.await.map_err(|_| PeerError::Closed)?;
    let sdp = answer.sdp.ok_or_else(|| {
        let reason = answer.message.unwrap_or_default();
        PeerError::Refused(text::cut(&reason, text::REASON).into_owned())
    })?;
    peer.take_answer(sdp).await?;
    peer.opened(&data).await?;
    Ok(peer.into_lane(data).await)
}

impl Lanes {
    /// Hands an answer to whoever waits for it, or back.
    pub(super) fn answered(&self, answer: LaneAnswer) -> Option<LaneAnswer> {
        let waiting = self.state().waiting.remove(&answer.lane);
        match waiting {
            Some(waiting) => waiting.send(answer).err(),
            None => Some(answer),
        }
    }
}
