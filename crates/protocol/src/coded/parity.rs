//! How many parity shards a unit gets.

use std::time::{Duration, Instant};

use super::blocks::{Blocks, MAX_BLOCK_DATA};

/// Losses of the last few seconds decide, and those of the last minute do not yet count for nothing.
const SLOW_HALF_LIFE: Duration = Duration::from_secs(10);

/// A link that has become worse is told within a second.
const FAST_HALF_LIFE: Duration = Duration::from_secs(1);

/// For how long the largest loss of one block counts.
const WORST_WINDOW: Duration = Duration::from_secs(15);

/// A block may be lost as often as this.
const RESIDUAL: f64 = 1e-3;

/// Shards of closed units: what a receiver reports to the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Shards that were sent, as far as the receiver can tell.
    pub sent: u64,
    /// Those that arrived, and in time.
    pub arrived: u64,
    /// The most shards that one block lost, of losses that parity can make good.
    pub worst: u8,
}

impl ShardCounts {
    /// Adds a unit that is closed.
    pub(super) fn add(&mut self, blocks: &Blocks, arrived: usize) {
        let sent = blocks.total();
        self.sent = self.sent.saturating_add(sent as u64);
        self.arrived = self.arrived.saturating_add(arrived as u64);
        let lost = sent.saturating_sub(arrived).div_ceil(blocks.count());
        if lost <= usize::from(max_parity(blocks.data_of(0))) {
            self.worst = self.worst.max(lost as u8);
        }
    }

    /// Adds `count` units of which nothing arrived, with as many shards as the next one has.
    pub(super) fn add_missing(&mut self, blocks: &Blocks, count: u32) {
        let sent = (blocks.total() as u64).saturating_mul(u64::from(count));
        self.sent = self.sent.saturating_add(sent);
    }

    fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.arrived)
    }
}

/// Most parity shards of a block with so many data shards: two fifths of them, and small blocks are
/// repeated up to twice.
pub fn max_parity(data_shards: usize) -> u8 {
    let data = data_shards.min(MAX_BLOCK_DATA);
    // At most 52.
    (data * 2).div_ceil(5).max(2) as u8
}

/// Chooses the number of parity shards from what the receiver reports: none as long as nothing is lost.
#[derive(Clone, Debug)]
pub struct ParityChooser {
    fast: Decayed,
    slow: Decayed,
    worst: Worst,
}

impl ParityChooser {
    /// Nothing is known of losses yet.
    pub fn new(now: Instant) -> Self {
        Self {
            fast: Decayed::new(FAST_HALF_LIFE, now),
            slow: Decayed::new(SLOW_HALF_LIFE, now),
            worst: Worst {
                since: now,
                current: 0,
                before: 0,
            },
        }
    }

    /// Takes a report of the receiver, with what has come since the one before.
    pub fn report(&mut self, counts: ShardCounts, now: Instant) {
        self.fast.add(counts, now);
        self.slow.add(counts, now);
        self.worst.add(counts.worst, now);
    }

    /// Share of the shards that are lost, at present: 0 to 1.
    pub fn loss(&self) -> f64 {
        self.fast.share().max(self.slow.share())
    }

    /// Parity shards for each block of a unit of `data_shards`, [`max_parity`] at most.
    pub fn parity(&mut self, data_shards: usize, now: Instant) -> u8 {
        let blocks = data_shards.div_ceil(MAX_BLOCK_DATA).max(1);
        let data = data_shards.div_ceil(blocks);
        let max = max_parity(data);
        let loss = self.loss();
        let enough = (0..max).find(|&parity| is_enough(data, parity, loss));
        let worst = self.worst.at(now);
        enough.unwrap_or(max).max(worst).min(max)
    }
}

/// Whether few enough blocks lose more than `parity` shards, where each is lost with the chance `loss`.
fn is_enough(data: usize, parity: u8, loss: f64) -> bool {
    if loss <= 0.0 {
        return true;
    }
    let sent = data + usize::from(parity);
    // The chances of 0, 1, 2 … lost shards.
    let mut chance = (1.0 - loss).max(0.0).powi(sent as i32);
    let mut within = chance;
    for lost in 1..=usize::from(parity) {
        chance *= (sent + 1 - lost) as f64 / lost as f64 * loss / (1.0 - loss);
        within += chance;
    }
    // Not a number, where everything is lost.
    1.0 - within <= RESIDUAL
}

/// Sent and lost shards; the older they are, the less they count.
#[derive(Clone, Debug)]
struct Decayed {
    half_life: Duration,
    at: Instant,
    sent: f64,
    lost: f64,
}

impl Decayed {
    fn new(half_life: Duration, at: Instant) -> Self {
        Self {
            half_life,
            at,
            sent: 0.0,
            lost: 0.0,
        }
    }

    fn add(&mut self, counts: ShardCounts, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let kept = (-passed.as_secs_f64() / self.half_life.as_secs_f64()).exp2();
        self.at = now;
        self.sent = self.sent * kept + counts.sent as f64;
        self.lost = self.lost * kept + counts.lost() as f64;
    }

    /// The share that is lost, one standard deviation above what was seen.
    fn share(&self) -> f64 {
        if self.sent < 1.0 {
            return 0.0;
        }
        ((self.lost + self.lost.sqrt()) / self.sent).min(1.0)
    }
}

/// The largest value of the last one to two windows.
#[derive(Clone, Debug)]
struct Worst {
    since: Instant,
    current: u8,
    before: u8,
}

impl Worst {
    fn add(&mut self, worst: u8, now: Instant) {
        self.at(now);
        self.current = self.current.max(worst);
    }

    fn at(&mut self, now: Instant) -> u8 {
        let passed = now.saturating_duration_since(self.since);
        if passed >= 2 * WORST_WINDOW {
            (self.before, self.current) = (0, 0);
            self.since = now;
        } else if passed >= WORST_WINDOW {
            (self.before, self.current) = (self.current, 0);
            self.since += WORST_WINDOW;
        }
        self.before.max(self.current)
    }
}

#[cfg(test)]
#[path = "parity_tests.rs"]
mod tests;
