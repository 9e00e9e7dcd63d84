//! Units that are given out in the order in which they were sent.

use std::collections::VecDeque;
use std::time::Instant;

use protocol::coded::{Carried, LostUnits, ShardCollector};

/// Bytes of units that may wait for others.
const MAX_BYTES: usize = 32 << 20;

/// What a unit costs beside the bytes of its frame.
const OVERHEAD: usize = 1024;

/// A unit that is whole.
pub(crate) struct ArrivedUnit {
    pub(crate) carried: Carried,
    /// When its first shard arrived.
    pub(crate) began: Instant,
}

/// Units that are whole, and wait for those before them.
#[derive(Default)]
pub(super) struct OrderedUnits {
    units: VecDeque<(u32, ArrivedUnit)>,
    bytes: usize,
}

impl OrderedUnits {
    /// Takes a unit. Where too much waits, those that are waited for are lost.
    pub(super) fn push(
        &mut self,
        number: u32,
        unit: ArrivedUnit,
        collector: &mut ShardCollector,
        now: Instant,
    ) -> Vec<LostUnits> {
        let behind = |other: u32| (number.wrapping_sub(other) as i32) > 0;
        let at = self.units.iter().rposition(|(other, _)| behind(*other));
        self.bytes += bytes(&unit);
        self.units.insert(at.map_or(0, |at| at + 1), (number, unit));
        match self.units.front() {
            Some((first, _)) if self.bytes > MAX_BYTES => collector.close_before(*first, now),
            _ => Vec::new(),
        }
    }

    /// The next unit, if none before it is waited for any more.
    pub(super) fn pop(&mut self, collector: &ShardCollector) -> Option<ArrivedUnit> {
        let (number, _) = self.units.front()?;
        if !collector.has_closed(number.wrapping_add(1)) {
            return None;
        }
        let (_, unit) = self.units.pop_front()?;
        self.bytes -= bytes(&unit);
        Some(unit)
    }
}

fn bytes(unit: &ArrivedUnit) -> usize {
    let frame = match &unit.carried {
        Carried::Frame(frame) => frame.data.len(),
        Carried::Answer(_) => 0,
    };
    frame + OVERHEAD
}
