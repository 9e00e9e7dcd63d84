//! Rates and ages of the last seconds. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::send::uplink::SentTotals;

/// The time that rates and ages are of.
const RATE_WINDOW: Duration = Duration::from_secs(3);

/// Ages that are kept at most; those of a faster stream are of a shorter time.
const MAX_AGES: usize = 4096;

/// What happened in the last seconds.
#[derive(Debug, Default)]
pub(crate) struct RecentRates {
    /// When results came, and the age of their poses, microseconds.
    ages: VecDeque<(Instant, u64)>,
    /// What was sent up to these moments.
    sent: VecDeque<(Instant, SentTotals)>,
}

impl RecentRates {
    /// A result came, `age` microseconds after its frame was captured.
    pub(crate) fn returned(&mut self, age: u64, now: Instant) {
        if self.ages.len() == MAX_AGES {
            self.ages.pop_front();
        }
        self.ages.push_back((now, age));
    }

    /// What was sent up to now.
    pub(crate) fn sent(&mut self, sent: SentTotals, now: Instant) {
        self.sent.push_back((now, sent));
        let old = |at: Instant| now.saturating_duration_since(at) > RATE_WINDOW;
        // One beyond that time stays: rates are taken between two moments.
        while self.sent.get(1).is_some_and(|(at, _)| old(*at)) {
            self.sent.pop_front();
        }
        while self.ages.front().is_some_and(|(at, _)| old(*at)) {
            self.ages.pop_front();
        }
    }

    /// Frames and bytes per second; `None` where it is too early to say.
    pub(crate) fn rates(&self) -> Option<(f64, f64)> {
        let ((begin, first), (end, last)) = (self.sent.front()?, self.sent.back()?);
        let seconds = end.saturating_duration_since(*begin).as_secs_f64();
        let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        (seconds > 0.0).then(|| {
            (
                per_second(first.frames, last.frames),
                per_second(first.bytes, last.bytes),
            )
        })
    }

    /// Median and 95th percentile of the ages, microseconds; `None` without results.
    pub(crate) fn ages(&self) -> Option<(u64, u64)> {
        let mut ages: Vec<u64> = self.ages.iter().map(|(_, age)| *age).collect();
        ages.sort_unstable();
        let at = |percent: usize| {
            ages.get((ages.len() * percent / 100).min(ages.len().saturating_sub(1)))
        };
        Some((*at(50)?, *at(95)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn sent(frames: u64) -> SentTotals {
        SentTotals {
            frames,
            bytes: 1000 * frames,
        }
    }

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let (mut recent, start) = (RecentRates::default(), Instant::now());
        assert_eq!(recent.rates(), None);
        // 100 frames per second for ten seconds, then 10.
        for tick in 0..=50 {
            recent.sent(sent(20 * tick), start + 200 * tick as u32 * MS);
        }
        assert_eq!(recent.rates(), Some((100.0, 100_000.0)));
        for tick in 1..=25 {
            recent.sent(
                sent(1000 + 2 * tick),
                start + (10_000 + 200 * tick as u32) * MS,
            );
        }
        assert_eq!(recent.rates(), Some((10.0, 10_000.0)));
    }

    #[test]
    fn ages_are_forgotten_after_a_while_and_bounded() {
        let (mut recent, start) = (RecentRates::default(), Instant::now());
        assert_eq!(recent.ages(), None);
        for age in 1..=100 {
            recent.returned(age, start);
        }
        assert_eq!(recent.ages(), Some((51, 96)));
        for _ in 0..2 * MAX_AGES {
            recent.returned(7, start + MS);
        }
        assert_eq!(recent.ages(), Some((7, 7)));
        assert_eq!(recent.ages.len(), MAX_AGES);
        recent.sent(sent(1), start + RATE_WINDOW + 2 * MS);
        assert_eq!(recent.ages(), None);
    }
}
