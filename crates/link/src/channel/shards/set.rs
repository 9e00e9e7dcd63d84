//! The lanes for shards that are open, and what their tasks share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::coded::{MAX_SHARD_MESSAGE_BYTES, Shard};
use protocol::{FrameId, ShardReport};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tracing::debug;

use super::collect::{CollectTask, UnitSource};
use super::ledger::{SentUnit, SentUnits};
use super::{LANE_BYTES, MIN_LANES, OPEN_TIMEOUT, READY_GRACE, READY_LANES, READY_WAIT};
use crate::channel::queue::{OutgoingUnit, WeakSendQueue};
use crate::channel::traffic::Traffic;
use crate::connection::{Association, Connection, ConnectionConfig};
use crate::limits::TokenBucket;

/// Shards that may wait for the collecting task; then the lanes are not read.
const MAX_WAITING_SHARDS: usize = 1024;

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
    /// Notified when frames are lost.
    has_lost: Notify,
    /// Notified when there should be more lanes.
    lacks_lanes: Notify,
    /// Lanes are on their way, and none was used yet.
    awaited: watch::Sender<bool>,
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
        let (source, collecting) = CollectTask::new(shards, queue.clone(), limits);
        let lanes = Self {
            open: watch::Sender::default(),
            arrived,
            sent: Mutex::new(SentUnits::new(Instant::now())),
            has_lost: Notify::new(),
            lacks_lanes: Notify::new(),
            awaited: watch::Sender::default(),
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
        config.sctp.send_buffer_bytes = LANE_BYTES;
        config.sctp.receive_window_bytes = WINDOW_BYTES;
        config.connect_timeout = config.connect_timeout.min(OPEN_TIMEOUT);
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

    /// Waits until no lanes are on their way that will take frames from the channel.
    pub(crate) async fn not_awaited(&self) {
        // It is there as long as this is.
        let _ = self.awaited.subscribe().wait_for(|awaited| !awaited).await;
    }

    /// Waits until frames go over lanes as they will for the time being, or over the channel since there are none.
    pub(crate) async fn settled(&self) {
        let _ = timeout(READY_WAIT, self.not_awaited()).await;
        if !self.are_used() {
            return;
        }
        let mut open = self.open.subscribe();
        // With fewer it goes on as well.
        let _ = timeout(READY_GRACE, open.wait_for(|open| open.len() >= READY_LANES)).await;
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
        if let Some(queue) = self.queue.upgrade().filter(|_| has_lost_answers) {
            tokio::spawn(async move {
                // Without a connection there is nothing to send.
                let _ = queue.push(OutgoingUnit::LostAnswers).await;
            });
        }
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
