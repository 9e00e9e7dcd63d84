//! Reading one or several lanes.

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::select_all;
use protocol::{DecodeError, Limits, Message, UnitHeader};
use tokio::sync::watch;
use tracing::debug;

use super::merge::{LaneEvent, LaneViolation, UnitMerger};
use super::sharded::ShardedMessages;
use crate::channel::lanes::{Lane, Lanes};
use crate::channel::shards::UnitSource;
use crate::channel::traffic::Traffic;
use crate::close::{CloseReason, CloseSignal};
use crate::connection::{Association, RawMessage};

/// What all lanes together may hold of units whose turn has not come, in bytes.
const MAX_HELD_BYTES: usize = 64 << 20;

/// The receiving ends of a channel's lanes.
pub(super) struct LaneReceiver {
    lanes: Arc<Lanes>,
    traffic: Arc<Traffic>,
    limits: Limits,
    sources: Vec<LaneSource>,
    arrivals: watch::Receiver<Vec<Arc<Lane>>>,
    merger: UnitMerger<RawMessage>,
    /// What comes in shards.
    shards: ShardedMessages,
    /// The first lane carries units.
    is_merged: bool,
    /// The lane that is asked first.
    turn: usize,
    /// When the last message came.
    heard: Instant,
}

struct LaneSource {
    association: Arc<Association>,
    /// None for the first.
    lane: Option<Arc<Lane>>,
    is_over: bool,
}

/// What reading came to.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, and nearly all are messages"
)]
pub(super) enum ReadEvent {
    Message(Result<Message, DecodeError>),
    /// Nothing to give out, but something changed.
    Nothing,
    /// No lane will give anything any more.
    Over,
}

impl LaneReceiver {
    pub(super) fn new(
        lanes: Arc<Lanes>,
        units: UnitSource,
        traffic: Arc<Traffic>,
        limits: Limits,
    ) -> Self {
        let max_unit = limits.max_text_bytes.saturating_mul(2);
        let max_frame = usize::try_from(limits.max_frame_bytes).unwrap_or(usize::MAX);
        let mut merger = UnitMerger::new(MAX_HELD_BYTES, max_frame.saturating_add(max_unit));
        merger.add_lane();
        Self {
            sources: vec![LaneSource {
                association: lanes.first().association().clone(),
                lane: None,
                is_over: false,
            }],
            arrivals: lanes.arrivals(),
            shards: ShardedMessages::new(units, limits.max_chunk_bytes),
            lanes,
            traffic,
            limits,
            merger,
            is_merged: false,
            turn: 0,
            heard: Instant::now(),
        }
    }

    /// Why and when the channel is over.
    pub(super) fn closed(&self) -> &CloseSignal {
        self.lanes.closed()
    }

    /// Nothing more will be read.
    pub(super) fn end(&self) {
        self.lanes.closed().close(CloseReason::Remote);
        self.lanes.first().association().note_end();
    }

    /// When the last message came over any lane; at first when reading began.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// When the first bytes arrived of the frame that is given out, where it came in shards.
    pub(super) fn frame_began(&self) -> Option<Instant> {
        self.shards.frame_began()
    }

    /// The next message or change. Cancelling loses no message.
    pub(super) async fn read(&mut self) -> ReadEvent {
        if let Some(message) = self.shards.pop() {
            return ReadEvent::Message(Ok(message));
        }
        if self.is_merged
            && let Some(raw) = self.merger.pop()
        {
            return self.give(raw);
        }
        // Before it announces them, the peer sends nothing over the other lanes.
        let read = if self.is_merged {
            self.sources.len()
        } else {
            1
        };
        let sources = &self.sources[..read];
        tokio::select! {
            biased;
            () = self.shards.arrive() => {
                self.heard = Instant::now();
                ReadEvent::Nothing
            }
            (lane, message) = next_message(sources, &self.merger, self.turn), if !self.shards.is_waiting() => {
                self.turn = lane + 1;
                match message {
                    Some(message) => self.take(lane, message),
                    None => self.take_end(lane),
                }
            }
            // The sender is held by the lanes.
            Ok(()) = self.arrivals.changed() => {
                self.add_arrivals();
                ReadEvent::Nothing
            }
        }
    }

    /// Takes the lanes that have come up.
    fn add_arrivals(&mut self) {
        let open = self.arrivals.borrow_and_update();
        // Lanes that end before anything goes over them are never among the sources.
        if !self.is_merged {
            return;
        }
        for lane in open.iter() {
            let known = self.sources.iter().filter_map(|known| known.lane.as_ref());
            if known.into_iter().any(|known| Arc::ptr_eq(known, lane)) {
                continue;
            }
            self.merger.add_lane();
            self.sources.push(LaneSource {
                association: lane.association().clone(),
                lane: Some(lane.clone()),
                is_over: false,
            });
        }
    }

    fn take_end(&mut self, lane: usize) -> ReadEvent {
        self.sources[lane].is_over = true;
        // Ordinary messages come on the first lane alone, and units with a gap never end.
        if self.sources.iter().all(|lane| lane.is_over) || !self.is_merged {
            return ReadEvent::Over;
        }
        match &self.sources[lane].lane {
            Some(lane) => self.lanes.ended(lane, CloseReason::Remote),
            None => self.lanes.closed().close(CloseReason::Remote),
        }
        ReadEvent::Nothing
    }

    fn take(&mut self, lane: usize, raw: RawMessage) -> ReadEvent {
        self.heard = Instant::now();
        if let Some(lane) = &self.sources[lane].lane {
            lane.mark_used();
        }
        if lane == 0 && !self.is_merged {
            return self.give(raw);
        }
        let event = match self.merger.expects_unit(lane) {
            true => match raw.decode(&self.limits) {
                Ok(Message::Unit(unit)) => {
                    self.follow_order(unit);
                    LaneEvent::Unit(unit)
                }
                other => {
                    debug!(?other, lane, "not a unit");
                    // No message may be here: the merger refuses it.
                    LaneEvent::Message {
                        message: RawMessage::default(),
                        bytes: 0,
                    }
                }
            },
            false => LaneEvent::Message {
                bytes: raw.data.len(),
                message: raw,
            },
        };
        if let Err(violation) = self.push(lane, event) {
            debug!(%violation, "closing the channel");
            self.lanes.closed().close(CloseReason::Violation);
            return ReadEvent::Over;
        }
        ReadEvent::Nothing
    }

    fn push(&mut self, lane: usize, event: LaneEvent<RawMessage>) -> Result<(), LaneViolation> {
        self.merger.push(lane, event)?;
        // A lane that is still to come may have the unit that is missing.
        match self.sources.len() >= self.lanes.expected() {
            true => self.merger.check_progress(),
            false => Ok(()),
        }
    }

    /// Answers may pass each other where the frames that they answer may.
    fn follow_order(&self, unit: UnitHeader) {
        let is_frame = unit.messages > 1;
        if is_frame {
            self.lanes.let_pass(!unit.is_ordered());
        }
    }

    /// A message for the reader of the channel, or for its lanes themselves.
    fn give(&mut self, raw: RawMessage) -> ReadEvent {
        self.traffic.received.add(raw.data.len());
        let message = raw.decode(&self.limits);
        self.shards.follow(&message);
        match message {
            Ok(Message::ShardReport(report)) => self.lanes.shards().reported(&report),
            Ok(Message::ShardsSent(units)) => self.shards.wait_for(units),
            Ok(Message::ShardsKept(time)) => self.lanes.shards().peer_keeps(time),
            Ok(Message::LaneOffer(offer)) => self.lanes.answer(offer),
            Ok(Message::LaneAnswer(answer)) => {
                let unclaimed = self.lanes.answered(answer);
                return unclaimed.map_or(ReadEvent::Nothing, |answer| {
                    ReadEvent::Message(Ok(Message::LaneAnswer(answer)))
                });
            }
            Ok(Message::Lanes(lanes)) if !self.is_merged => {
                if self.lanes.announced(lanes) {
                    debug!(lanes, "the peer sends over several lanes");
                    self.is_merged = true;
                    self.add_arrivals();
                } else {
                    debug!(lanes, "the peer announces lanes that it has not opened");
                }
            }
            other => return ReadEvent::Message(other),
        }
        ReadEvent::Nothing
    }
}

/// The next message or end of any lane that is not full; `turn` is asked first, so that none starves.
async fn next_message(
    lanes: &[LaneSource],
    merger: &UnitMerger<RawMessage>,
    turn: usize,
) -> (usize, Option<RawMessage>) {
    let readable = (0..lanes.len())
        .map(|offset| (turn + offset) % lanes.len())
        .filter(|lane| !lanes[*lane].is_over && !merger.is_paused(*lane));
    let polls = readable.map(|lane| {
        let message = lanes[lane].association.next();
        async move { (lane, message.await) }.boxed()
    });
    let polls: Vec<_> = polls.collect();
    if polls.is_empty() {
        // A lane that is still to come has the next unit, or one that ended had it.
        return std::future::pending().await;
    }
    select_all(polls).await.0
}
