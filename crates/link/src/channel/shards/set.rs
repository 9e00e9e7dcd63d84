//! The lanes for shards that are open, and what their tasks share.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::coded::{MAX_SHARD_MESSAGE_BYTES, Shard};
use protocol::{FrameId, MAX_LANES, MAX_LATE_UNITS, Message, ShardReport};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tracing::debug;

use super::collect::{CollectTask, UnitSource};
use super::ledger::{SentUnit, SentUnits};
use super::ready::settled;
use super::{LANE_BYTES, LANE_REPEATS, LATE_FOR, MIN_LANES, OPEN_TIMEOUT};
use crate::channel::queue::{OutgoingUnit, UnitOrder, WeakSendQueue};
use crate::channel::traffic::Traffic;
use crate::connection::{Association, Connection, ConnectionConfig};
use crate::limits::TokenBucket;

/// Shards that may wait for the collecting task; then the lanes are not read.
const MAX_WAITING_SHARDS: usize = 512;

/// Send buffer of a lane: what makes its window grow is longer than what else may lie in it.
const SEND_BUFFER_BYTES: usize = 2 * LANE_BYTES;

/// Receive window of a lane, in bytes.
const WINDOW_BYTES: u32 = 256 << 10;

/// Lanes that a peer may offer at once, and then per second.
const OFFER_BURST: u32 = 64;
const OFFERS_PER_SECOND: u32 = 4;

/// The lanes for shards of one channel, shared by both of its directions and by the tasks that open lanes.
pub(crate) struct ShardLanes {
    open: watch::Sender<Vec<Arc<Connection>>>,
    arrived: mpsc::Sender<Shard>,
    sent: Mutex<SentUnits>,
    /// What is sent is kept for a while, and keeps its order.
    keeps: AtomicBool,
    /// How long the peer keeps what it sends, in milliseconds; 0: not at all.
    peer_keeps: Arc<AtomicU32>,
    /// Units that the peer asks for shards of.
    late: Mutex<Vec<[u32; 2]>>,
    /// Notified when frames are lost.
    has_lost: Notify,
    /// Notified when there should be more lanes.
    lacks_lanes: Notify,
    /// Lanes are on their way, and none was used yet.
    awaited: watch::Sender<bool>,
    /// Lanes that this side keeps open, as far as it can.
    wanted: AtomicUsize,
    /// The number of the next lane that this side opens: not that of a lane of the other kind.
    number: AtomicU32,
    /// The channel's send queue, which must end when the senders do.
    queue: WeakSendQueue,
    traffic: Arc<Traffic>,
    /// Lanes that the peer may still have open.
    places: Arc<Semaphore>,
    offers: Mutex<TokenBucket>,
}

impl ShardLanes {
    /// Without any lane yet. `max_lanes`: those that the peer may open. The second is where units arrive, the
    /// third puts them together, and is to be run.
    pub(crate) fn new(
        max_lanes: usize,
        queue: WeakSendQueue,
        traffic: Arc<Traffic>,
        limits: protocol::Limits,
    ) -> (Arc<Self>, UnitSource, CollectTask) {
        let (arrived, shards) = mpsc::channel(MAX_WAITING_SHARDS);
        let peer_keeps = Arc::<AtomicU32>::default();
        let (source, collecting) =
            CollectTask::new(shards, queue.clone(), peer_keeps.clone(), limits);
        let lanes = Self {
            open: watch::Sender::default(),
            arrived,
            sent: Mutex::new(SentUnits::new(Instant::now())),
            keeps: AtomicBool::default(),
            peer_keeps,
            late: Mutex::default(),
            has_lost: Notify::new(),
            lacks_lanes: Notify::new(),
            awaited: watch::Sender::default(),
            wanted: AtomicUsize::default(),
            number: AtomicU32::new(MAX_LANES as u32),
            queue,
            traffic,
            places: Arc::new(Semaphore::new(max_lanes)),
            offers: Mutex::new(TokenBucket::new(OFFER_BURST, OFFERS_PER_SECOND)),
        };
        (Arc::new(lanes), source, collecting)
    }

    /// Settings of a lane, from those of the channel's first connection.
    pub(crate) fn config_of(first: &ConnectionConfig) -> ConnectionConfig {
        let mut config = first.clone();
        config.sctp.send_buffer_bytes = SEND_BUFFER_BYTES;
        config.udp.repeats = LANE_REPEATS;
        config.udp.repeats_often = 0;
        config.sctp.receive_window_bytes = WINDOW_BYTES;
        config.connect_timeout = config.connect_timeout.min(OPEN_TIMEOUT);
        // Both sides check: there is a sign of life each second, about.
        config.consent_interval *= 2;
        config
    }

    /// A place for a lane that the peer offers.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, &'static str> {
        if !lock(&self.offers).take() {
            return Err("lanes were offered too often");
        }
        let place = self.places.clone().try_acquire_owned();
        place.map_err(|_| "there are not that many lanes for shards")
    }

    /// The lanes that are open.
    pub(super) fn open(&self) -> Vec<Arc<Connection>> {
        self.open.borrow().clone()
    }

    /// Whether there are enough lanes for units to go over them.
    pub(crate) fn are_used(&self) -> bool {
        self.open.borrow().len() >= MIN_LANES
    }

    /// Lanes are on their way: frames will go over them, and not over the channel.
    pub(crate) fn await_lanes(&self, awaited: bool) {
        self.awaited.send_replace(awaited);
    }

    /// The number of a lane that this side opens.
    pub(crate) fn next_number(&self) -> u32 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// This side keeps so many lanes open from now on, as far as it can.
    pub(crate) fn want(&self, lanes: usize) {
        self.wanted.store(lanes, Ordering::Relaxed);
    }

    /// Waits until no lanes are on their way that will take frames from the channel.
    pub(crate) async fn not_awaited(&self) {
        // It is there as long as this is.
        let _ = self.awaited.subscribe().wait_for(|awaited| !awaited).await;
    }

    /// Waits until frames go over lanes as they will for the time being, or over the channel since there are none.
    pub(crate) async fn settled(&self) {
        let most = || self.wanted.load(Ordering::Relaxed) * 3 / 4;
        settled(self.awaited.subscribe(), self.open.subscribe(), most).await;
    }

    /// The round trip of one lane, if it is known.
    pub(crate) async fn round_trip(&self) -> Option<Duration> {
        let lane = self.open().into_iter().next()?;
        lane.path().await?.round_trip
    }

    /// The lanes are full, since losses keep their windows small.
    pub(super) fn ask_for_more(&self) {
        self.lacks_lanes.notify_one();
    }

    /// Waits until there should be more lanes. Cancelling loses nothing.
    pub(crate) async fn more_asked(&self) {
        self.lacks_lanes.notified().await;
    }

    /// Uses a lane that is open, and reads it until it ends.
    pub(crate) async fn serve(&self, lane: Connection) {
        let lane = Arc::new(lane);
        self.open.send_modify(|open| open.push(lane.clone()));
        debug!(
            lanes = self.open.borrow().len(),
            "a lane for shards is open"
        );
        if self.are_used() {
            self.await_lanes(false);
        }
        let reason = tokio::select! {
            () = self.read(lane.association()) => None,
            reason = lane.closed().closed() => Some(reason),
        };
        debug!(?reason, "a lane for shards has ended");
        self.open
            .send_modify(|open| open.retain(|it| !Arc::ptr_eq(it, &lane)));
        lane.close().await;
    }

    async fn read(&self, association: &Association) {
        while let Some(raw) = association.next().await {
            let bytes = raw.data.len();
            if raw.is_text || bytes > MAX_SHARD_MESSAGE_BYTES {
                debug!(bytes, "no shard; ignored");
                continue;
            }
            match Shard::try_from(raw.data) {
                Ok(shard) => {
                    self.traffic.received.add(bytes);
                    if self.arrived.send(shard).await.is_err() {
                        return;
                    }
                }
                Err(error) => debug!(%error, "no shard; ignored"),
            }
        }
    }

    /// Closes all lanes without waiting for what is under way.
    pub(crate) async fn close(&self) {
        for lane in self.open() {
            lane.close().await;
        }
    }

    /// The same for the side that has opened them, and opens no others: frames go over the channel from now on.
    pub(crate) async fn end(&self) {
        self.await_lanes(false);
        for lane in self.open.send_replace(Vec::new()) {
            lane.close().await;
        }
    }

    /// Parity shards for each block of a unit with so many data shards.
    pub(super) fn parity(&self, data_shards: usize) -> u8 {
        lock(&self.sent).parity(data_shards, Instant::now())
    }

    /// Share of the sent shards that is lost, at present: 0 to 1.
    pub(super) fn loss(&self) -> f64 {
        lock(&self.sent).loss()
    }

    /// The next unit is sent.
    pub(super) fn sends(&self, unit: SentUnit) {
        lock(&self.sent).push(unit);
    }

    pub(super) fn count_sent(&self, bytes: usize, is_parity: bool) {
        self.traffic.add_shard(bytes, is_parity);
    }

    /// Takes a report of the peer.
    pub(crate) fn reported(&self, report: &ShardReport) {
        let has_lost_answers = lock(&self.sent).reported(report, Instant::now());
        self.has_lost.notify_one();
        if has_lost_answers {
            self.queue_later(OutgoingUnit::LostAnswers);
        }
        if report.late.is_empty() || !self.keeps() {
            return;
        }
        let mut late = lock(&self.late);
        // A request that waits already is not answered twice.
        let is_new = late.is_empty();
        late.retain(|[unit, _]| report.late.iter().all(|[again, _]| again != unit));
        late.extend(&report.late);
        late.truncate(MAX_LATE_UNITS);
        drop(late);
        if is_new {
            self.queue_later(OutgoingUnit::LateShards);
        }
    }

    fn queue_later(&self, unit: OutgoingUnit) {
        if let Some(queue) = self.queue.upgrade() {
            tokio::spawn(async move {
                // Without a connection there is nothing to send.
                let _ = queue.push(unit).await;
            });
        }
    }

    /// Keeps what is sent from now on, so that the peer may ask for it, and its order; tells the peer so.
    pub(crate) fn keep(&self) {
        if !self.keeps.swap(true, Ordering::Relaxed) {
            let time = u32::try_from(LATE_FOR.as_millis()).unwrap_or(u32::MAX);
            self.queue_later(OutgoingUnit::Message {
                payload: Message::ShardsKept(time).encode(),
                order: UnitOrder::Aside,
            });
        }
    }

    /// Whether what is sent is kept.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    /// The peer keeps what it sends for so many milliseconds; this side does the same with its answers.
    pub(crate) fn peer_keeps(&self, milliseconds: u32) {
        self.peer_keeps.store(milliseconds, Ordering::Relaxed);
        if milliseconds > 0 {
            self.keep();
        }
    }

    /// The units that the peer asks for shards of, and the first one that is not known to be over.
    pub(super) fn take_late(&self) -> (Vec<[u32; 2]>, u32) {
        let late = std::mem::take(&mut *lock(&self.late));
        (late, lock(&self.sent).first())
    }

    /// The answers that are lost, to be sent again.
    pub(crate) fn take_lost_answers(&self) -> Vec<String> {
        lock(&self.sent).take_lost_answers()
    }

    /// All answers that are not known to have arrived, to be sent again.
    pub(crate) fn take_answers_under_way(&self) -> Vec<String> {
        lock(&self.sent).take_answers_under_way()
    }

    /// The frames that are lost since the last call.
    pub(crate) fn take_lost_frames(&self) -> Vec<FrameId> {
        lock(&self.sent).take_lost_frames()
    }

    /// Waits until frames are lost. Cancelling loses none.
    pub(crate) async fn lost_frames(&self) -> Vec<FrameId> {
        loop {
            let lost = self.take_lost_frames();
            if !lost.is_empty() {
                return lost;
            }
            self.has_lost.notified().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is locked here does not panic between two changes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
