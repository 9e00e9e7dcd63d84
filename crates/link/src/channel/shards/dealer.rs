//! The sending side: units in shards, each shard over the lane where the fewest bytes wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::select_all;
use protocol::Payload;
use protocol::coded::{CodedUnit, SHARD_MESSAGE_BYTES, ShardEncoder};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::dealt_lane::DealtLane;
use super::demand::LaneDemand;
use super::kept::KeptUnits;
use super::ledger::SentUnit;
use super::set::ShardLanes;
use super::wide::{CleanLink, GROWTH_MESSAGE_BYTES, LaneWindow, first_with_room};
use super::{LANE_BYTES, LAST_UNIT_PAUSE, MIN_LANES};
use crate::connection::Connection;

/// SCTP's headers in a packet with one message.
const SCTP_HEADER_BYTES: usize = 28;

/// How long a unit waits for room before the channel takes it, and how long all of it may take before the rest
/// is given up.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const UNIT_WAIT: Duration = Duration::from_secs(2);

/// Where more than this share is lost, a queue on the way is full, mostly of another connection's packets: of shards
/// that come all at once it drops many of one unit, of those that come a few at a time as they leave it few.
const QUEUE_LOSS: f64 = 0.08;
const SHARDS_AT_ONCE: usize = 4;
const BETWEEN_SHARDS: Duration = Duration::from_millis(2);

/// Where more than this share is lost, an answer of one packet goes once more, so much later: two in a row share a bad
/// moment of the network often, and asking for it again takes a round trip and more.
const LOSSY: f64 = 0.003;
const ONCE_MORE_AFTER: Duration = Duration::from_millis(25);

/// Deals the units of one direction.
pub(crate) struct ShardDealer {
    shards: Arc<ShardLanes>,
    encoder: ShardEncoder,
    lanes: Vec<DealtLane>,
    /// When the last unit was sent of which the receiver does not know that no other follows.
    last_unit: Option<Instant>,
    has_begun: bool,
    demand: LaneDemand,
    /// What the receiver may ask for again.
    kept: KeptUnits,
    clean: CleanLink,
    /// The last units that windows hold went in wide shards.
    is_wide: bool,
}

impl ShardDealer {
    /// `mtu`: bytes of a packet of SCTP.
    pub(crate) fn new(shards: Arc<ShardLanes>, mtu: u32) -> Self {
        let packet = usize::try_from(mtu).unwrap_or(SHARD_MESSAGE_BYTES);
        Self {
            shards,
            encoder: ShardEncoder::new(packet.saturating_sub(SCTP_HEADER_BYTES)),
            lanes: Vec::new(),
            last_unit: None,
            has_begun: false,
            demand: LaneDemand::default(),
            kept: KeptUnits::default(),
            clean: CleanLink::default(),
            is_wide: false,
        }
    }

    /// When the receiver is to be told how many units there were.
    pub(crate) fn pause_at(&self) -> Option<Instant> {
        Some(self.last_unit? + LAST_UNIT_PAUSE)
    }

    /// The number of the next unit, where the receiver does not know it.
    pub(crate) fn take_count(&mut self) -> Option<u32> {
        self.last_unit.take()?;
        Some(self.encoder.next_unit())
    }

    /// Sends a unit. `false`: the channel has to take it. Not all of its shards need arrive, nor leave.
    pub(crate) async fn send(&mut self, unit: &CodedUnit, what: SentUnit) -> bool {
        self.refresh();
        if self.lanes.len() < MIN_LANES {
            return false;
        }
        self.note_demand();
        let data_shards = self.encoder.data_shards(unit);
        let parity = self.shards.parity(data_shards);
        let keeps = self.shards.keeps();
        let is_clean = self.clean.unit(parity == 0 && !keeps, Instant::now());
        if !is_clean {
            self.is_wide = false;
            let lanes = self.lanes.iter_mut();
            lanes.for_each(|lane| lane.window = LaneWindow::default());
        } else if let Some((messages, lanes)) = self.wide(unit).await {
            self.send_wide(messages, lanes, data_shards, what).await;
            return true;
        }
        let first_wait = match keeps {
            // The channel would mix up the order.
            true => UNIT_WAIT,
            false => FIRST_WAIT,
        };
        if self.choose().is_none() && !self.room(first_wait).await {
            return false;
        }
        // An answer of one packet costs little: the second one saves the time in which a loss is noticed.
        let is_small = data_shards == 1 && matches!(what, SentUnit::Answer(_));
        let parity = parity.max(u8::from(is_small && !is_clean));
        let parity = self.demand.parity(data_shards, parity);
        let number = self.encoder.next_unit();
        let Ok(messages) = self.encoder.encode(unit, parity) else {
            return false;
        };
        if keeps {
            let shards = messages.len();
            self.kept
                .push(number, unit.clone(), parity, shards, Instant::now());
        }
        self.deal_all(messages, data_shards, is_small, what).await;
        true
    }

    /// Sends the shards of a unit, `data_shards` of them and then those of parity.
    async fn deal_all(
        &mut self,
        messages: Vec<Bytes>,
        data_shards: usize,
        is_small: bool,
        what: SentUnit,
    ) {
        let is_again = is_small && self.shards.loss() > LOSSY;
        let once_more = messages.last().filter(|_| is_again).cloned();
        let until = self.begin_unit(what) + UNIT_WAIT;
        self.deal_each(messages, data_shards, until).await;
        if let Some(message) = once_more {
            self.send_later(message);
        }
    }

    /// Deals shards, of which those after the first `data_shards` count as parity: a few at a time where a queue on the
    /// way is full. `false`: no lane had room in time for all of them.
    async fn deal_each(
        &mut self,
        messages: Vec<Bytes>,
        data_shards: usize,
        until: Instant,
    ) -> bool {
        let is_paced = self.shards.loss() > QUEUE_LOSS;
        for (index, message) in messages.into_iter().enumerate() {
            let bytes = message.len();
            if !self.deal(message, until).await {
                debug!("no lane has room; the rest of a unit is given up");
                return false;
            }
            self.shards.count_sent(bytes, index >= data_shards);
            if is_paced && index % SHARDS_AT_ONCE == SHARDS_AT_ONCE - 1 {
                sleep(BETWEEN_SHARDS).await;
            }
        }
        true
    }

    /// A unit leaves now.
    fn begin_unit(&mut self, what: SentUnit) -> Instant {
        if !std::mem::replace(&mut self.has_begun, true) {
            let lanes = self.lanes.len();
            info!(
                lanes,
                "sending live frames and answers over lanes that wait for nothing that is lost"
            );
        }
        self.shards.sends(what);
        let now = Instant::now();
        self.last_unit = Some(now);
        now
    }

    /// The unit's wide shards, and a lane for each. `None`: windows do not hold them, and one more begins to grow.
    async fn wide(&mut self, unit: &CodedUnit) -> Option<(Vec<Bytes>, Vec<Arc<Connection>>)> {
        let (shards, bytes) = self.encoder.wide_form(unit);
        let lanes = self
            .lanes
            .iter()
            .map(|lane| (lane.window, lane.outstanding));
        let Some(chosen) = first_with_room(lanes, shards, bytes) else {
            self.grow_a_window(bytes).await;
            return None;
        };
        let messages = self.encoder.encode_wide(unit).ok()?;
        let now = Instant::now();
        let lanes = chosen.into_iter().map(|at| {
            let lane = &mut self.lanes[at];
            lane.took(bytes, now);
            lane.lane.clone()
        });
        Some((messages, lanes.collect()))
    }

    /// Sends wide shards of a unit that would have had `data_shards`.
    async fn send_wide(
        &mut self,
        messages: Vec<Bytes>,
        lanes: Vec<Arc<Connection>>,
        data_shards: usize,
        what: SentUnit,
    ) {
        if messages.len() < data_shards && !std::mem::replace(&mut self.is_wide, true) {
            debug!("nothing is lost: units go in few large shards");
        }
        let until = self.begin_unit(what) + UNIT_WAIT;
        for (message, lane) in messages.into_iter().zip(lanes) {
            let bytes = message.len();
            let payload = Payload::Binary(message.clone());
            if lane.association().send(&payload).await.is_err() && !self.deal(message, until).await
            {
                debug!("no lane has room; the rest of a unit is given up");
                return;
            }
            self.shards.count_sent(bytes, false);
        }
    }

    /// Lets the window of one lane grow until it holds messages of `bytes`.
    async fn grow_a_window(&mut self, bytes: usize) {
        if self.lanes.iter().any(|lane| lane.window.is_growing()) {
            return;
        }
        let can_grow =
            |lane: &&mut DealtLane| lane.window.is_too_small(bytes) && lane.outstanding == 0;
        let Some(lane) = self.lanes.iter_mut().find(can_grow) else {
            return;
        };
        let now = Instant::now();
        if !self.clean.grows(now) {
            return;
        }
        let mut more = lane.window.grow(bytes);
        lane.took(more, now);
        debug!(more, bytes, "a lane's window grows for large shards");
        while more > 0 {
            let piece = more.min(GROWTH_MESSAGE_BYTES);
            // No shard: the receiver leaves it.
            let nothing = Payload::Binary(Bytes::from(vec![0; piece]));
            if lane.lane.association().send(&nothing).await.is_err() {
                return;
            }
            self.shards.count_sent(piece, true);
            more -= piece;
        }
    }

    /// Sends shards that the receiver asks for.
    pub(crate) async fn send_late(&mut self) {
        let (late, first) = self.shards.take_late();
        self.kept.close_before(first);
        self.refresh();
        let (loss, until) = (self.shards.loss(), Instant::now() + UNIT_WAIT);
        for [unit, lacking] in late {
            let messages = self.kept.late(unit, lacking, loss, &self.encoder);
            debug!(
                unit,
                lacking,
                shards = messages.len(),
                "sending late shards"
            );
            if !self.deal_each(messages, 0, until).await {
                return;
            }
        }
    }

    /// Sends a shard that was sent before once more, a little later, unless its lane is full then.
    fn send_later(&self, message: Bytes) {
        let Some(lane) = self.choose().map(|lane| self.lanes[lane].lane.clone()) else {
            return;
        };
        let shards = self.shards.clone();
        tokio::spawn(async move {
            sleep(ONCE_MORE_AFTER).await;
            let association = lane.association();
            let bytes = message.len();
            let has_room = |outstanding| outstanding + bytes < LANE_BYTES;
            if association.outstanding_bytes().is_some_and(has_room)
                && association.send(&Payload::Binary(message)).await.is_ok()
            {
                shards.count_sent(bytes, true);
            }
        });
    }

    /// Asks for more lanes where those that are open are full.
    fn note_demand(&mut self) {
        let outstanding = self.lanes.iter().map(|lane| lane.outstanding).sum();
        let (lanes, loss) = (self.lanes.len(), self.shards.loss());
        if self.demand.unit(outstanding, lanes, loss, Instant::now()) {
            self.shards.ask_for_more();
        }
    }

    /// Takes over the lanes that are open now, and what waits in them.
    fn refresh(&mut self) {
        let (open, now) = (self.shards.open(), Instant::now());
        let is_open = |lane: &Arc<Connection>| open.iter().any(|it| Arc::ptr_eq(it, lane));
        self.lanes.retain(|known| is_open(&known.lane));
        for lane in open {
            if !self.lanes.iter().any(|it| Arc::ptr_eq(&it.lane, &lane)) {
                self.lanes.push(DealtLane::new(lane, now));
            }
        }
        self.lanes.iter_mut().for_each(|lane| lane.refresh(now));
    }

    /// Gives one shard to the lane with the fewest bytes before it. `false`: none has room in time.
    async fn deal(&mut self, message: Bytes, until: Instant) -> bool {
        let message = Payload::Binary(message);
        loop {
            let Some(lane) = self.choose() else {
                let left = until.saturating_duration_since(Instant::now());
                if !self.room(left).await {
                    return false;
                }
                continue;
            };
            let dealt = &mut self.lanes[lane];
            // It has room, so that this does not wait.
            let sent = dealt.lane.association().send(&message).await;
            if sent.is_ok() {
                dealt.took(message.len(), Instant::now());
                return true;
            }
            self.lanes.swap_remove(lane);
        }
    }

    /// The lane that takes the next shard: one that moves, where there is any with room.
    fn choose(&self) -> Option<usize> {
        let now = Instant::now();
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| lane.room() > 0)
            .min_by_key(|(_, lane)| (lane.is_stalled(now), lane.outstanding))
            .map(|(at, _)| at)
    }

    /// Waits until a lane has room again. `false`: none had within that time.
    async fn room(&mut self, time: Duration) -> bool {
        let waits = self.lanes.iter().map(|lane| {
            let association = lane.lane.association();
            async move { association.has_room().await }.boxed()
        });
        let waits: Vec<_> = waits.collect();
        if waits.is_empty() {
            return false;
        }
        let Ok((_, freed, _)) = timeout(time, select_all(waits)).await else {
            return false;
        };
        let freed = &mut self.lanes[freed];
        freed.outstanding = freed.outstanding.min(LANE_BYTES - 1);
        self.refresh();
        !self.lanes.is_empty()
    }
}
