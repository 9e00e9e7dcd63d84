//! Keeping lanes for shards open: the side that asks for them.

use std::sync::Arc;
use std::time::Duration;

use net::Backoff;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{debug, warn};

use super::offer::{LaneError, LaneOpener};
use crate::channel::shards::{MORE_LANES, ShardLanes, first_lanes};
use crate::connection::ConnectionError;

/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A lane that lasted so long was a good one.
const GOOD_LANE: Duration = Duration::from_secs(10);

/// Frames do not wait for the first lanes any longer than this.
const FIRST_LANES_WAIT: Duration = Duration::from_secs(3);

/// How often the round trip is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is added to the lanes has to show what it brings before more are.
const BETWEEN_GROWTH: Duration = Duration::from_millis(1500);

/// The first lanes have to open, and to show what they carry.
const BEFORE_GROWTH: Duration = Duration::from_millis(1000);

/// A round trip that is longer than the shortest by this and a quarter of it has a queue in it: losses are the
/// network's word that too much is sent, and more lanes would send more.
const QUEUE: Duration = Duration::from_millis(20);

/// Keeps lanes for shards open until the channel closes: a few at first, more where losses keep their windows
/// small.
pub(super) struct LaneKeeper {
    opener: LaneOpener,
    shards: Arc<ShardLanes>,
    wanted: usize,
    most: usize,
    /// Bytes of a frame, about.
    frame_bytes: usize,
    /// Attempts that fail are further apart each time.
    pauses: Backoff,
    /// When the next attempt may begin.
    due: Instant,
    /// When there may be more lanes.
    growth: Instant,
    round_trip: ShortestRoundTrip,
}

/// What became of one lane.
enum LaneEnd {
    /// It was open for so long.
    Ended(Duration),
    NotOpened(LaneError),
}

impl LaneKeeper {
    /// `most`: lanes that there are at most. `frame_bytes`: those of a frame, about.
    pub(super) fn new(
        opener: LaneOpener,
        shards: Arc<ShardLanes>,
        most: usize,
        frame_bytes: usize,
    ) -> Self {
        let now = Instant::now();
        Self {
            opener,
            shards,
            wanted: most.min(first_lanes(frame_bytes, None)),
            most,
            frame_bytes,
            pauses: Backoff::new(FIRST_PAUSE, MAX_PAUSE),
            due: now,
            growth: now + BEFORE_GROWTH,
            round_trip: ShortestRoundTrip::default(),
        }
    }

    /// Until the channel's end, or until `end` is dropped.
    pub(super) async fn run(mut self, mut end: oneshot::Receiver<()>) {
        let mut lanes = JoinSet::new();
        let begun = Instant::now();
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.begin().await;
        loop {
            while Instant::now() >= self.due && lanes.len() < self.wanted {
                let lane = self.shards.next_number();
                lanes.spawn(one_lane(self.opener.clone(), self.shards.clone(), lane));
            }
            tokio::select! {
                _ = &mut end => {
                    lanes.shutdown().await;
                    self.shards.end().await;
                    return;
                }
                Some(ended) = lanes.join_next() => match ended {
                    Ok(LaneEnd::NotOpened(LaneError::ChannelClosed)) => break,
                    ended => self.note_end(ended),
                },
                () = sleep_until(self.due), if lanes.len() < self.wanted => {}
                () = self.shards.more_asked(), if self.may_grow() => self.grow().await,
                _ = looks.tick() => {
                    if begun.elapsed() > FIRST_LANES_WAIT {
                        self.shards.await_lanes(false);
                    }
                    self.round_trip.has_queue(&self.shards).await;
                }
            }
        }
        self.shards.await_lanes(false);
    }

    /// Decides how many lanes there are at first.
    async fn begin(&mut self) {
        self.shards.await_lanes(self.wanted > 0);
        let round_trip = self.opener.round_trip().await;
        self.wanted = self.most.min(first_lanes(self.frame_bytes, round_trip));
        self.shards.want(self.wanted);
    }

    fn note_end(&mut self, ended: Result<LaneEnd, JoinError>) {
        match ended {
            // A lane that the peer has not missed yet has its place: it is free soon.
            Ok(LaneEnd::NotOpened(LaneError::Refused(reason))) => {
                debug!(reason, "the peer takes no further lane for shards now");
            }
            Ok(LaneEnd::NotOpened(error)) => {
                debug!(%error, "a lane for shards could not be opened");
            }
            Ok(LaneEnd::Ended(lasted)) => {
                if lasted >= GOOD_LANE {
                    self.pauses.reset();
                }
            }
            Err(error) => warn!(%error, "a lane for shards stopped unexpectedly"),
        }
        // Lanes that fail together share one pause.
        let now = Instant::now();
        if self.due <= now {
            self.due = now + self.pauses.next_pause();
        }
    }

    fn may_grow(&self) -> bool {
        self.wanted < self.most && Instant::now() >= self.growth
    }

    /// Losses keep the lanes full: there are more from now on, unless the losses are those of a queue.
    async fn grow(&mut self) {
        self.growth = Instant::now() + BETWEEN_GROWTH;
        if self.round_trip.has_queue(&self.shards).await {
            debug!("no further lanes for shards: packets wait on the way");
            return;
        }
        self.wanted = (self.wanted + MORE_LANES).min(self.most);
        self.shards.want(self.wanted);
        debug!(
            lanes = self.wanted,
            "opening more lanes for shards: losses keep their windows small"
        );
    }
}

/// The round trip without a queue, as far as is known.
#[derive(Default)]
struct ShortestRoundTrip(Option<Duration>);

impl ShortestRoundTrip {
    /// Takes the round trip of the moment. Whether packets wait for others.
    fn note(&mut self, now: Duration) -> bool {
        let shortest = self.0.map_or(now, |shortest| shortest.min(now));
        self.0 = Some(shortest);
        now > shortest + shortest / 4 + QUEUE
    }

    /// The same with that of the open lanes; `false` where it is not known.
    async fn has_queue(&mut self, shards: &ShardLanes) -> bool {
        let round_trip = shards.round_trip().await;
        round_trip.is_some_and(|now| self.note(now))
    }
}

async fn one_lane(opener: LaneOpener, shards: Arc<ShardLanes>, lane: u32) -> LaneEnd {
    let waited = opener.config().connect_timeout;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_that_grows_has_a_queue_in_it() {
        let ms = Duration::from_millis;
        let mut round_trip = ShortestRoundTrip::default();
        assert!(!round_trip.note(ms(100)), "nothing is known yet");
        assert!(!round_trip.note(ms(140)), "it varies");
        assert!(round_trip.note(ms(150)));
        assert!(!round_trip.note(ms(30)), "shorter than ever");
        assert!(round_trip.note(ms(100)));
    }
}
