//! Which units lack shards that can still be asked for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::received::ReceivedUnit;
use crate::lanes::MAX_LATE_UNITS;

/// How long the shards that were asked for may take before they are asked for again; then half as long again each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What is asked for, of units that would be given up otherwise.
#[derive(Debug, Default)]
pub(super) struct LateUnits {
    /// How much longer units are waited for; zero: nothing is asked for.
    pub(super) time: Duration,
    /// All units before this one were sent, and since when that is known.
    pub(super) sent: Option<(u64, Instant)>,
    asked: BTreeMap<u64, Asked>,
}

#[derive(Debug)]
struct Asked {
    again: Instant,
    pause: Duration,
}

impl LateUnits {
    /// The units that are to be asked for now; `units`: those from `floor` on of which something has come.
    pub(super) fn due(
        &mut self,
        units: &BTreeMap<u64, ReceivedUnit>,
        floor: u64,
        patience: Duration,
        now: Instant,
    ) -> Vec<[u32; 2]> {
        if self.time.is_zero() {
            return Vec::new();
        }
        self.asked = self.asked.split_off(&floor);
        let end = self.end(units, floor, patience, now);
        let missing = (floor..end).filter_map(|number| match units.get(&number) {
            None => Some((number, 0)),
            Some(unit) if unit.is_receiving() => Some((number, unit.lacking())),
            Some(_) => None,
        });
        let mut due = Vec::new();
        for (number, lacking) in missing.take(MAX_LATE_UNITS) {
            let first = Asked {
                again: now,
                pause: FIRST_PAUSE,
            };
            let asked = self.asked.entry(number).or_insert(first);
            if asked.again <= now {
                asked.again = now + asked.pause;
                asked.pause = asked.pause * 3 / 2;
                // On the wire a number has its lower half, and a block 128 data shards at most.
                due.push([number as u32, lacking as u32]);
            }
        }
        due
    }

    /// When there is something due.
    pub(super) fn due_at(
        &self,
        units: &BTreeMap<u64, ReceivedUnit>,
        floor: u64,
        patience: Duration,
    ) -> Option<Instant> {
        if self.time.is_zero() {
            return None;
        }
        let is_missing = |number: &u64| units.get(number).is_none_or(ReceivedUnit::is_receiving);
        let again = self.asked.range(floor..);
        let again = again.filter(|(number, _)| is_missing(number));
        let again = again.map(|(_, asked)| asked.again).min();
        if again.is_some() && self.asked.len() >= MAX_LATE_UNITS {
            return again;
        }
        // The first unit that is missing and was not asked for yet is so once a newer one is whole for some time.
        let is_new = |number: &u64| is_missing(number) && !self.asked.contains_key(number);
        let newest = units.last_key_value().map_or(floor, |(newest, _)| *newest);
        let known = self.sent.map_or(floor, |(sent, _)| sent);
        let first = (floor..newest.max(known)).find(is_new);
        let first = first.and_then(|first| {
            let newer = units.range(first + 1..);
            let whole = newer.filter_map(|(_, unit)| unit.whole_at());
            let told = self.sent.filter(|(sent, _)| *sent > first);
            whole.chain(told.map(|(_, at)| at)).min()
        });
        let first = first.map(|at| at + patience);
        again.into_iter().chain(first).min()
    }

    /// Behind the units that may be asked for.
    fn end(
        &self,
        units: &BTreeMap<u64, ReceivedUnit>,
        floor: u64,
        patience: Duration,
        now: Instant,
    ) -> u64 {
        let is_over = |at: Instant| now.saturating_duration_since(at) >= patience;
        let mut newer = units.range(floor..).rev();
        let whole = newer.find(|(_, unit)| unit.whole_at().is_some_and(is_over));
        let whole = whole.map_or(floor, |(number, _)| *number);
        let sent = self.sent.filter(|(_, at)| is_over(*at));
        whole.max(sent.map_or(floor, |(sent, _)| sent))
    }
}
