//! The ledger of frames between source and result: which there are, when the next one may follow,
//! and what became of those that have no result. Pure: time is an argument; [`SharedInFlight`] puts
//! it under a lock.

mod frame;
mod shared;
mod wait;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use protocol::{Frame, FrameId, Scale, Timing};

use crate::send::flow::{FlowControl, GateState, Slot};
use crate::send::frame_list::FrameList;
use crate::send::latency::LatencySplitter;
use frame::{InFlightFrame, WaitState};

pub(crate) use frame::{ConnectionNumber, ReturnedFrame, TakenFrame};
pub(crate) use shared::SharedInFlight;
pub(crate) use wait::{GiveUp, WaitStart};

/// Frames without a result that are remembered at most. A worker that returns results is never that far
/// behind (flow control allows fewer); it bounds memory towards one that returns none.
const MAX_FRAMES: usize = 1024;

/// Images that are kept at most, for the same reason.
const MAX_PICTURES: u64 = 32;

/// All frames between source and result. A frame has a slot from its departure until its result is
/// here or it is given up; the slots that are taken decide when the next frame may leave.
#[derive(Debug)]
pub(crate) struct InFlight {
    flow: FlowControl,
    /// By their numbers, which count departures.
    frames: BTreeMap<u64, InFlightFrame>,
    numbers: HashMap<FrameId, u64>,
    /// Frames without a result that are no longer remembered.
    forgotten: FrameList,
    /// How many frames have departed.
    departed: u64,
    /// Number of the last of those that have their result.
    newest: u64,
    /// Number of the first frame of the batch that is open.
    open_batch: Option<u64>,
    splitter: LatencySplitter,
}

impl InFlight {
    pub(crate) fn new(flow: FlowControl) -> Self {
        Self {
            flow,
            frames: BTreeMap::new(),
            numbers: HashMap::new(),
            forgotten: FrameList::default(),
            departed: 0,
            newest: 0,
            open_batch: None,
            splitter: LatencySplitter::default(),
        }
    }

    /// Whether a frame may leave now.
    pub(crate) fn gate(&self, now: Instant) -> GateState {
        self.flow.gate(self.slots(), now)
    }

    /// The slots that are taken, in the order of departure.
    fn slots(&self) -> impl Iterator<Item = Slot> + Clone {
        self.frames.values().filter_map(InFlightFrame::slot)
    }

    /// How many slots are taken.
    pub(crate) fn slots_taken(&self) -> usize {
        self.slots().count()
    }

    /// The encoder takes a frame.
    pub(crate) fn depart(&mut self, id: FrameId, taken: TakenFrame) {
        self.flow.departed(taken.taken);
        let number = self.departed;
        self.departed += 1;
        if let Some(earlier) = self.numbers.insert(id, number) {
            self.frames.remove(&earlier);
        }
        self.frames.insert(number, InFlightFrame::new(id, taken));
        let old = number.checked_sub(MAX_PICTURES);
        if let Some(frame) = old.and_then(|old| self.frames.get_mut(&old)) {
            frame.drop_picture();
        }
        while self.frames.len() > MAX_FRAMES && self.forget_oldest() {}
    }

    /// Forgets the oldest frame, one without a slot if there is any. False where there is none.
    fn forget_oldest(&mut self) -> bool {
        let mut frames = self.frames.iter();
        let without_slot = frames.find(|(_, frame)| frame.wait != WaitState::InSlot);
        let oldest = without_slot.or_else(|| self.frames.iter().next());
        let Some(number) = oldest.map(|(number, _)| *number) else {
            return false;
        };
        if let Some(frame) = self.frames.remove(&number) {
            self.numbers.remove(&frame.id);
            if frame.encoded.is_some() {
                self.forgotten.push(frame.id);
            }
        }
        true
    }

    fn frame_mut(&mut self, id: FrameId) -> Option<&mut InFlightFrame> {
        self.frames.get_mut(self.numbers.get(&id)?)
    }

    /// A frame's bytes are ready for the link.
    pub(crate) fn encoded(&mut self, id: FrameId, scale: Option<Scale>, bytes: u64, now: Instant) {
        if let Some(frame) = self.frame_mut(id) {
            frame.encoded = Some(now);
            frame.scale = scale;
            frame.bytes = bytes;
        }
    }

    /// Keeps what is to be sent again if the connection is lost before the result is here.
    pub(crate) fn keep(&mut self, frame: Frame) {
        if let Some(kept) = self.frame_mut(frame.meta.frame_id) {
            kept.frame = Some(frame);
        }
    }

    /// Whether the frame is to be sent over this connection now: not if it was already, nor if it is
    /// forgotten.
    pub(crate) fn claim(&mut self, id: FrameId, connection: ConnectionNumber) -> bool {
        let claimed =
            |frame: &mut InFlightFrame| frame.sent_over.replace(connection) != Some(connection);
        self.frame_mut(id).is_some_and(claimed)
    }

    /// The first frame that was kept and not sent over this connection yet; claims it.
    pub(crate) fn resend(&mut self, connection: ConnectionNumber) -> Option<Frame> {
        self.frames.values_mut().find_map(|kept| {
            let frame = kept.frame.clone()?;
            kept.claim(connection).then_some(frame)
        })
    }

    /// The connection is another one. Frames leave again now where they are `resent`, and are given up
    /// otherwise; returns how many of those had been sent and not given up before.
    pub(crate) fn reconnected(&mut self, resent: bool, now: Instant) -> usize {
        self.flow.reconnected();
        if !resent {
            return self.forget();
        }
        for frame in self.frames.values_mut() {
            frame.departed = now;
            // What was with the link is not with the next one.
            frame.handed = None;
        }
        0
    }

    fn forget(&mut self) -> usize {
        let waiting = self.waiting();
        let given_up = self.remembered(|frame| frame.wait == WaitState::GivenUp);
        self.forgotten.extend(given_up);
        self.frames.clear();
        self.numbers.clear();
        waiting
    }

    /// The link has all of a frame's bytes.
    pub(crate) fn handed(&mut self, id: FrameId, at: Instant) {
        if let Some(frame) = self.frame_mut(id) {
            frame.handed = Some(at);
        }
    }

    /// A result came; `timing` where the worker measured its steps. `None` for a frame that is not in
    /// flight (never sent, or returned before).
    pub(crate) fn returned(
        &mut self,
        id: FrameId,
        timing: Option<&Timing>,
        now: Instant,
    ) -> Option<ReturnedFrame> {
        // A frame that is still with the encoder cannot have a result.
        let encoded = self.frame_mut(id)?.encoded?;
        let number = self.numbers.remove(&id)?;
        let frame = self.frames.remove(&number)?;
        self.newest = self.newest.max(number);
        if let Some(slot) = frame.slot() {
            self.flow.returned(slot.departed, timing, now);
        }
        Some(frame.into_returned(encoded, timing, &mut self.splitter, now))
    }

    /// These frames will not arrive: nothing is known of them any more. Returns those that were in flight.
    pub(crate) fn lost(&mut self, ids: &[FrameId]) -> Vec<FrameId> {
        let in_flight = |id: &&FrameId| {
            let number = self.numbers.remove(id);
            number.is_some_and(|number| self.frames.remove(&number).is_some())
        };
        ids.iter().filter(in_flight).copied().collect()
    }

    /// The worker's queues are full.
    pub(crate) fn pressed(&mut self) {
        self.flow.pressed(self.slots_taken());
    }

    /// The least time between two frames from now on.
    pub(crate) fn set_pause(&mut self, pause: Duration) {
        self.flow.set_pause(pause);
    }

    /// All frames that are remembered, in the order of departure.
    pub(crate) fn ids(&self) -> Vec<FrameId> {
        self.frames.values().map(|frame| frame.id).collect()
    }

    /// Frames that were sent and have no result.
    pub(crate) fn unanswered(&self) -> FrameList {
        let mut all = self.forgotten.clone();
        all.extend(self.remembered(|frame| frame.encoded.is_some()));
        all
    }

    /// Frames of a kind, in order of their ids.
    fn remembered(&self, is_one: impl Fn(&InFlightFrame) -> bool) -> Vec<FrameId> {
        let frames = self.frames.values().filter(|frame| is_one(frame));
        let mut ids: Vec<FrameId> = frames.map(|frame| frame.id).collect();
        ids.sort_unstable();
        ids
    }
}

#[cfg(test)]
mod flow_tests;
#[cfg(test)]
mod tests;
