//! Opening lanes: the side that is asked.

use std::sync::{Arc, PoisonError, Weak};

use protocol::{LaneAnswer, LaneOffer, MAX_LANES, Message};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Lane;
use super::split::Order;
use crate::channel::Transport;
use crate::config::PeerConfig;
use crate::error::PeerError;
use crate::peer::Peer;
use crate::send::Unit;

impl Transport {
    /// Answers a peer that offers a lane.
    pub(super) fn answer_lane(self: &Arc<Self>, offer: LaneOffer) {
        let lane = offer.lane;
        let guest = Guest {
            lane,
            transport: Arc::downgrade(self),
        };
        let mut tasks = self
            .lanes
            .answering
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        match self.admit(lane) {
            Ok(()) => {
                let config = self.lanes.config_of(self.lanes.config.max_lanes);
                tasks.spawn(guest.run(offer.sdp, config));
            }
            Err(reason) => {
                debug!(lane, reason, "refusing a lane");
                // One word at a time: a peer that keeps asking is not worth a queue.
                if tasks.len() < MAX_LANES {
                    tasks.spawn(async move { guest.refuse(reason.to_owned()).await });
                }
            }
        }
    }

    fn admit(&self, lane: u32) -> Result<(), &'static str> {
        let mut state = self.lanes.state();
        if self.signals.closed_because().is_some() {
            return Err("the channel is closed");
        }
        if state.announced.is_some() {
            return Err("the lanes are in use already");
        }
        if lane == 0 || lane as usize >= self.lanes.config.max_lanes {
            return Err("there are not that many lanes");
        }
        if state.offered.contains(&lane) {
            return Err("this lane was offered before");
        }
        state.offered.push(lane);
        Ok(())
    }
}

/// A lane that a peer has offered, on its way to being open.
struct Guest {
    lane: u32,
    transport: Weak<Transport>,
}

impl Guest {
    async fn run(self, sdp: String, config: PeerConfig) {
        let waited = config.connect_timeout;
        let opened = timeout(waited, self.open(sdp, &config)).await;
        match opened.unwrap_or(Err(PeerError::Timeout { waited })) {
            Ok(lane) => {
                if let Some(transport) = self.transport.upgrade() {
                    transport.add_lane(lane);
                }
            }
            Err(error) => {
                warn!(lane = self.lane, %error, "a lane could not be opened");
                self.refuse(error.to_string()).await;
            }
        }
    }

    async fn open(&self, sdp: String, config: &PeerConfig) -> Result<Lane, PeerError> {
        let peer = Peer::new(config).await?;
        let sdp = peer.answer(sdp).await?;
        self.reply(Some(sdp), None).await;
        let data = peer.incoming().await?;
        peer.opened(&data).await?;
        Ok(peer.into_lane(data).await)
    }

    async fn refuse(&self, reason: String) {
        self.reply(None, Some(reason)).await;
    }

    async fn reply(&self, sdp: Option<String>, message: Option<String>) {
        let queue = self.transport.upgrade().and_then(|it| it.lanes.queue());
        let Some(queue) = queue else { return };
        let answer = LaneAnswer {
            lane: self.lane,
            sdp,
            message,
        };
        let answer = Message::LaneAnswer(answer).encode();
        // A channel that is closed needs no answer, and is not kept by one that waits.
        if let Ok(place) = queue.reserve().await
            && let Some(transport) = self.transport.upgrade()
        {
            transport.submit(place, Unit::message(answer, Order::Strict));
        }
    }
}
