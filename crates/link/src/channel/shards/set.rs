//! The lanes for shards that are open, and what their tasks share.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::coded::{MAX_SHARD_MESSAGE_BYTES, Shard};
use protocol::{FrameId, MAX_LANES, ShardReport};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tracing::debug;

use super::collect::{CollectTask, UnitSource};
use super::ledger::{SentUnit, SentUnits};
use super::{LANE_BYTES, LANE_REPEATS, MIN_LANES, OPEN_TIMEOUT, READY_GRACE, READY_WAIT};
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
        let (source, collecting) = CollectTask::new(shards, queue.clone(), limits);
        let lanes = Self {
            open: watch::Sender::default(),
            arrived,
            sent: Mutex::new(SentUnits::new(Instant::now())),
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
        config.sctp.send_buffer_bytes = LANE_BYTES;
        config.udp.repeats = LANE_REPEATS;
        config.udp.repeats_often = 0;
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

/// Waits until there are `most` of the lanes, or it has become plain that they take long; not at all where none are
/// awaited.
async fn settled<T>(
    mut awaited: watch::Receiver<bool>,
    mut open: watch::Receiver<Vec<T>>,
    most: impl Fn() -> usize,
) {
    let _ = timeout(READY_WAIT, awaited.wait_for(|awaited| !awaited)).await;
    if open.borrow().len() >= MIN_LANES {
        // With fewer it goes on as well.
        let _ = timeout(READY_GRACE, open.wait_for(|open| open.len() >= most())).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is locked here does not panic between two changes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// How long a stream waits for 16 lanes, the first of which come at once after `first`, and the others after `rest`.
    async fn waited(first: (usize, Duration), rest: Duration) -> Duration {
        let (awaited, open) = (watch::Sender::new(true), watch::Sender::new(Vec::new()));
        let begun = Instant::now();
        let settling = settled(awaited.subscribe(), open.subscribe(), || 12);
        let opening = async {
            tokio::time::sleep(first.1).await;
            open.send_modify(|open| open.resize(first.0, ()));
            awaited.send_replace(first.0 < MIN_LANES);
            tokio::time::sleep(rest).await;
            open.send_modify(|open| open.resize(16, ()));
            awaited.send_replace(false);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = settling => begun.elapsed(),
            () = opening => Duration::MAX,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_waits_for_most_of_its_lanes_and_not_long_for_the_last() {
        let ms = Duration::from_millis;
        let about = |waited: Duration, expected: Duration| {
            // Timers of Tokio have a resolution of a millisecond.
            assert!(
                waited >= expected && waited <= expected + ms(2),
                "{waited:?}, {expected:?}"
            );
        };
        about(waited((16, ms(300)), ms(0)).await, ms(300));
        about(waited((12, ms(300)), ms(900)).await, ms(300));
        about(waited((5, ms(300)), ms(60)).await, ms(360));
        about(waited((5, ms(300)), ms(900)).await, ms(300) + READY_GRACE);
        about(waited((3, ms(300)), ms(400)).await, ms(700));
        about(waited((3, ms(300)), ms(9000)).await, READY_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn without_lanes_on_their_way_a_stream_begins_at_once() {
        let (awaited, open) = (
            watch::Sender::new(false),
            watch::Sender::new(Vec::<()>::new()),
        );
        let begun = Instant::now();
        settled(awaited.subscribe(), open.subscribe(), || 12).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
