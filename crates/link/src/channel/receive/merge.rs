//! The receiving side of several lanes: from units as they arrive to messages in an order that the
//! sender allows. Pure: no IO and no clock.

use std::collections::{BTreeSet, VecDeque};

use protocol::UnitHeader;
use thiserror::Error;

/// Units that may be announced beyond the first one that is missing.
const WINDOW: u64 = 65_536;
/// What a message costs besides its bytes, so that many small ones are bounded too.
const MESSAGE_OVERHEAD: usize = 256;

/// What arrives on a lane: the announcement of a unit, or one of its messages.
#[derive(Debug)]
pub(super) enum LaneEvent<M> {
    Unit(UnitHeader),
    Message { message: M, bytes: usize },
}

/// The peer's lanes do not fit together: it is broken or hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum LaneViolation {
    #[error("a message outside of a unit on lane {lane}")]
    NoUnit { lane: usize },
    #[error("unit {number} begins on lane {lane} while the one before lacks {missing} messages")]
    Unfinished {
        lane: usize,
        number: u64,
        missing: u32,
    },
    #[error("unit {number} comes twice")]
    Twice { number: u64 },
    #[error("lane {lane} goes back from unit {last} to unit {number}")]
    Backwards { lane: usize, number: u64, last: u64 },
    #[error("unit {number} is too far ahead of unit {next}")]
    TooFarAhead { number: u64, next: u64 },
    #[error("unit {number} is over {max} bytes, or in too many pieces")]
    TooLarge { number: u64, max: usize },
    #[error("all {lanes} lanes are full, and unit {next} is on none of them")]
    Missing { next: u64, lanes: usize },
}

struct PendingUnit<M> {
    unit: UnitHeader,
    /// Messages still to come.
    missing: u32,
    /// Bytes of all its messages, and what they cost with their overhead.
    bytes: usize,
    cost: usize,
    messages: VecDeque<(M, usize)>,
}

struct IncomingLane<M> {
    /// All but the last are whole.
    units: VecDeque<PendingUnit<M>>,
    /// Bytes of all that wait here.
    held: usize,
    /// Number of the last unit that was announced.
    last: Option<u64>,
}

/// Puts the units of all lanes of one direction in order.
///
/// A unit is given out once all units before its [`after`](UnitHeader::after) are. An ordered one is
/// given out message by message when its turn comes, others only when they are whole, so that a
/// unit whose lane waits for a retransmission holds up none that may pass it.
///
/// Memory: a lane that holds its share is [paused](Self::is_paused), and then its SCTP window
/// closes. Only the lane with the next unit is not. That one never holds units before it, so there
/// is always one that goes on.
pub(super) struct UnitMerger<M> {
    lanes: Vec<IncomingLane<M>>,
    /// The first unit that is not given out.
    next: u64,
    /// Units from `next` on that were announced.
    announced: BTreeSet<u64>,
    /// Units from `next` on that are given out.
    given: BTreeSet<u64>,
    /// The lane whose first unit is being given out.
    giving: Option<usize>,
    /// Bytes that all lanes may hold together, in equal shares.
    held_bytes: usize,
    max_unit_bytes: usize,
}

impl<M> UnitMerger<M> {
    /// `held_bytes`: what the lanes may hold before they are paused, each its share.
    pub(super) fn new(held_bytes: usize, max_unit_bytes: usize) -> Self {
        Self {
            lanes: Vec::new(),
            next: 0,
            announced: BTreeSet::new(),
            given: BTreeSet::new(),
            giving: None,
            held_bytes,
            max_unit_bytes,
        }
    }

    /// Adds a lane; lanes are numbered from 0.
    pub(super) fn add_lane(&mut self) {
        self.lanes.push(IncomingLane {
            units: VecDeque::new(),
            held: 0,
            last: None,
        });
    }

    /// Whether nothing more should be taken from the lane for now.
    pub(super) fn is_paused(&self, lane: usize) -> bool {
        let share = self.held_bytes / self.lanes.len();
        let lane = &self.lanes[lane];
        let first = lane.units.front().map(|first| first.unit.number);
        lane.held >= share && first != Some(self.next)
    }

    /// Whether all lanes are paused: no honest sender gets there.
    pub(super) fn check_progress(&self) -> Result<(), LaneViolation> {
        let lanes = self.lanes.len();
        match (0..lanes).all(|lane| self.is_paused(lane)) {
            true => Err(LaneViolation::Missing {
                next: self.next,
                lanes,
            }),
            false => Ok(()),
        }
    }

    /// Whether a unit was announced that is not given out.
    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.units.is_empty())
    }

    /// Whether the next arrival on the lane announces a unit.
    pub(super) fn expects_unit(&self, lane: usize) -> bool {
        let last = self.lanes[lane].units.back();
        last.is_none_or(|last| last.missing == 0)
    }

    pub(super) fn push(&mut self, lane: usize, arrival: LaneEvent<M>) -> Result<(), LaneViolation> {
        match arrival {
            LaneEvent::Unit(unit) => self.announce(lane, unit),
            LaneEvent::Message { message, bytes } => self.add(lane, message, bytes),
        }
    }

    fn announce(&mut self, index: usize, unit: UnitHeader) -> Result<(), LaneViolation> {
        let number = unit.number;
        let lane = &mut self.lanes[index];
        if let Some(unfinished) = lane.units.back().filter(|last| last.missing > 0) {
            return Err(LaneViolation::Unfinished {
                lane: index,
                number,
                missing: unfinished.missing,
            });
        }
        if let Some(last) = lane.last.filter(|last| number <= *last) {
            return Err(LaneViolation::Backwards {
                lane: index,
                number,
                last,
            });
        }
        if number.saturating_sub(self.next) >= WINDOW {
            let next = self.next;
            return Err(LaneViolation::TooFarAhead { number, next });
        }
        if number < self.next || !self.announced.insert(number) {
            return Err(LaneViolation::Twice { number });
        }
        lane.last = Some(number);
        lane.held += MESSAGE_OVERHEAD;
        lane.units.push_back(PendingUnit {
            unit,
            missing: unit.messages,
            bytes: 0,
            cost: 0,
            messages: VecDeque::new(),
        });
        Ok(())
    }

    fn add(&mut self, index: usize, message: M, bytes: usize) -> Result<(), LaneViolation> {
        let lane = &mut self.lanes[index];
        let last = lane.units.back_mut().filter(|last| last.missing > 0);
        let Some(last) = last else {
            return Err(LaneViolation::NoUnit { lane: index });
        };
        let cost = bytes.saturating_add(MESSAGE_OVERHEAD);
        last.bytes = last.bytes.saturating_add(bytes);
        last.cost = last.cost.saturating_add(cost);
        // Messages without bytes must not be without bound.
        if last.bytes > self.max_unit_bytes || last.cost / 2 > self.max_unit_bytes {
            return Err(LaneViolation::TooLarge {
                number: last.unit.number,
                max: self.max_unit_bytes,
            });
        }
        last.missing -= 1;
        last.messages.push_back((message, cost));
        lane.held += cost;
        Ok(())
    }

    /// The next message that may be given out.
    pub(super) fn pop(&mut self) -> Option<M> {
        loop {
            let index = match self.giving {
                Some(index) => index,
                None => self.choose()?,
            };
            self.giving = Some(index);
            let lane = &mut self.lanes[index];
            let first = lane.units.front_mut()?;
            if let Some((message, cost)) = first.messages.pop_front() {
                lane.held -= cost;
                return Some(message);
            }
            if first.missing > 0 {
                return None;
            }
            let number = first.unit.number;
            lane.units.pop_front();
            lane.held -= MESSAGE_OVERHEAD;
            self.giving = None;
            self.finish(number);
        }
    }

    /// The lane whose first unit is to be given out: the lowest that may be.
    fn choose(&self) -> Option<usize> {
        let may_go = |lane: &IncomingLane<M>| {
            let first = lane.units.front()?;
            let turn = first.unit.after <= self.next;
            let ready = first.missing == 0 || first.unit.is_ordered();
            (turn && ready).then_some(first.unit.number)
        };
        let candidates = self.lanes.iter().enumerate();
        candidates
            .filter_map(|(index, lane)| Some((may_go(lane)?, index)))
            .min()
            .map(|(_, index)| index)
    }

    fn finish(&mut self, number: u64) {
        self.given.insert(number);
        while self.given.remove(&self.next) {
            self.announced.remove(&self.next);
            self.next += 1;
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn held(&self) -> usize {
        self.lanes.iter().map(|lane| lane.held).sum()
    }
}
