//! Finding the worker, at first and again after the connection was lost.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::Result;
use link::{Channel, ConnectError, PeerConfig, Sender, SignalError};
use protocol::{HEARTBEAT, ModelInfo, PEER_SILENCE, Skeleton, StreamAck, StreamStart};
use tokio::time::sleep;

use crate::connect::ConnectConfig;
use crate::connect::backoff::{in_time, pause_before, pauses};
use crate::connect::handshake::{BUSY_TIMEOUT, StreamRequest, WorkerBusy};
use crate::connect::lanes::{LaneCount, LanePlan};
use crate::connect::trust::{self, TrustError};

/// What stays the same from one connection of a run to the next.
pub(crate) struct Reconnector {
    config: ConnectConfig,
    request: StreamRequest,
    lanes: LanePlan,
    /// Lanes for shards that can be opened over the connection at hand, should packets be lost.
    spare_lanes: AtomicUsize,
    /// Newer frames may overtake older ones on other lanes.
    is_live: bool,
}

/// What a worker must still be when it is found again: predictions of one run belong together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorkerIdentity {
    answers: bool,
    model: Option<ModelInfo>,
    skeleton: Option<Skeleton>,
}

impl WorkerIdentity {
    pub(crate) fn of(ack: &StreamAck) -> Self {
        Self {
            answers: ack.answers,
            model: ack.model.clone(),
            skeleton: ack.skeleton.clone(),
        }
    }
}

impl Reconnector {
    /// `start`: what the stream is announced with.
    pub(crate) fn new(
        config: ConnectConfig,
        lanes: Option<LaneCount>,
        is_live: bool,
        start: StreamStart,
    ) -> Self {
        Self {
            lanes: LanePlan::new(lanes, is_live, &start),
            request: StreamRequest::new(start, config.ack_timeout),
            config,
            spare_lanes: AtomicUsize::new(0),
            is_live,
        }
    }

    /// Fails where frames cannot go as the options say.
    pub(crate) fn check(&self) -> Result<()> {
        self.lanes.check()
    }

    /// Packets are lost on the way to the worker, and hold frames up: live frames go over coded lanes from now on.
    pub(crate) fn losses_show(&self, sender: &Sender) {
        let lanes = self.spare_lanes.swap(0, Relaxed);
        if lanes > 0 {
            tracing::info!("lost packets hold frames up; opening coded lanes");
            sender.open_shard_lanes(lanes);
        }
    }

    /// The number of the first track that the next worker may begin.
    pub(crate) fn begin_tracks_at(&self, number: u32) {
        self.request.begin_tracks_at(number);
    }

    /// How long the client looks for a lost worker; zero: not at all.
    pub(crate) fn reconnect_timeout(&self) -> Duration {
        self.config.reconnect_timeout
    }

    /// Which worker it is, for people.
    pub(crate) fn worker(&self) -> String {
        self.config
            .rendezvous
            .worker(self.config.peer.worker_id.as_deref())
    }

    /// The first connection.
    pub(crate) async fn connect(&self) -> Result<Channel> {
        self.config.connect().await
    }

    /// The worker's acknowledgement over the first connection, or that of another worker that replaces
    /// a busy one.
    pub(crate) async fn announce(&self, channel: &mut Channel) -> Result<StreamAck> {
        let mut backoff = pauses();
        let mut tried = Vec::new();
        loop {
            let worker = self.config.rendezvous.exchangeable();
            let waits = self.config.wait && worker.is_none();
            let timeout = (!waits).then_some(BUSY_TIMEOUT);
            let error = match (self.open(channel, timeout).await, worker) {
                (Err(error), Some(worker)) if error.is::<WorkerBusy>() => (error, worker),
                (outcome, _) => return outcome.inspect(|_| self.config.rendezvous.settle()),
            };
            let (error, worker) = error;
            if tried.contains(&worker) {
                if !self.config.wait {
                    return Err(error);
                }
                tried.clear();
                sleep(backoff.next_pause()).await;
            }
            tracing::info!(worker, "busy; looking for another worker");
            self.config.rendezvous.avoid(&worker);
            tried.push(worker);
            let busy = std::mem::replace(channel, self.connect().await?);
            busy.sender.close().await;
        }
    }

    /// Another connection to the worker that was `known`, which was lost at `since`; in a room another
    /// worker with the same model may replace it. The error is that of the last attempt in the time
    /// that there is.
    pub(crate) async fn find_again(
        &self,
        known: &WorkerIdentity,
        since: Instant,
    ) -> Result<(Channel, StreamAck)> {
        let deadline = since + self.config.reconnect_timeout;
        let mut backoff = pauses();
        loop {
            let last = match in_time(deadline, self.attempt(deadline)).await {
                Ok((channel, ack)) => {
                    if WorkerIdentity::of(&ack) == *known {
                        self.config.rendezvous.settle();
                        return Ok((channel, ack));
                    }
                    let last = anyhow::anyhow!("the worker that is there now runs another model");
                    let Some(worker) = self.config.rendezvous.stand_in() else {
                        return Err(last);
                    };
                    tracing::debug!(worker, "runs another model; looking on");
                    self.config.rendezvous.avoid(&worker);
                    channel.sender.close().await;
                    last
                }
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => error,
            };
            tracing::debug!(error = %last, "not connected again");
            pause_before(&mut backoff, deadline).await.ok_or(last)?;
        }
    }

    async fn attempt(&self, deadline: Instant) -> Result<(Channel, StreamAck)> {
        let peer = PeerConfig {
            connect_by: Some(deadline),
            ..self.config.peer.clone()
        };
        let connected = self.config.rendezvous.connect(peer).await;
        let mut channel = connected.map_err(trust::explain)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let stand_in = self.config.rendezvous.stand_in();
        // The former worker may not have noticed yet that its client is gone; another one serves others.
        let timeout = match stand_in {
            Some(_) => left.min(BUSY_TIMEOUT),
            None => left,
        };
        match (self.open(&mut channel, Some(timeout)).await, stand_in) {
            (Ok(ack), _) => Ok((channel, ack)),
            (Err(error), Some(worker)) => {
                self.config.rendezvous.avoid(&worker);
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Makes the channel ready for frames.
    async fn open(&self, channel: &mut Channel, timeout: Option<Duration>) -> Result<StreamAck> {
        let Channel { sender, receiver } = channel;
        let (ack, answered_after) = self.request.make(sender, receiver, timeout).await?;
        // The worker expects it from its acknowledgement on; opening lanes may take long.
        if ack.heartbeat {
            sender.set_keep_alive(Some(HEARTBEAT));
            receiver.set_silence_limit(Some(PEER_SILENCE));
        }
        sender.let_frames_pass(self.is_live);
        let lanes = self.lanes;
        let spare = lanes.open(&ack, answered_after, sender, receiver).await;
        self.spare_lanes.store(spare, Relaxed);
        Ok(ack)
    }
}

/// Whether trying again is of no use: the secrets differ, or the room does not
/// let this client in.
pub(crate) fn is_final(error: &anyhow::Error) -> bool {
    let is_refused = match error.downcast_ref::<ConnectError>() {
        Some(ConnectError::Signal(SignalError::Room(error))) => error.is_final(),
        _ => false,
    };
    is_refused || TrustError::is_behind(error)
}
