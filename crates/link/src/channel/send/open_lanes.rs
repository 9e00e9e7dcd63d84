//! Opening lanes: the side that asks for them.

use std::sync::Arc;
use std::time::Duration;

use protocol::MAX_LANES;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, warn};

use crate::channel::lanes::{LaneError, Lanes};
use crate::channel::queue::{OutgoingUnit, SendQueue};
use crate::channel::receive::Receiver;
use crate::connection::{Connection, ConnectionError};

/// Messages that are kept for the receiver while answers are waited for.
const MAX_KEPT: usize = 256;
/// What the receiver is read for after the last lane has timed out.
const READ_MARGIN: Duration = Duration::from_secs(1);

/// Opens lanes until there are `wanted` of them, and sends over all from then on. Returns how many
/// there are.
pub(super) async fn open_lanes(
    lanes: &Arc<Lanes>,
    queue: &SendQueue,
    receiver: &mut Receiver,
    wanted: usize,
) -> usize {
    let wanted = wanted.clamp(1, MAX_LANES);
    let opener = lanes.opener(wanted);
    let waited = opener.config().connect_timeout;
    let deadline = Instant::now() + waited;
    let mut opening = JoinSet::new();
    for lane in 1..wanted as u32 {
        let opener = opener.clone();
        opening.spawn(async move {
            let opened = timeout_at(deadline, opener.open(lane)).await;
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

/// Waits until frames go over lanes for shards, or will not. Descriptions of lanes come through the receiver, so that
/// it is read.
pub(super) async fn settle(lanes: &Lanes, receiver: &mut Receiver) {
    let settled = lanes.shards().settled();
    tokio::pin!(settled);
    while receiver.kept() < MAX_KEPT {
        tokio::select! {
            () = &mut settled => return,
            message = receiver.recv_new() => match message {
                Some(message) => receiver.keep(message),
                None => return,
            },
        }
    }
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
