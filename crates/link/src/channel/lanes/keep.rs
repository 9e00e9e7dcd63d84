//! Keeping lanes for shards open: the side that asks for them.

use std::sync::Arc;
use std::time::Duration;

use net::Backoff;
use protocol::MAX_LANES;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::offer::{LaneError, LaneOpener};
use crate::channel::shards::ShardLanes;
use crate::connection::ConnectionError;

/// Longest time that one lane may take to open: another attempt is sooner there than a handshake that has
/// lost packets several times.
const OPEN_TIMEOUT: Duration = Duration::from_secs(6);

/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A lane that lasted so long was a good one.
const GOOD_LANE: Duration = Duration::from_secs(10);

/// Keeps a number of lanes for shards open until the channel closes.
pub(super) struct LaneKeeper {
    pub(super) opener: LaneOpener,
    pub(super) shards: Arc<ShardLanes>,
    pub(super) wanted: usize,
}

/// What became of one lane.
enum LaneEnd {
    /// It was open for so long.
    Ended(Duration),
    NotOpened(LaneError),
}

impl LaneKeeper {
    pub(super) async fn run(mut self) {
        let mut lanes = JoinSet::new();
        let mut pauses = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
        // Numbers that lanes of the other kind do not have.
        let mut numbers = MAX_LANES as u32..;
        let mut due = Instant::now();
        while self.wanted > 0 {
            while Instant::now() >= due
                && lanes.len() < self.wanted
                && let Some(lane) = numbers.next()
            {
                lanes.spawn(one_lane(self.opener.clone(), self.shards.clone(), lane));
            }
            tokio::select! {
                Some(ended) = lanes.join_next() => match ended {
                    Ok(LaneEnd::NotOpened(LaneError::Refused(reason))) => {
                        debug!(reason, "the peer takes no further lane for shards");
                        self.wanted -= 1;
                    }
                    Ok(LaneEnd::NotOpened(LaneError::ChannelClosed)) => return,
                    Ok(LaneEnd::NotOpened(error)) => {
                        debug!(%error, "a lane for shards could not be opened");
                        due = later(due, &mut pauses);
                    }
                    Ok(LaneEnd::Ended(lasted)) => {
                        if lasted >= GOOD_LANE {
                            pauses.reset();
                        }
                        due = later(due, &mut pauses);
                    }
                    Err(error) => {
                        warn!(%error, "a lane for shards stopped unexpectedly");
                        due = later(due, &mut pauses);
                    }
                },
                () = sleep_until(due), if lanes.len() < self.wanted => {}
            }
        }
    }
}

/// When the next attempt may begin. Lanes that fail together share one pause.
fn later(due: Instant, pauses: &mut Backoff) -> Instant {
    let now = Instant::now();
    match due > now {
        true => due,
        false => now + pauses.next_pause(),
    }
}

async fn one_lane(opener: LaneOpener, shards: Arc<ShardLanes>, lane: u32) -> LaneEnd {
    let waited = OPEN_TIMEOUT.min(opener.config().connect_timeout);
    let opened = timeout(waited, opener.open(lane)).await;
    match opened.unwrap_or(Err(ConnectionError::Timeout { waited }.into())) {
        Ok(connection) => {
            let since = Instant::now();
            shards.serve(connection).await;
            LaneEnd::Ended(since.elapsed())
        }
        Err(error) => LaneEnd::NotOpened(error),
    }
}
