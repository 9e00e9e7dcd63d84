//! Opening lanes: the side that asks for them.

use std::sync::Arc;
use std::time::Duration;

use protocol::{LaneAnswer, LaneOffer, MAX_LANES, Message, text};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, warn};

use crate::channel::lanes::Lanes;
use crate::channel::queue::{OutgoingUnit, SendQueue, UnitOrder};
use crate::channel::receive::Receiver;
use crate::connection::{Connection, ConnectionConfig, ConnectionError, Negotiation};

/// Messages that are kept for the receiver while answers are waited for.
const MAX_KEPT: usize = 256;
/// What the receiver is read for after the last lane has timed out.
const READ_MARGIN: Duration = Duration::from_secs(1);

/// A lane was not opened.
#[derive(Debug, Error)]
enum LaneError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("the peer refuses the connection: {0}")]
    Refused(String),
    #[error("an offer of {bytes} bytes is above the peer's limit of {max}")]
    TooLarge { bytes: usize, max: usize },
    #[error("the channel closed before the lane was offered")]
    ChannelClosed,
}

/// Opens lanes until there are `wanted` of them, and sends over all from then on. Returns how many
/// there are.
pub(super) async fn open_lanes(
    lanes: &Arc<Lanes>,
    queue: &SendQueue,
    receiver: &mut Receiver,
    wanted: usize,
) -> usize {
    let wanted = wanted.clamp(1, MAX_LANES);
    let config = lanes.config_of(wanted);
    let deadline = Instant::now() + config.connect_timeout;
    let max = lanes.first().association().max_message_bytes();
    let mut opening = JoinSet::new();
    for lane in 1..wanted as u32 {
        let answered = lanes.expect_answer(lane);
        let (queue, config) = (queue.clone(), config.clone());
        opening.spawn(async move {
            let opened = timeout_at(deadline, open(lane, &queue, &config, max, answered)).await;
            let waited = config.connect_timeout;
            let opened = opened.unwrap_or(Err(ConnectionError::Timeout { waited }.into()));
            (lane, opened)
        });
    }
    for connection in collect(opening, receiver, deadline + READ_MARGIN).await {
        lanes.add(connection);
    }
    let count = lanes.count();
    lanes.complete();
    if count > 1 && queue.push(OutgoingUnit::Split).await.is_err() {
        debug!("the channel closed while its lanes were opened");
    }
    count
}

/// Waits for all lanes that open. The answers come through the receiver, so that it is read.
async fn collect(
    mut opening: JoinSet<(u32, Result<Connection, LaneError>)>,
    receiver: &mut Receiver,
    deadline: Instant,
) -> Vec<Connection> {
    let mut opened = Vec::new();
    while !opening.is_empty() {
        tokio::select! {
            Some(outcome) = opening.join_next() => match outcome {
                Ok((_, Ok(connection))) => opened.push(connection),
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

/// Offers one lane, and opens it with the peer's answer. `max`: the longest message that the peer
/// takes, in bytes.
async fn open(
    lane: u32,
    queue: &SendQueue,
    config: &ConnectionConfig,
    max: usize,
    answer: oneshot::Receiver<LaneAnswer>,
) -> Result<Connection, LaneError> {
    // The peer is known: the answer comes over the channel.
    let negotiation = Negotiation::new(config, false).await?;
    let sdp = negotiation.offer().await?;
    let offer = Message::LaneOffer(LaneOffer { lane, sdp });
    let payload = offer.encode();
    let bytes = payload.len();
    if bytes > max {
        return Err(LaneError::TooLarge { bytes, max });
    }
    let order = UnitOrder::Strict;
    let offered = queue.push(OutgoingUnit::Message { payload, order }).await;
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
