//! Frames on their way and what became of them. Pure: time is an argument.

mod wait;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::{Frame, FrameId, Scale, Timing};
use vision::capture::FrameContent;

use crate::send::frame_list::FrameList;
use crate::send::latency::{FrameMoments, Latency, LatencySplitter};
use crate::send::line::Generation;
use wait::Wait;

pub(crate) use wait::{GiveUp, Start};

/// A frame that left the source.
#[derive(Debug)]
struct InFlightFrame {
    captured: Instant,
    /// The same moment, microseconds since 1970.
    captured_us: Option<u64>,
    taken: Instant,
    encoded: Option<Instant>,
    handed: Option<Instant>,
    /// From its pixels as sent to those of the source, where they differ.
    scale: Option<Scale>,
    /// The picture itself, where somebody wants to see poses on it.
    picture: Option<FrameContent>,
    /// Its index in the recording.
    recorded: Option<u64>,
    /// What was sent, where it is sent again over the next connection if this one is lost.
    frame: Option<Frame>,
    /// The connection over which it was sent last.
    sent_over: Option<Generation>,
    /// Counts departures.
    number: u64,
    /// When the last frame of its batch had left.
    batch_closed: Option<Instant>,
    wait: Wait,
}

impl InFlightFrame {
    /// Whether it is to be sent over this connection: never over one that is older than its last.
    fn claim(&mut self, connection: Generation) -> bool {
        let due = self.sent_over < Some(connection);
        if due {
            self.sent_over = Some(connection);
        }
        due
    }
}

/// A frame whose answer is here.
#[derive(Debug)]
pub(crate) struct ReturnedFrame {
    /// Where the time went, capture to pose in hand.
    pub(crate) latency: Latency,
    /// First byte given to the link to pose in hand.
    pub(crate) round_trip: Duration,
    /// All of it with the link to pose in hand.
    pub(crate) waited: Duration,
    /// When the encoder had taken it.
    pub(crate) taken: Instant,
    pub(crate) scale: Option<Scale>,
    pub(crate) picture: Option<FrameContent>,
    /// When the frame was captured, microseconds since 1970.
    pub(crate) captured_us: Option<u64>,
    /// Its index in the recording, where there is one that has it.
    pub(crate) recorded: Option<u64>,
}

/// Frames without an answer that are remembered at most. A worker that answers is never that far behind
/// (its window is smaller); it bounds memory towards one that answers nothing.
const REMEMBERED: usize = 1024;

/// Pictures that are kept at most, for the same reason.
const PICTURES: usize = 32;

/// All frames between source and answer, by id.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    frames: HashMap<FrameId, InFlightFrame>,
    /// Ids in order of departure; those answered meanwhile are skipped when their turn comes.
    order: VecDeque<FrameId>,
    /// Frames without an answer that are no longer remembered.
    forgotten: FrameList,
    /// How many frames have departed.
    departed: u64,
    /// Number of the last of those that are answered.
    newest: u64,
    /// Number of the first frame of the batch that is open.
    open_batch: Option<u64>,
    splitter: LatencySplitter,
}

/// The flight that the sending threads and the receiving loop share.
pub(crate) fn lock(flight: &Mutex<Flight>) -> MutexGuard<'_, Flight> {
    // Its methods do not panic half-way: a poisoned lock holds a whole state.
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flight {
    /// The encoder takes a frame.
    pub(crate) fn depart(
        &mut self,
        id: FrameId,
        captured: Instant,
        taken: Instant,
        picture: Option<FrameContent>,
    ) {
        let frame = InFlightFrame {
            captured,
            captured_us: None,
            taken,
            encoded: None,
            handed: None,
            scale: None,
            picture,
            recorded: None,
            frame: None,
            sent_over: None,
            number: self.departed,
            batch_closed: None,
            wait: Wait::InPlace,
        };
        self.departed += 1;
        self.frames.insert(id, frame);
        self.order.push_back(id);
        if let Some(old) = self.order.iter().rev().nth(PICTURES)
            && let Some(frame) = self.frames.get_mut(old)
        {
            frame.picture = None;
        }
        if self.order.len() > 2 * REMEMBERED {
            self.order.retain(|id| self.frames.contains_key(id));
        }
        while self.frames.len() > REMEMBERED && self.forget_oldest() {}
    }

    /// Forgets the oldest frame, one without a place if there is any. False where there is none.
    fn forget_oldest(&mut self) -> bool {
        let without_place = |id: &FrameId| {
            let frame = self.frames.get(id);
            frame.is_some_and(|frame| frame.wait != Wait::InPlace)
        };
        let index = self
            .order
            .iter()
            .position(without_place)
            .unwrap_or_default();
        let Some(id) = self.order.remove(index) else {
            return false;
        };
        let frame = self.frames.remove(&id);
        if frame.is_some_and(|frame| frame.encoded.is_some()) {
            self.forgotten.push(id);
        }
        true
    }

    /// What is known of a frame beside its way: when it was captured, microseconds since 1970, and
    /// its index in the recording.
    pub(crate) fn describe(
        &mut self,
        id: FrameId,
        captured_us: Option<u64>,
        recorded: Option<u64>,
    ) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.captured_us = captured_us;
            frame.recorded = recorded;
        }
    }

    /// A frame's bytes are ready for the link.
    pub(crate) fn encoded(&mut self, id: FrameId, scale: Option<Scale>, now: Instant) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.encoded = Some(now);
            frame.scale = scale;
        }
    }

    /// Keeps what is to be sent again if the connection is lost before the answer.
    pub(crate) fn keep(&mut self, frame: Frame) {
        if let Some(departed) = self.frames.get_mut(&frame.meta.frame_id) {
            departed.frame = Some(frame);
        }
    }

    /// Whether the frame is to be sent over this connection now: not if it was already, nor if
    /// nobody waits for it any more.
    pub(crate) fn claim(&mut self, id: FrameId, connection: Generation) -> bool {
        let claimed =
            |frame: &mut InFlightFrame| frame.sent_over.replace(connection) != Some(connection);
        self.frames.get_mut(&id).is_some_and(claimed)
    }

    /// The first frame that was kept and not sent over this connection yet; claims it.
    pub(crate) fn resend(&mut self, connection: Generation) -> Option<Frame> {
        let frames = &mut self.frames;
        self.order.iter().find_map(|id| {
            let departed = frames.get_mut(id)?;
            let frame = departed.frame.clone()?;
            departed.claim(connection).then_some(frame)
        })
    }

    /// What was with the link is not with the next one.
    pub(crate) fn reconnected(&mut self) {
        for frame in self.frames.values_mut() {
            frame.handed = None;
        }
    }

    /// Gives up all frames without an answer; says how many were sent. Those that had been given up
    /// before are not among them.
    pub(crate) fn forget(&mut self) -> usize {
        let waiting = self.waiting();
        let given_up = self.remembered(|frame| frame.wait == Wait::GivenUp);
        self.forgotten.extend(given_up);
        self.frames.clear();
        self.order.clear();
        waiting
    }

    /// The link has all of a frame's bytes.
    pub(crate) fn handed(&mut self, id: FrameId, at: Instant) {
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.handed = Some(at);
        }
    }

    /// An answer came; `None` for a frame that is not on its way (never sent, or answered before).
    pub(crate) fn arrive(
        &mut self,
        id: FrameId,
        timing: &Timing,
        now: Instant,
    ) -> Option<ReturnedFrame> {
        // A frame that is still with the encoder cannot have an answer.
        let encoded = self.frames.get(&id)?.encoded?;
        let frame = self.frames.remove(&id)?;
        self.newest = self.newest.max(frame.number);
        let moments = FrameMoments {
            captured: frame.captured,
            taken: frame.taken,
            encoded,
            handed: frame.handed,
            answered: now,
        };
        Some(ReturnedFrame {
            latency: self.splitter.split(&moments, timing),
            round_trip: now.saturating_duration_since(encoded),
            waited: now.saturating_duration_since(frame.handed.unwrap_or(encoded)),
            taken: frame.taken,
            scale: frame.scale,
            picture: frame.picture,
            captured_us: frame.captured_us,
            recorded: frame.recorded,
        })
    }

    /// Frames that were sent and have no answer.
    pub(crate) fn unanswered(&self) -> FrameList {
        let mut all = self.forgotten.clone();
        all.extend(self.remembered(|frame| frame.encoded.is_some()));
        all
    }

    /// Frames of a kind, in order of their numbers.
    fn remembered(&self, is_one: impl Fn(&InFlightFrame) -> bool) -> Vec<FrameId> {
        let ids = self.frames.iter().filter(|(_, frame)| is_one(frame));
        let mut ids: Vec<FrameId> = ids.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}

#[cfg(test)]
mod tests;
