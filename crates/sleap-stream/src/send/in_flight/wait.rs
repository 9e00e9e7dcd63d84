//! Frames that wait for their results, and those that have waited for too long.

use std::time::{Duration, Instant};

use protocol::FrameId;

use super::InFlight;
use super::frame::{InFlightFrame, WaitState};

/// Which frames that wait for too long make room for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// All: newer ones are worth more.
    All,
    /// Those that later ones have overtaken: the worker has left them out. A stream in which each
    /// frame counts waits for the others.
    Overtaken,
}

/// From when waits are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitStart {
    /// No wait is counted from before this.
    pub(crate) begun: Instant,
    /// When the link last delivered anything: a frame that it has not taken completely waits from then.
    pub(crate) moved: Instant,
}

/// Frames that wait for results, and those that wait for too long.
#[derive(Debug, Default)]
pub(crate) struct OverdueFrames {
    /// Since when the first of them waits.
    pub(crate) oldest: Option<Instant>,
    /// The link has taken all of that one.
    pub(crate) is_oldest_handed: bool,
    /// One of them has waited for too long.
    pub(crate) is_any: bool,
    /// Frames that continue to wait.
    pub(crate) waiting: usize,
    /// Frames that this check has given up.
    pub(crate) missed: usize,
    /// Frames that were forgotten without a result so far.
    pub(crate) forgotten: u64,
    /// Those of the frames given up that had a slot until now.
    pub(crate) given_up: Vec<FrameId>,
}

impl InFlightFrame {
    /// It was sent, and is not given up.
    fn waits(&self) -> bool {
        self.encoded.is_some() && self.wait != WaitState::GivenUp
    }

    fn waits_since(&self, start: WaitStart) -> Instant {
        let moves = start.moved.max(self.encoded.unwrap_or(start.moved));
        let since = self.handed.unwrap_or(moves).max(start.begun);
        self.batch_closed.map_or(since, |closed| since.max(closed))
    }
}

impl InFlight {
    /// The frame is the first of a batch, whose results come when all of its frames are at the worker.
    pub(crate) fn batch_opens(&mut self, id: FrameId) {
        self.open_batch = self.numbers.get(&id).copied();
    }

    /// Whether a batch is open.
    pub(crate) fn is_in_batch(&self) -> bool {
        self.open_batch.is_some()
    }

    /// The last frame of the batch has left: from now on all of them wait for their results.
    pub(crate) fn batch_closes(&mut self, now: Instant) {
        let Some(first) = self.open_batch.take() else {
            return;
        };
        for frame in self.frames.range_mut(first..).map(|(_, frame)| frame) {
            frame.batch_closed = Some(now);
        }
    }

    /// A result came that cannot be read: the frame needs no slot any more, and is not sent again.
    /// False where it had none.
    pub(crate) fn damaged(&mut self, id: FrameId) -> bool {
        let Some(frame) = self.frame_mut(id) else {
            return false;
        };
        let had_slot = frame.encoded.is_some() && frame.wait == WaitState::InSlot;
        if had_slot {
            frame.wait = WaitState::Damaged;
            frame.frame = None;
        }
        had_slot
    }

    /// Gives up frames that wait for longer than `limit`, those that `gives_up` selects and those whose
    /// result could not be read.
    pub(crate) fn overdue(
        &mut self,
        limit: Duration,
        start: WaitStart,
        gives_up: GiveUp,
        now: Instant,
    ) -> OverdueFrames {
        let mut found = OverdueFrames {
            forgotten: self.forgotten.count(),
            ..OverdueFrames::default()
        };
        let open = self.open_batch.unwrap_or(u64::MAX);
        let waiting = self.frames.range_mut(..open);
        for (number, frame) in waiting.filter(|(_, frame)| frame.waits()) {
            let since = frame.waits_since(start);
            if found.oldest.is_none() {
                found.oldest = Some(since);
                found.is_oldest_handed = frame.handed.is_some();
            }
            found.waiting += 1;
            if now.saturating_duration_since(since) <= limit {
                continue;
            }
            found.is_any = true;
            let had_slot = frame.wait == WaitState::InSlot;
            if gives_up == GiveUp::All || *number < self.newest || !had_slot {
                frame.wait = WaitState::GivenUp;
                frame.frame = None;
                found.waiting -= 1;
                found.missed += 1;
                found.given_up.extend(had_slot.then_some(frame.id));
            }
        }
        found
    }

    /// Frames that were sent, have no result and are not given up.
    pub(crate) fn waiting(&self) -> usize {
        self.frames.values().filter(|frame| frame.waits()).count()
    }
}
