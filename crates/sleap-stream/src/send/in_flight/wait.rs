//! Frames that wait for their answers, and those that have waited for too long.

use std::time::{Duration, Instant};

use protocol::FrameId;

use super::{Flight, InFlightFrame};

/// What a frame's wait for its answer has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// It takes one of the places that limit how many frames are under way.
    InPlace,
    /// An answer came that cannot be read. Its place is free.
    Damaged,
    /// It has waited for too long. Its place is free; a late answer is still taken.
    GivenUp,
}

/// Which frames that wait for too long make room for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// All: newer ones are worth more.
    All,
    /// Those that later ones have overtaken: the worker has passed them over. A stream in which each
    /// frame counts waits for the others.
    Overtaken,
}

/// From when waits are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// No wait is counted from before this.
    pub(crate) begun: Instant,
    /// When the link last delivered anything: a frame that it has not taken whole waits from then.
    pub(crate) moved: Instant,
}

/// Frames that wait for answers, and those that wait for too long.
#[derive(Debug, Default)]
pub(crate) struct Overdue {
    /// Since when the first of them waits.
    pub(crate) oldest: Option<Instant>,
    /// The link has taken all of that one.
    pub(crate) is_oldest_handed: bool,
    /// One of them has waited for too long.
    pub(crate) is_any: bool,
    /// Frames that wait on.
    pub(crate) waiting: usize,
    /// Frames that this look has given up.
    pub(crate) missed: usize,
    /// Frames that were forgotten unanswered so far.
    pub(crate) forgotten: u64,
    /// Those of the frames given up that had a place until now.
    pub(crate) given_up: Vec<FrameId>,
}

impl InFlightFrame {
    /// It was sent, and is not given up.
    fn waits(&self) -> bool {
        self.encoded.is_some() && self.wait != Wait::GivenUp
    }

    fn waits_since(&self, start: Start) -> Instant {
        let moves = start.moved.max(self.encoded.unwrap_or(start.moved));
        let since = self.handed.unwrap_or(moves).max(start.begun);
        self.batch_closed.map_or(since, |closed| since.max(closed))
    }
}

impl Flight {
    /// The frame is the first of a batch, whose frames are answered when all of them are there.
    pub(crate) fn batch_opens(&mut self, id: FrameId) {
        self.open_batch = self.frames.get(&id).map(|frame| frame.number);
    }

    /// The last frame of the batch has left: from now on all of them wait for their answers.
    pub(crate) fn batch_closes(&mut self, now: Instant) {
        let Some(first) = self.open_batch.take() else {
            return;
        };
        for frame in self.frames.values_mut() {
            if frame.number >= first {
                frame.batch_closed = Some(now);
            }
        }
    }

    /// An answer came that cannot be read: the frame needs no place any more, and is not sent again.
    /// False where it had none.
    pub(crate) fn damaged(&mut self, id: FrameId) -> bool {
        let Some(frame) = self.frames.get_mut(&id) else {
            return false;
        };
        let had_place = frame.encoded.is_some() && frame.wait == Wait::InPlace;
        if had_place {
            frame.wait = Wait::Damaged;
            frame.frame = None;
        }
        had_place
    }

    /// Gives up frames that wait for longer than `limit`, those that `gives_up` says and those whose
    /// answer could not be read.
    pub(crate) fn overdue(
        &mut self,
        limit: Duration,
        start: Start,
        gives_up: GiveUp,
        now: Instant,
    ) -> Overdue {
        let mut found = Overdue {
            forgotten: self.forgotten.count(),
            ..Overdue::default()
        };
        let open = self.open_batch.unwrap_or(u64::MAX);
        for id in &self.order {
            let waits = |frame: &&mut InFlightFrame| frame.waits() && frame.number < open;
            let Some(frame) = self.frames.get_mut(id).filter(waits) else {
                continue;
            };
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
            let had_place = frame.wait == Wait::InPlace;
            if gives_up == GiveUp::All || frame.number < self.newest || !had_place {
                frame.wait = Wait::GivenUp;
                frame.frame = None;
                found.waiting -= 1;
                found.missed += 1;
                found.given_up.extend(had_place.then_some(*id));
            }
        }
        found
    }

    /// Frames that were sent, have no answer and are not given up.
    pub(crate) fn waiting(&self) -> usize {
        let waits = |frame: &&InFlightFrame| frame.waits();
        self.frames.values().filter(waits).count()
    }
}
