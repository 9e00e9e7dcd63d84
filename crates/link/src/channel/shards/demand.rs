//! Whether more lanes are needed. Pure: time is an argument.

use std::time::{Duration, Instant};

use protocol::coded::{SHARD_MESSAGE_BYTES, max_parity};

/// SCTP halves a lane's window with each loss, but not below four packets. Lanes that hold about as much are full,
/// and what comes beyond that waits.
const FULL_BYTES: f64 = 3.0 * SHARD_MESSAGE_BYTES as f64;

/// Packets that SCTP lets be under way in a lane after a loss, and then a few more.
const SMALL_WINDOW: usize = 4;

/// Where there is more under way than small windows let through, some lane is always behind, and some of a unit's shards
/// come a round trip later than the others: one of so many data shards is replaced by another parity shard.
const BEHIND: usize = 8;

/// Data shards of a block at most.
const BLOCK_SHARDS: usize = 128;

/// Below this share of lost shards windows grow.
const LOSSY: f64 = 0.003;

/// How many units the mean is over, about.
const UNITS: f64 = 8.0;

/// Lanes have to be full for so long.
const FULL_FOR: Duration = Duration::from_millis(400);

/// Watches how full the lanes are when a unit comes.
#[derive(Debug, Default)]
pub(super) struct LaneDemand {
    /// Bytes in one lane, on average.
    mean: f64,
    full_since: Option<Instant>,
    /// As the last unit found them: bytes under way, lanes, and the share of shards that is lost.
    under_way: usize,
    lanes: usize,
    loss: f64,
}

impl LaneDemand {
    /// A unit comes while `outstanding` bytes lie in `lanes` lanes, and `loss` is the share of shards that is lost.
    /// Whether there should be more lanes: once each time that the lanes are full for a while.
    pub(super) fn unit(
        &mut self,
        outstanding: usize,
        lanes: usize,
        loss: f64,
        now: Instant,
    ) -> bool {
        (self.under_way, self.lanes, self.loss) = (outstanding, lanes, loss);
        let filled = outstanding as f64 / lanes.max(1) as f64;
        self.mean += (filled - self.mean) / UNITS;
        if self.mean < FULL_BYTES || loss < LOSSY {
            self.full_since = None;
            return false;
        }
        let since = *self.full_since.get_or_insert(now);
        let is_full = now.saturating_duration_since(since) >= FULL_FOR;
        if is_full {
            self.full_since = None;
        }
        is_full
    }

    /// Parity shards for each block of the unit that comes, with so many data shards and against losses `parity`: more where
    /// windows hold some of them up.
    pub(super) fn parity(&self, data_shards: usize, parity: u8) -> u8 {
        let shards = self.under_way / SHARD_MESSAGE_BYTES + data_shards;
        if self.loss < LOSSY || shards <= self.lanes * SMALL_WINDOW {
            return parity;
        }
        // At most 16.
        let more = data_shards.min(BLOCK_SHARDS).div_ceil(BEHIND) as u8;
        (parity + more).min(max_parity(data_shards)).max(parity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(33);

    /// How often more lanes are asked for in 100 units.
    fn asked(outstanding: usize, lanes: usize, loss: f64) -> usize {
        let (mut demand, begin) = (LaneDemand::default(), Instant::now());
        let units = 0..100;
        let asks =
            units.filter(|&unit| demand.unit(outstanding, lanes, loss, begin + unit * INTERVAL));
        asks.count()
    }

    #[test]
    fn lanes_that_losses_keep_full_ask_for_more() {
        assert!((5..9).contains(&asked(90_000, 16, 0.05)));
        assert_eq!(asked(90_000, 40, 0.05), 0, "there are enough");
        assert_eq!(asked(400_000, 16, 0.0), 0, "windows grow by themselves");
    }

    #[test]
    fn large_units_have_parity_against_windows_that_hold_them_up() {
        let parity = |outstanding, lanes, loss, data_shards| {
            let mut demand = LaneDemand::default();
            demand.unit(outstanding, lanes, loss, Instant::now());
            demand.parity(data_shards, 3)
        };
        assert_eq!(parity(100_000, 40, 0.01, 118), 3 + 15);
        assert_eq!(parity(100_000, 40, 0.0, 118), 3, "windows are large");
        assert_eq!(parity(20_000, 40, 0.01, 118), 3, "they have room");
        assert_eq!(parity(30_000, 16, 0.01, 22), 3);
        assert_eq!(parity(300_000, 16, 0.01, 22), 3 + 3);
        assert_eq!(parity(900_000, 4, 0.5, 1), 3, "never less");
    }

    #[test]
    fn one_large_unit_asks_for_nothing() {
        let (mut demand, begin) = (LaneDemand::default(), Instant::now());
        let asks = (0..100).filter(|&unit| {
            let outstanding = match unit % 30 {
                0 => 200_000,
                _ => 20_000,
            };
            demand.unit(outstanding, 16, 0.05, begin + unit * INTERVAL)
        });
        assert_eq!(asks.count(), 0);
    }
}
