//! Finding the worker, at first and again after the connection was lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use link::{Channel, ConnectError, PeerConfig, SignalError};
use protocol::{ModelInfo, Skeleton, StreamAck};
use tokio::time::{sleep, timeout_at};
use vision::capture::SourceInfo;

use crate::args::Config;
use crate::handshake::{Announcement, BUSY_PATIENCE, Busy};
use crate::lanes::{self, Lanes};
use crate::meeting::Meeting;
use crate::receive::heartbeat;
use crate::trust::{self, Distrust};

/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// What an attempt takes at least: with less time left none is begun.
const ATTEMPT: Duration = Duration::from_secs(1);
/// An attempt whose steps keep to the deadline may need so long to say what failed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Pauses that double up to a longest one.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// Whether no pause was given yet.
    pub(crate) fn is_new(&self) -> bool {
        self.0 == FIRST_PAUSE
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (2 * pause).min(LONGEST_PAUSE);
        pause
    }

    /// Waits for the next attempt; `None` where there is no time for one before the deadline.
    pub(crate) async fn pause_before(&mut self, deadline: Instant) -> Option<()> {
        let pause = self.next();
        if Instant::now() + pause + ATTEMPT > deadline {
            return None;
        }
        sleep(pause).await;
        Some(())
    }
}

/// An attempt that has until the deadline. Its own words for a step that takes too long come first.
pub(crate) async fn in_time<T>(
    deadline: Instant,
    attempt: impl Future<Output = Result<T>>,
) -> Result<T> {
    if Instant::now() >= deadline {
        return Err(anyhow::anyhow!("there was no time for an attempt"));
    }
    match timeout_at((deadline + LAST_WORDS).into(), attempt).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!(
            "the last attempt was still under way when the time for it was over"
        )),
    }
}

/// What stays the same from one connection of a run to the next.
pub(crate) struct Dialer {
    meeting: Arc<Meeting>,
    peer: PeerConfig,
    announcement: Announcement,
    lanes: Lanes,
    /// Newer frames may overtake older ones on other lanes.
    is_live: bool,
    /// Wait for a worker that is not there or serves somebody else.
    wait: bool,
    reconnect_timeout: Duration,
}

/// What a worker must still be when it is found again: predictions of one run belong together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    answers: bool,
    model: Option<ModelInfo>,
    skeleton: Option<Skeleton>,
}

impl Identity {
    pub(crate) fn of(ack: &StreamAck) -> Self {
        Self {
            answers: ack.answers,
            model: ack.model.clone(),
            skeleton: ack.skeleton.clone(),
        }
    }
}

impl Dialer {
    pub(crate) fn new(config: &Config, info: &SourceInfo) -> Self {
        Self {
            meeting: Arc::clone(&config.meeting),
            peer: config.peer.clone(),
            announcement: Announcement::new(config, info),
            lanes: config.lanes,
            is_live: config.live.unwrap_or(info.is_live),
            wait: config.wait,
            reconnect_timeout: config.reconnect_timeout,
        }
    }

    /// How long a lost worker is looked for; zero: not at all.
    pub(crate) fn reconnect_timeout(&self) -> Duration {
        self.reconnect_timeout
    }

    /// Which worker it is, for people.
    pub(crate) fn worker(&self) -> String {
        self.meeting.worker(self.peer.worker_id.as_deref())
    }

    /// The first connection.
    pub(crate) async fn connect(&self) -> Result<Channel> {
        self.meeting.wait_for(&self.peer, self.wait).await
    }

    /// The worker's word over the first connection, or that of another one that is taken in the place
    /// of a busy one.
    pub(crate) async fn announce(&self, channel: &mut Channel) -> Result<StreamAck> {
        let mut backoff = Backoff::new();
        let mut tried = Vec::new();
        loop {
            let worker = self.meeting.exchangeable();
            let waits = self.wait && worker.is_none();
            let patience = (!waits).then_some(BUSY_PATIENCE);
            let error = match (self.open(channel, patience).await, worker) {
                (Err(error), Some(worker)) if error.is::<Busy>() => (error, worker),
                (outcome, _) => return outcome.inspect(|_| self.meeting.settle()),
            };
            let (error, worker) = error;
            if tried.contains(&worker) {
                if !self.wait {
                    return Err(error);
                }
                tried.clear();
                sleep(backoff.next()).await;
            }
            tracing::info!(worker, "busy; looking for another worker");
            self.meeting.avoid(&worker);
            tried.push(worker);
            let busy = std::mem::replace(channel, self.connect().await?);
            busy.sender.close().await;
        }
    }

    /// Another connection to the worker that was `known`, which was lost at `since`; in a room another
    /// one that is the same may stand in for it. The error is that of the last attempt in the time
    /// that there is.
    pub(crate) async fn find_again(
        &self,
        known: &Identity,
        since: Instant,
    ) -> Result<(Channel, StreamAck)> {
        let deadline = since + self.reconnect_timeout;
        let mut backoff = Backoff::new();
        loop {
            let last = match in_time(deadline, self.attempt(deadline)).await {
                Ok((channel, ack)) => {
                    if Identity::of(&ack) == *known {
                        self.meeting.settle();
                        return Ok((channel, ack));
                    }
                    let last = anyhow::anyhow!("the worker that is there now runs another model");
                    let Some(worker) = self.meeting.stand_in() else {
                        return Err(last);
                    };
                    tracing::debug!(worker, "runs another model; looking on");
                    self.meeting.avoid(&worker);
                    channel.sender.close().await;
                    last
                }
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => error,
            };
            tracing::debug!(error = %last, "not connected again");
            backoff.pause_before(deadline).await.ok_or(last)?;
        }
    }

    async fn attempt(&self, deadline: Instant) -> Result<(Channel, StreamAck)> {
        let peer = PeerConfig {
            connect_by: Some(deadline),
            ..self.peer.clone()
        };
        let connected = self.meeting.connect(peer).await;
        let mut channel = connected.map_err(trust::explain)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let stand_in = self.meeting.stand_in();
        // The former worker may only not know yet that its client is gone; another one serves others.
        let patience = match stand_in {
            Some(_) => left.min(BUSY_PATIENCE),
            None => left,
        };
        match (self.open(&mut channel, Some(patience)).await, stand_in) {
            (Ok(ack), _) => Ok((channel, ack)),
            (Err(error), Some(worker)) => {
                self.meeting.avoid(&worker);
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Makes the channel ready for frames.
    async fn open(&self, channel: &mut Channel, patience: Option<Duration>) -> Result<StreamAck> {
        let Channel { sender, receiver } = channel;
        let ack = self.announcement.make(sender, receiver, patience).await?;
        // The worker expects it from its word on; opening lanes may take long.
        let _meanwhile = heartbeat(&ack, sender);
        sender.let_frames_pass(self.is_live);
        lanes::open(self.lanes, &ack, sender, receiver).await;
        Ok(ack)
    }
}

/// Whether trying again is of no use: one side does not know the other's secret, or the room does not
/// let this client in.
pub(crate) fn is_final(error: &anyhow::Error) -> bool {
    let is_refused = match error.downcast_ref::<ConnectError>() {
        Some(ConnectError::Signal(SignalError::Room(error))) => error.is_final(),
        _ => false,
    };
    is_refused || Distrust::is_behind(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_that_cannot_be_over_in_time_is_not_begun() {
        let mut backoff = Backoff::new();
        let now = Instant::now();
        assert_eq!(backoff.pause_before(now + ATTEMPT).await, None);
        let late = in_time(now, async { Ok(()) }).await;
        assert!(late.unwrap_err().to_string().contains("no time"));
        let endless = std::future::pending::<Result<()>>();
        let ended = in_time(now + Duration::from_millis(100), endless).await;
        assert!(ended.unwrap_err().to_string().contains("still under way"));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..7).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 4000, 4000]);
    }
}
