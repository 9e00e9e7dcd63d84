//! Reading one or several lanes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::select_all;
use protocol::{DecodeError, Limits, Message, Unit};
use tokio::sync::watch;
use tracing::debug;
use webrtc::data_channel::{DataChannelEvent, RTCDataChannelMessage};

use super::merge::{Arrival, Merge, Violation};
use super::{Lane, Pipe};
use crate::channel::{CloseReason, Transport};

/// What all lanes together may hold of units whose turn has not come, in bytes.
const HELD_BYTES: usize = 64 << 20;

/// A message as it came: text or not, and its bytes.
type Raw = (bool, Bytes);

/// The receiving ends of a channel's lanes.
pub(crate) struct Inlet {
    transport: Arc<Transport>,
    limits: Limits,
    lanes: Vec<Source>,
    arrivals: watch::Receiver<Vec<Arc<Lane>>>,
    merge: Merge<Raw>,
    /// The first lane carries units.
    is_merged: bool,
    /// The lane that is asked first.
    turn: usize,
    /// When the last message came.
    heard: Instant,
}

struct Source {
    pipe: Pipe,
    /// None for the first.
    lane: Option<Arc<Lane>>,
    is_over: bool,
}

/// What reading came to.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, and nearly all are messages"
)]
pub(crate) enum Read {
    Message(Result<Message, DecodeError>),
    /// Nothing to give out, but something changed.
    Nothing,
    /// No lane will give anything any more.
    Over,
}

impl Inlet {
    pub(crate) fn new(transport: Arc<Transport>, limits: Limits) -> Self {
        let max_unit = limits.max_text_bytes.saturating_mul(2);
        let max_frame = usize::try_from(limits.max_frame_bytes).unwrap_or(usize::MAX);
        let mut merge = Merge::new(HELD_BYTES, max_frame.saturating_add(max_unit));
        merge.add_lane();
        Self {
            lanes: vec![Source {
                pipe: transport.pipe(),
                lane: None,
                is_over: false,
            }],
            arrivals: transport.lanes.arrivals(),
            transport,
            limits,
            merge,
            is_merged: false,
            turn: 0,
            heard: Instant::now(),
        }
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.transport
    }

    /// When the last message came over any lane; at first when reading began.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// The next message or change. Cancelling loses no message.
    pub(crate) async fn read(&mut self) -> Read {
        if self.is_merged
            && let Some(raw) = self.merge.pop()
        {
            return self.give(raw);
        }
        // Before the peer says so it sends nothing over the others.
        let read = if self.is_merged { self.lanes.len() } else { 1 };
        let read = &self.lanes[..read];
        tokio::select! {
            biased;
            (lane, event) = next_event(read, &self.merge, self.turn) => {
                self.turn = lane + 1;
                self.take(lane, event)
            }
            // The sender lives in the transport.
            Ok(()) = self.arrivals.changed() => {
                self.welcome();
                Read::Nothing
            }
        }
    }

    fn welcome(&mut self) {
        let open = self.arrivals.borrow_and_update();
        // Lanes that end before anything goes over them are never among the sources.
        if !self.is_merged {
            return;
        }
        for lane in open.iter() {
            let known = self.lanes.iter().filter_map(|known| known.lane.as_ref());
            if known.into_iter().any(|known| Arc::ptr_eq(known, lane)) {
                continue;
            }
            self.merge.add_lane();
            self.lanes.push(Source {
                pipe: lane.pipe.clone(),
                lane: Some(lane.clone()),
                is_over: false,
            });
        }
    }

    fn take(&mut self, lane: usize, event: Option<DataChannelEvent>) -> Read {
        match event {
            Some(DataChannelEvent::OnMessage(message)) => {
                self.heard = Instant::now();
                if let Some(lane) = &self.lanes[lane].lane {
                    lane.is_used.store(true, Ordering::Relaxed);
                }
                return self.message(lane, message);
            }
            Some(DataChannelEvent::OnBufferedAmountLow) => {
                self.lanes[lane].pipe.drained.notify_waiters();
            }
            Some(DataChannelEvent::OnClose) | None => {
                self.lanes[lane].is_over = true;
                // Ordinary messages come on the first lane alone, and units with a gap never end.
                if self.lanes.iter().all(|lane| lane.is_over) || !self.is_merged {
                    return Read::Over;
                }
                match &self.lanes[lane].lane {
                    Some(lane) => self.transport.lane_ended(lane, CloseReason::Remote),
                    None => self.transport.signals.close(CloseReason::Remote),
                }
            }
            Some(event) => debug!(?event, "data channel"),
        }
        Read::Nothing
    }

    fn message(&mut self, lane: usize, message: RTCDataChannelMessage) -> Read {
        let raw = (message.is_string, message.data.freeze());
        if lane == 0 && !self.is_merged {
            return self.give(raw);
        }
        let arrival = match self.merge.expects_unit(lane) {
            true => match decode(raw, &self.limits) {
                Ok(Message::Unit(unit)) => {
                    self.follow_order(unit);
                    Arrival::Unit(unit)
                }
                other => {
                    debug!(?other, lane, "not a unit");
                    // Whatever it is, it stands where none may stand.
                    Arrival::Message {
                        message: (false, Bytes::new()),
                        bytes: 0,
                    }
                }
            },
            false => Arrival::Message {
                bytes: raw.1.len(),
                message: raw,
            },
        };
        if let Err(violation) = self.push(lane, arrival) {
            self.transport.violated(&violation);
            return Read::Over;
        }
        Read::Nothing
    }

    fn push(&mut self, lane: usize, arrival: Arrival<Raw>) -> Result<(), Violation> {
        self.merge.push(lane, arrival)?;
        // A lane that is still to come may have the unit that is missing.
        match self.lanes.len() >= self.transport.lanes.expected() {
            true => self.merge.check_progress(),
            false => Ok(()),
        }
    }

    /// Answers may pass each other where the frames that they answer may.
    fn follow_order(&self, unit: Unit) {
        let is_frame = unit.messages > 1;
        if is_frame {
            let may_pass = &self.transport.lanes.may_pass;
            may_pass.store(!unit.is_ordered(), Ordering::Relaxed);
        }
    }

    /// A message for whoever reads the channel, or for its lanes themselves.
    fn give(&mut self, raw: Raw) -> Read {
        self.transport.received.add(raw.1.len());
        match decode(raw, &self.limits) {
            Ok(Message::LaneOffer(offer)) => self.transport.answer_lane(offer),
            Ok(Message::LaneAnswer(answer)) => {
                let unclaimed = self.transport.lanes.answered(answer);
                return unclaimed.map_or(Read::Nothing, |answer| {
                    Read::Message(Ok(Message::LaneAnswer(answer)))
                });
            }
            Ok(Message::Lanes(lanes)) if !self.is_merged => {
                if self.transport.lanes.announced(lanes) {
                    debug!(lanes, "the peer sends over several lanes");
                    self.is_merged = true;
                    self.welcome();
                } else {
                    debug!(lanes, "the peer announces lanes that it has not opened");
                }
            }
            other => return Read::Message(other),
        }
        Read::Nothing
    }
}

pub(crate) fn decode((is_text, data): Raw, limits: &Limits) -> Result<Message, DecodeError> {
    match is_text {
        // Invalid UTF-8 becomes a text that no message has.
        true => Message::from_text(&String::from_utf8_lossy(&data), limits),
        false => Message::from_binary(data, limits),
    }
}

/// The next event of any lane that is not full; `turn` is asked first, so that none starves.
async fn next_event(
    lanes: &[Source],
    merge: &Merge<Raw>,
    turn: usize,
) -> (usize, Option<DataChannelEvent>) {
    let readable = (0..lanes.len())
        .map(|offset| (turn + offset) % lanes.len())
        .filter(|lane| !lanes[*lane].is_over && !merge.is_paused(*lane));
    let polls = readable.map(|lane| {
        let event = lanes[lane].pipe.data.poll();
        async move { (lane, event.await) }.boxed()
    });
    let polls: Vec<_> = polls.collect();
    if polls.is_empty() {
        // A lane that is still to come has the next unit, or one that ended had it.
        return std::future::pending().await;
    }
    select_all(polls).await.0
}
