//! Opening lanes: the side that is asked.

use std::sync::Arc;

use protocol::{LaneAnswer, Message};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::set::LaneSet;
use crate::channel::queue::{OutgoingUnit, UnitOrder};
use crate::channel::shards::ShardLanes;
use crate::connection::{Connection, ConnectionConfig, ConnectionError, Delivery, Negotiation};

/// A lane that a peer has offered, on its way to being open.
pub(super) struct OfferedLane {
    lane: u32,
    set: Arc<LaneSet>,
    /// The lanes that it joins, where it is one for shards.
    shards: Option<Arc<ShardLanes>>,
}

impl OfferedLane {
    pub(super) fn new(lane: u32, set: Arc<LaneSet>, shards: Option<Arc<ShardLanes>>) -> Self {
        Self { lane, set, shards }
    }

    /// Opens the lane, and waits for its end.
    pub(super) async fn run(self, sdp: String, config: ConnectionConfig) {
        let waited = config.connect_timeout;
        let opened = timeout(waited, self.open(sdp, &config)).await;
        match opened.unwrap_or(Err(ConnectionError::Timeout { waited })) {
            Ok(connection) => {
                if let Some(shards) = self.shards {
                    shards.serve(connection).await;
                } else if let Some(lane) = self.set.add(connection) {
                    self.set.watch(lane).await;
                }
            }
            Err(error) => {
                match self.shards {
                    Some(_) => debug!(%error, "a lane for shards could not be opened"),
                    None => warn!(lane = self.lane, %error, "a lane could not be opened"),
                }
                self.refuse(error.to_string()).await;
            }
        }
    }

    async fn open(
        &self,
        sdp: String,
        config: &ConnectionConfig,
    ) -> Result<Connection, ConnectionError> {
        // The peer's description, with its fingerprint, came over the channel, which has been
        // authenticated; and the library takes no other certificate.
        let negotiation = Negotiation::new(config, false).await?;
        let delivery = match self.shards {
            Some(_) => Delivery::Once,
            None => Delivery::Reliable,
        };
        let sdp = negotiation.answer_for(sdp, delivery).await?;
        self.reply(Some(sdp), None).await;
        negotiation.opened().await?;
        negotiation.into_connection().await
    }

    pub(super) async fn refuse(&self, reason: String) {
        self.reply(None, Some(reason)).await;
    }

    async fn reply(&self, sdp: Option<String>, message: Option<String>) {
        let Some(queue) = self.set.queue() else {
            return;
        };
        let answer = LaneAnswer {
            lane: self.lane,
            sdp,
            message,
        };
        // A channel that is closed needs no answer.
        let _ = queue
            .push(OutgoingUnit::Message {
                payload: Message::LaneAnswer(answer).encode(),
                order: match self.shards {
                    Some(_) => UnitOrder::Aside,
                    None => UnitOrder::Strict,
                },
            })
            .await;
    }
}
