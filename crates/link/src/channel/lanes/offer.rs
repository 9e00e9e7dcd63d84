//! Opening one lane: the side that asks for it.

use std::sync::Arc;
use std::time::Duration;

use protocol::{LaneOffer, Message, text};
use thiserror::Error;

use super::set::LaneSet;
use crate::channel::queue::{OutgoingUnit, UnitOrder};
use crate::connection::{Connection, ConnectionConfig, ConnectionError, Delivery, Negotiation};

/// A lane was not opened.
#[derive(Debug, Error)]
pub(crate) enum LaneError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("the peer refuses the connection: {0}")]
    Refused(String),
    #[error("an offer of {bytes} bytes is above the peer's limit of {max}")]
    TooLarge { bytes: usize, max: usize },
    #[error("the channel closed before the lane was offered")]
    ChannelClosed,
}

/// What is needed to offer lanes of one kind.
#[derive(Clone)]
pub(crate) struct LaneOpener {
    pub(super) set: Arc<LaneSet>,
    /// The channel's first connection.
    pub(super) first: Arc<Connection>,
    pub(super) config: ConnectionConfig,
    pub(super) delivery: Delivery,
}

impl LaneOpener {
    /// The lane's settings.
    pub(crate) fn config(&self) -> &ConnectionConfig {
        &self.config
    }

    /// The round trip of the channel's first connection, if it is known.
    pub(super) async fn round_trip(&self) -> Option<Duration> {
        self.first.path().await?.round_trip
    }

    /// Offers a lane, and opens it with the peer's answer.
    pub(crate) async fn open(&self, lane: u32) -> Result<Connection, LaneError> {
        let answer = self.set.expect_answer(lane);
        let shards = self.delivery == Delivery::Once;
        let mut config = self.config.clone();
        if shards {
            self.first.narrow(&mut config).await;
        }
        // The peer is known: the answer comes over the channel.
        let negotiation = Negotiation::new(&config, false).await?;
        let sdp = negotiation.offer(self.delivery).await?;
        let offer = Message::LaneOffer(LaneOffer { lane, sdp, shards });
        let payload = offer.encode();
        let (bytes, max) = (payload.len(), self.first.association().max_message_bytes());
        if bytes > max {
            return Err(LaneError::TooLarge { bytes, max });
        }
        let order = match shards {
            true => UnitOrder::Aside,
            false => UnitOrder::Strict,
        };
        let queue = self.set.queue().ok_or(LaneError::ChannelClosed)?;
        let offered = queue.push(OutgoingUnit::Message { payload, order }).await;
        // The queue must end with the senders, however long the peer takes.
        drop(queue);
        offered.map_err(|_| LaneError::ChannelClosed)?;
        let answer = answer.await.map_err(|_| ConnectionError::Closed)?;
        let sdp = answer.sdp.ok_or_else(|| {
            let reason = answer.message.unwrap_or_default();
            LaneError::Refused(text::cut(&reason, text::REASON).into_owned())
        })?;
        negotiation.take_answer(sdp).await?;
        negotiation.opened().await?;
        Ok(negotiation.into_connection().await?)
    }
}
