//! Whether more lanes are needed. Pure: time is an argument.

use std::time::{Duration, Instant};

use protocol::coded::SHARD_MESSAGE_BYTES;

/// SCTP halves a lane's window with each loss, but not below four packets. Lanes that hold about as much are full,
/// and what comes beyond that waits.
const FULL_BYTES: f64 = 3.0 * SHARD_MESSAGE_BYTES as f64;

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
