//! Finding the worker, at first and again after the connection was lost.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use link::{Channel, ConnectError, PeerConfig, Sender, SignalError, Workers};
use protocol::{HEARTBEAT, ModelInfo, PEER_SILENCE, Skeleton, StreamAck, StreamStart, text};
use tokio::time::{sleep, timeout};

use crate::connect::ConnectConfig;
use crate::connect::backoff::{in_time, pause_before, pauses};
use crate::connect::handshake::{BUSY_INTERVAL, BUSY_TIMEOUT, StreamRequest, WorkerBusy};
use crate::connect::lanes::{LaneCount, LanePlan};
use crate::connect::trust::{self, TrustError};

/// Between two looks for another worker, while the one that has the stream goes on.
const SEARCH_INTERVAL: Duration = Duration::from_millis(500);
/// Longest wait for a worker that is to take a stream from another one, which goes on meanwhile; lanes may need half of it.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(4);

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
///
/// Where the model runs does not count: the points are the same but for rounding.
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
            model: ack.model.clone().map(|model| ModelInfo {
                device: String::new(),
                ..model
            }),
            skeleton: ack.skeleton.clone(),
        }
    }

    fn model_name(&self) -> Option<&str> {
        self.model.as_ref().map(|model| model.name.as_str())
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
            self.lanes.open_shard_lanes(lanes, sender);
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
        let rendezvous = &self.config.rendezvous;
        let began = Instant::now();
        let (mut tried, mut refusing) = (Vec::new(), Vec::new());
        loop {
            let Some(worker) = rendezvous.exchangeable() else {
                let timeout = (!self.config.wait).then_some(BUSY_TIMEOUT);
                let ack = self.open(channel, timeout).await?;
                return self.begun(ack);
            };
            let busy = match self.open(channel, Some(Duration::ZERO)).await {
                Ok(ack) => return self.begun(ack),
                Err(error) if error.is::<WorkerBusy>() => error,
                Err(error) if TrustError::is_behind(&error) => {
                    if !rendezvous.passes_over(&worker, &mut refusing, &error).await {
                        return Err(trust::refused_by(&refusing, error));
                    }
                    let other = rendezvous.wait_for(&self.config.peer, false).await?;
                    let former = std::mem::replace(channel, other);
                    former.sender.close().await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if !tried.contains(&worker) {
                tried.push(worker.clone());
            }
            let there = rendezvous.workers_there().await.ok();
            if there
                .as_ref()
                .is_some_and(|there| there.has_room_beside(&tried))
            {
                tracing::info!(worker, "busy; looking for another worker");
                if let Some(other) = self.another(&tried).await {
                    let busy = std::mem::replace(channel, other);
                    busy.sender.close().await;
                    continue;
                }
            }
            if !self.config.wait && began.elapsed() >= BUSY_TIMEOUT {
                return Err(full(busy, there.as_ref()));
            }
            // It keeps the client's place in its queue.
            tracing::info!("the worker is busy; asking again");
            sleep(BUSY_INTERVAL).await;
            tried.clear();
        }
    }

    /// Takes the acknowledgement of a first connection.
    fn begun(&self, ack: StreamAck) -> Result<StreamAck> {
        let runs = ack.model.as_ref().map(|model| model.name.as_str());
        if let Some(wanted) = self.config.rendezvous.model()
            && runs != Some(wanted)
        {
            let runs = runs.map_or("no model".into(), |name| text::cut(name, text::NAME));
            bail!("the worker runs {runs}, and --model-name asks for {wanted}");
        }
        self.config.rendezvous.settle(runs);
        Ok(ack)
    }

    /// A connection to another worker than these.
    async fn another(&self, tried: &[String]) -> Option<Channel> {
        let rendezvous = &self.config.rendezvous;
        tried.iter().for_each(|worker| rendezvous.avoid(worker));
        match rendezvous.connect(self.config.peer.clone()).await {
            Ok(channel)
                if rendezvous
                    .exchangeable()
                    .is_some_and(|it| tried.contains(&it)) =>
            {
                // The others have no room any more.
                channel.sender.close().await;
                None
            }
            Ok(channel) => Some(channel),
            Err(error) => {
                tracing::debug!(%error, "no other worker");
                None
            }
        }
    }

    /// A connection to another worker with the same model that has room, once there is one. The worker that has the
    /// stream goes on meanwhile.
    pub(crate) async fn elsewhere(&self) -> Channel {
        loop {
            if let Some(own) = self.config.rendezvous.own()
                && let Ok(there) = self.config.rendezvous.workers_there().await
                && there.has_room_beside(std::slice::from_ref(&own))
                && let Some(channel) = self.another(&[own]).await
            {
                return channel;
            }
            sleep(SEARCH_INTERVAL).await;
        }
    }

    /// Announces the stream at another worker, which is to take it from the one that was `known`.
    pub(crate) async fn hand_over(
        &self,
        channel: &mut Channel,
        known: &WorkerIdentity,
    ) -> Result<StreamAck> {
        let opening = timeout(HAND_OVER_TIMEOUT, self.open(channel, Some(Duration::ZERO)));
        let taken = match opening.await {
            Ok(Ok(ack)) if WorkerIdentity::of(&ack) == *known => Ok(ack),
            Ok(Ok(_)) => Err(anyhow::anyhow!("it runs another model")),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(anyhow::anyhow!("it does not answer")),
        };
        let rendezvous = &self.config.rendezvous;
        match (&taken, rendezvous.stand_in()) {
            (Ok(_), _) => rendezvous.settle(known.model_name()),
            (Err(_), Some(worker)) => rendezvous.avoid(&worker),
            (Err(_), None) => {}
        }
        taken
    }

    /// Whether another worker will do as well as the one that has the stream.
    pub(crate) fn is_exchangeable(&self) -> bool {
        self.config.rendezvous.own().is_some()
    }

    /// Whether the worker that has the stream has left its meeting point, where another one has room.
    pub(crate) async fn has_left(&self) -> bool {
        let Some(own) = self.config.rendezvous.own() else {
            return false;
        };
        let there = self.config.rendezvous.workers_there().await;
        there.is_ok_and(|there| !there.has(&own) && there.has_room_beside(&[own]))
    }

    /// Another connection to the worker that was `known`, which was lost at `since`, or to another worker
    /// with the same model. The error is that of the last attempt in the time that there is.
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
                        self.config.rendezvous.settle(known.model_name());
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
                Err(error) if TrustError::is_behind(&error) => {
                    if self.config.rendezvous.ends_search(&error).await {
                        return Err(error);
                    }
                    error
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
            Some(_) => Duration::ZERO,
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
        self.lanes.open_early(sender).await;
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

/// The error of a client for which no worker has room.
fn full(busy: anyhow::Error, there: Option<&Workers>) -> anyhow::Error {
    match there.filter(|there| there.count() > 1) {
        Some(there) => anyhow::Error::new(there.lines())
            .context(format!("no worker has room for this stream: {busy}")),
        None => busy,
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
