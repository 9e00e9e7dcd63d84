//! Several SCTP associations that carry one channel together.
//!
//! ```text
//!            units: whole frames, other messages
//!  Sender ── split ──▶ lane 0 (the channel's first connection) ──▶ merge ──▶ Receiver
//!                 └──▶ lane 1 (a connection of its own) ──┘
//! ```
//!
//! One association has one congestion window, which a lost packet halves, and its messages wait for
//! the lost one. With several, each loss costs one of them. The descriptions of the further
//! connections go over the channel itself, which is encrypted and whose peer is known: no other peer
//! can join, and no signaling server is asked.

mod answer;
mod keep;
mod lane;
mod offer;
mod set;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{LaneAnswer, LaneOffer, MAX_LANES, MAX_SHARD_LANES};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tracing::debug;

pub(crate) use lane::Lane;
pub(crate) use offer::{LaneError, LaneOpener};

use super::config::ChannelConfig;
use super::queue::WeakSendQueue;
use super::shards::{LANE_REPEATS, ShardLanes, UnitSource};
use super::traffic::Traffic;
use crate::close::{CloseReason, CloseSignal};
use crate::connection::{Association, Connection, ConnectionConfig, Delivery};
use answer::OfferedLane;
use keep::LaneKeeper;
use set::LaneSet;

/// Smallest send buffer and receive window of a lane, in bytes.
const MIN_BUFFER_BYTES: usize = 256 << 10;

/// The connections that carry one channel. They close when this is dropped.
pub(crate) struct Lanes {
    first: Arc<Connection>,
    set: Arc<LaneSet>,
    shards: Arc<ShardLanes>,
    /// Lanes that the peer may open, the first one included.
    max_lanes: usize,
    /// Lanes for shards that the peer's description of the connection offers.
    offered_shard_lanes: usize,
    /// What keeps lanes for shards open.
    keeper: Mutex<Option<RunningKeeper>>,
    /// A frame may arrive before one that was sent earlier, and so may its result.
    may_pass: AtomicBool,
    /// Answers to the peer's offers, and waits for the lanes' ends. They end with the channel.
    tasks: Mutex<JoinSet<()>>,
    /// Refusals that may be on their way at a time.
    refusals: Arc<Semaphore>,
}

/// The task that keeps lanes for shards open.
struct RunningKeeper {
    task: AbortHandle,
    /// It closes them when this is dropped.
    end: Option<oneshot::Sender<()>>,
    /// Resolves when it has done so.
    ended: oneshot::Receiver<()>,
}

impl RunningKeeper {
    fn goes_on(&self) -> bool {
        self.end.is_some() && !self.task.is_finished()
    }
}

impl Lanes {
    /// Must be called within a Tokio runtime. The second is where units arrive that come in shards.
    pub(crate) fn new(
        first: Connection,
        config: &ChannelConfig,
        queue: WeakSendQueue,
        traffic: Arc<Traffic>,
    ) -> (Self, UnitSource) {
        let (shards, units, collecting) = ShardLanes::new(
            config.max_shard_lanes,
            queue.clone(),
            traffic,
            config.limits.clone(),
        );
        let mut tasks = JoinSet::new();
        tasks.spawn(collecting.run());
        let lanes = Self {
            set: Arc::new(LaneSet::new(first.closed().clone(), queue)),
            first: Arc::new(first),
            shards,
            keeper: Mutex::default(),
            max_lanes: config.max_lanes,
            offered_shard_lanes: 0,
            may_pass: AtomicBool::default(),
            tasks: Mutex::new(tasks),
            refusals: Arc::new(Semaphore::new(MAX_LANES)),
        };
        (lanes, units)
    }

    /// The lanes for shards.
    pub(crate) fn shards(&self) -> &Arc<ShardLanes> {
        &self.shards
    }

    /// The channel's first connection.
    pub(crate) fn first(&self) -> &Connection {
        &self.first
    }

    /// Why and when the channel is over.
    pub(crate) fn closed(&self) -> &CloseSignal {
        self.first.closed()
    }

    /// Lanes that are open, the first one included.
    pub(crate) fn count(&self) -> usize {
        self.set.open().len() + 1
    }

    /// The associations of all open lanes, the first one's first.
    pub(crate) fn associations(&self) -> Vec<Arc<Association>> {
        self.with_first(&self.set.open())
    }

    /// The same; units go over them from now on.
    pub(crate) fn use_all(&self) -> Vec<Arc<Association>> {
        self.with_first(&self.set.use_all())
    }

    fn with_first(&self, further: &[Arc<Lane>]) -> Vec<Arc<Association>> {
        let further = further.iter().map(|lane| lane.association().clone());
        let first = self.first.association().clone();
        std::iter::once(first).chain(further).collect()
    }

    /// The lanes beside the first, as they come and go.
    pub(crate) fn arrivals(&self) -> watch::Receiver<Vec<Arc<Lane>>> {
        self.set.arrivals()
    }

    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass.load(Ordering::Relaxed)
    }

    pub(crate) fn let_pass(&self, may_pass: bool) {
        self.may_pass.store(may_pass, Ordering::Relaxed);
    }

    /// Settings of one of `lanes` lanes: together they hold about what one channel holds.
    pub(crate) fn config_of(&self, lanes: usize) -> ConnectionConfig {
        let share = |bytes: usize| (2 * bytes / lanes.max(2)).max(MIN_BUFFER_BYTES.min(bytes));
        let mut config = self.first.config().clone();
        let window = share(config.sctp.receive_window_bytes as usize);
        config.sctp.receive_window_bytes = u32::try_from(window).unwrap_or(u32::MAX);
        config.sctp.send_buffer_bytes = share(config.sctp.send_buffer_bytes);
        config.udp.repeats = LANE_REPEATS;
        config.udp.repeats_often = 0;
        config
    }

    /// Keeps lanes for shards open, `most` at most, for frames of about `frame_bytes`, and replaces those that end; does
    /// nothing where that goes on already.
    pub(crate) fn keep_shard_lanes(&self, most: usize, frame_bytes: usize) {
        let mut keeper = lock(&self.keeper);
        if keeper.as_ref().is_some_and(RunningKeeper::goes_on) {
            return;
        }
        let opener = LaneOpener {
            config: ShardLanes::config_of(self.first.config()),
            delivery: Delivery::Once,
            ..self.opener(1)
        };
        let most = most.min(MAX_SHARD_LANES);
        self.shards.await_lanes(most > 0);
        let before = keeper.take().map(|before| before.ended);
        let (end, is_over) = oneshot::channel();
        let (has_ended, ended) = oneshot::channel::<()>();
        let shards = self.shards.clone();
        let task = self.tasks().spawn(async move {
            // Its end closes all lanes that are open.
            if let Some(before) = before {
                let _ = before.await;
            }
            let keeper = LaneKeeper::new(opener, shards, most, frame_bytes);
            keeper.run(is_over).await;
            drop(has_ended);
        });
        *keeper = Some(RunningKeeper {
            task,
            end: Some(end),
            ended,
        });
    }

    /// Closes the lanes for shards that this side keeps open, and opens no others.
    pub(crate) fn end_shard_lanes(&self) {
        if let Some(keeper) = lock(&self.keeper).as_mut() {
            keeper.end = None;
        }
    }

    /// The peer has offered so many lanes for shards in its description.
    pub(crate) fn offered(mut self, shard_lanes: usize) -> Self {
        self.offered_shard_lanes = shard_lanes;
        self
    }

    /// The same, until lanes are kept open for the first time.
    pub(crate) fn offered_shard_lanes(&self) -> usize {
        match *lock(&self.keeper) {
            None => self.offered_shard_lanes,
            Some(_) => 0,
        }
    }

    /// What opens one of `lanes` lanes beside the first.
    pub(crate) fn opener(&self, lanes: usize) -> LaneOpener {
        LaneOpener {
            set: self.set.clone(),
            first: self.first.clone(),
            config: self.config_of(lanes),
            delivery: Delivery::Reliable,
        }
    }

    /// Answers a peer that offers a lane.
    pub(crate) fn answer(&self, offer: LaneOffer) {
        if offer.shards {
            return self.answer_for_shards(offer);
        }
        let lane = offer.lane;
        let offered = OfferedLane::new(lane, self.set.clone(), None);
        let mut tasks = self.tasks();
        match self.set.admit(lane, self.max_lanes) {
            Ok(()) => {
                tasks.spawn(offered.run(offer.sdp, self.config_of(self.max_lanes)));
            }
            Err(reason) => self.refuse(&mut tasks, offered, reason),
        }
    }

    fn answer_for_shards(&self, offer: LaneOffer) {
        let shards = Some(self.shards.clone());
        let offered = OfferedLane::new(offer.lane, self.set.clone(), shards);
        let mut tasks = self.tasks();
        match self.shards.admit() {
            Ok(place) => {
                let mut config = ShardLanes::config_of(self.first.config());
                let first = self.first.clone();
                tasks.spawn(async move {
                    first.narrow(&mut config).await;
                    drop(first);
                    offered.run(offer.sdp, config).await;
                    drop(place);
                });
            }
            Err(reason) => self.refuse(&mut tasks, offered, reason),
        }
    }

    fn refuse(&self, tasks: &mut JoinSet<()>, offered: OfferedLane, reason: &'static str) {
        debug!(reason, "refusing a lane");
        // A peer that keeps asking is not answered each time.
        if let Ok(permit) = self.refusals.clone().try_acquire_owned() {
            tasks.spawn(async move {
                offered.refuse(reason.to_owned()).await;
                drop(permit);
            });
        }
    }

    /// Hands an answer to the task that waits for it, or back.
    pub(crate) fn answered(&self, answer: LaneAnswer) -> Option<LaneAnswer> {
        self.set.answered(answer)
    }

    /// Takes a lane that this side has opened, and waits for its end.
    pub(crate) fn add(&self, connection: Connection) {
        if let Some(lane) = self.set.add(connection) {
            self.tasks().spawn(self.set.clone().watch(lane));
        }
    }

    /// No further lane is waited for.
    pub(crate) fn complete(&self) {
        self.set.complete();
    }

    /// The peer sends over `lanes` lanes from now on. `false`: it cannot, that many were not opened.
    pub(crate) fn announced(&self, lanes: u32) -> bool {
        self.set.announced(lanes)
    }

    /// Lanes that the peer sends over.
    pub(crate) fn expected(&self) -> usize {
        self.set.expected()
    }

    /// The end of one lane beside the first was seen by the reader.
    pub(crate) fn ended(&self, lane: &Arc<Lane>, reason: CloseReason) {
        self.set.ended(lane, reason);
    }

    /// Closes all connections without waiting for messages that are not delivered yet.
    pub(crate) async fn close(&self) {
        self.shards.close().await;
        for lane in self.set.open() {
            lane.close().await;
        }
        self.first.close().await;
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is locked here does not panic between two changes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
