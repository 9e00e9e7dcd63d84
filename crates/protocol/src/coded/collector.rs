//! From shards back to units.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::late::LateUnits;
use super::loss::{LossReason, LostUnits};
use super::parity::ShardCounts;
use super::received::{Push, ReceivedUnit};
use super::shard::Shard;
use super::unit::CodedUnit;

/// The number of the first unit, in 64 bits: lower ones are late.
const FIRST: u64 = 1 << 32;

/// A unit so far ahead of the newest one is none of this sender's.
const MAX_AHEAD: u64 = 65_536;

/// What a receiver keeps of units that are not whole yet, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorLimits {
    /// Units under way, and closed ones whose shards are still counted. Default 256, at least 1.
    pub max_units: usize,
    /// Bytes of shards that are kept, and 128 for each of them. Default 32 MiB.
    pub max_bytes: usize,
    /// A unit that is not whole so long after a newer one is given up: shards of one unit do not
    /// arrive in order. Default 30 ms.
    pub patience: Duration,
    /// Shards of a closed unit that come within this time count as arrived. Default 200 ms.
    pub counted_for: Duration,
}

impl Default for CollectorLimits {
    fn default() -> Self {
        Self {
            max_units: 256,
            max_bytes: 32 << 20,
            patience: Duration::from_millis(30),
            counted_for: Duration::from_millis(200),
        }
    }
}

/// What one shard brought about.
#[derive(Debug, Default, PartialEq)]
pub struct Collected {
    /// A unit is whole: its number, and what is in it. It may be older than others before it.
    pub unit: Option<(u32, CodedUnit)>,
    /// When the first shard of that unit arrived.
    pub began: Option<Instant>,
    /// Units that are given up.
    pub lost: Vec<LostUnits>,
    /// The shard was of no use: it came late or twice, or belongs to no unit.
    pub is_ignored: bool,
}

/// Puts units together from the shards of all lanes of one direction, in whatever order they arrive.
///
/// A unit is delivered at most once, and only with the content that was sent. The newest come first:
/// nothing waits for an older unit, which is given up, and reported once, when its time is over.
pub struct ShardCollector {
    limits: CollectorLimits,
    units: BTreeMap<u64, ReceivedUnit>,
    /// All units below are delivered or lost.
    floor: u64,
    newest: u64,
    held_bytes: usize,
    counts: ShardCounts,
    late: LateUnits,
}

impl ShardCollector {
    /// The first unit has the number 0.
    pub fn new(limits: CollectorLimits) -> Self {
        Self {
            limits,
            units: BTreeMap::new(),
            floor: FIRST,
            newest: FIRST,
            held_bytes: 0,
            counts: ShardCounts::default(),
            late: LateUnits::default(),
        }
    }

    /// From now on a unit is given up so much later, and what is [missing](Self::missing) of it can be asked for until
    /// then. Zero: as at first.
    pub fn wait_for_late(&mut self, time: Duration) {
        self.late.time = time;
    }

    /// All units before this one were sent, as the sender tells.
    pub fn sent_before(&mut self, unit: u32, now: Instant) {
        let number = self.number_of(unit);
        // Later than what was told before.
        if let Some(number) =
            number.filter(|number| self.late.sent.is_none_or(|(sent, _)| sent < *number))
        {
            self.late.sent = Some((number, now));
        }
    }

    /// The oldest units that shards are to be asked for now, of those that newer ones were whole before: each one's
    /// number, and how many of one block are missing at most; 0: nothing of it has arrived. A unit is named again some
    /// time later.
    pub fn missing(&mut self, now: Instant) -> Vec<[u32; 2]> {
        self.late
            .due(&self.units, self.floor, self.limits.patience, now)
    }

    /// When there is something [missing](Self::missing), if no shard comes before.
    pub fn missing_at(&self) -> Option<Instant> {
        self.late
            .due_at(&self.units, self.floor, self.limits.patience)
    }

    /// Takes a shard that arrived at `now`.
    pub fn push(&mut self, shard: Shard, now: Instant) -> Collected {
        let mut collected = Collected {
            lost: self.expire(now),
            ..Collected::default()
        };
        collected.is_ignored = !self.take(shard, now, &mut collected);
        self.make_room(now, &mut collected.lost);
        collected
    }

    /// Gives up the units whose time is over at `now`.
    pub fn expire(&mut self, now: Instant) -> Vec<LostUnits> {
        let mut lost = Vec::new();
        let whole = self.units.range(self.floor..).rev().find(|(_, unit)| {
            let whole_at = unit.whole_at();
            whole_at.is_some_and(|at| now.saturating_duration_since(at) >= self.patience())
        });
        if let Some((&number, _)) = whole {
            self.raise_floor(number, now, &mut lost);
        }
        let counted_for = self.limits.counted_for;
        let floor = self.floor;
        let settled = self.units.extract_if(..floor, |_, unit| {
            let closed_at = unit.closed_at();
            closed_at.is_some_and(|at| now.saturating_duration_since(at) >= counted_for)
        });
        for (_, unit) in settled {
            self.counts.add(unit.blocks(), unit.arrived());
        }
        lost
    }

    /// When [`expire`](Self::expire) has something to do, if no shard comes before.
    pub fn deadline(&self) -> Option<Instant> {
        let patience = self.patience();
        let open = self.units.range(self.floor..);
        let given_up = open.filter_map(|(_, unit)| Some(unit.whole_at()? + patience));
        let closed = self.units.range(..self.floor);
        let settled =
            closed.filter_map(|(_, unit)| Some(unit.closed_at()? + self.limits.counted_for));
        given_up.chain(settled).min()
    }

    /// The stream is over: gives up everything that is not whole.
    pub fn finish(&mut self, now: Instant) -> Vec<LostUnits> {
        let mut lost = Vec::new();
        if let Some((&last, _)) = self.units.last_key_value() {
            self.raise_floor(last.max(self.floor), now, &mut lost);
        }
        lost
    }

    /// All units before this one have arrived or are lost.
    pub fn closed(&self) -> u32 {
        self.floor as u32
    }

    /// Whether all units before `unit` have arrived or are lost. One that is too far ahead is not
    /// waited for.
    pub fn has_closed(&self, unit: u32) -> bool {
        self.number_of(unit)
            .is_none_or(|number| number <= self.floor)
    }

    /// No unit before `unit` is waited for any more: those that are not whole are given up.
    pub fn close_before(&mut self, unit: u32, now: Instant) -> Vec<LostUnits> {
        let mut lost = Vec::new();
        let Some(number) = self.number_of(unit).filter(|number| *number > self.floor) else {
            return lost;
        };
        self.raise_floor(number - 1, now, &mut lost);
        if self.floor < number {
            // Fewer than are taken ahead.
            let count = (number - self.floor) as u32;
            lost.push(LostUnits::new(self.floor, count, LossReason::Missing));
            self.floor = number;
            self.newest = self.newest.max(number);
            self.pass_closed();
        }
        lost
    }

    /// The shards of units that were closed since the last call.
    pub fn take_counts(&mut self) -> ShardCounts {
        std::mem::take(&mut self.counts)
    }

    /// Bytes that are kept of units that are not whole.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Units that are kept, closed ones included.
    pub fn held_units(&self) -> usize {
        self.units.len()
    }

    /// How long after a newer unit is whole one that is not is given up.
    fn patience(&self) -> Duration {
        self.limits.patience + self.late.time
    }

    /// `false`: the shard is of no use.
    fn take(&mut self, shard: Shard, now: Instant, collected: &mut Collected) -> bool {
        let unit = shard.header.unit;
        let Some(number) = self.number_of(unit) else {
            return false;
        };
        let Some(mut received) = self.units.remove(&number).or_else(|| {
            let is_new = number >= self.floor;
            is_new.then(|| ReceivedUnit::of(&shard, now)).flatten()
        }) else {
            return false;
        };
        self.newest = self.newest.max(number);
        self.held_bytes -= received.held_bytes();
        let was_receiving = received.is_receiving();
        let push = received.push(shard);
        if matches!(push, Push::Completes) {
            match received.complete(now) {
                Ok(content) => {
                    collected.unit = Some((unit, content));
                    collected.began = Some(received.began());
                }
                Err(reason) => collected.lost.push(LostUnits::new(number, 1, reason)),
            }
        }
        self.held_bytes += received.held_bytes();
        self.units.insert(number, received);
        self.pass_closed();
        was_receiving && matches!(push, Push::Taken | Push::Completes)
    }

    /// The number in 64 bits: the one nearest to the newest. `None`: it is too far ahead.
    fn number_of(&self, unit: u32) -> Option<u64> {
        let ahead = unit.wrapping_sub(self.newest as u32) as i32;
        let number = self.newest.checked_add_signed(i64::from(ahead))?;
        (number < self.newest.saturating_add(MAX_AHEAD)).then_some(number)
    }

    /// Goes past the units that are closed, as long as none is missing.
    fn pass_closed(&mut self) {
        while let Some(unit) = self.units.get(&self.floor)
            && !unit.is_receiving()
        {
            self.floor += 1;
        }
    }

    /// Closes all units up to `number`, and loses those that are not whole.
    fn raise_floor(&mut self, number: u64, now: Instant, lost: &mut Vec<LostUnits>) {
        let mut next = self.floor;
        for (&unit, received) in self.units.range_mut(self.floor..=number) {
            if unit > next {
                let count = (unit - next) as u32;
                let reason = LossReason::Missing;
                lost.push(LostUnits::new(next, count, reason));
                self.counts.add_missing(received.blocks(), count);
            }
            if received.is_receiving() {
                self.held_bytes -= received.held_bytes();
                lost.push(LostUnits::new(unit, 1, received.give_up(now)));
            }
            next = unit + 1;
        }
        self.floor = next;
        self.pass_closed();
    }

    /// Keeps to the bounds, at the expense of the oldest units.
    fn make_room(&mut self, now: Instant, lost: &mut Vec<LostUnits>) {
        while self.held_bytes > self.limits.max_bytes {
            let mut units = self.units.iter_mut();
            let Some((&number, unit)) = units.find(|(_, unit)| unit.is_receiving()) else {
                break;
            };
            self.held_bytes -= unit.held_bytes();
            unit.give_up(now);
            lost.push(LostUnits::new(number, 1, LossReason::NoRoom));
            self.pass_closed();
        }
        while self.units.len() > self.limits.max_units.max(1)
            && let Some((&number, _)) = self.units.first_key_value()
        {
            if number >= self.floor {
                self.raise_floor(number, now, lost);
            }
            if let Some(unit) = self.units.remove(&number) {
                self.counts.add(unit.blocks(), unit.arrived());
            }
        }
    }
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
