//! How often something comes. No clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of the last so much time.
const SPAN: Duration = Duration::from_secs(2);

/// Times that are kept: more in that time are counted as so many.
const MAX_TIMES: usize = 4096;

/// Measures how often something comes.
#[derive(Debug, Default)]
pub struct RateMeter {
    times: VecDeque<Instant>,
}

impl RateMeter {
    /// It came at `now`.
    pub fn came(&mut self, now: Instant) {
        self.times.push_back(now);
        while self.times.len() > MAX_TIMES {
            self.times.pop_front();
        }
        self.forget(now);
    }

    /// How often a second it comes, as known at `now`; `None` where it came less than twice.
    pub fn rate(&mut self, now: Instant) -> Option<f64> {
        self.forget(now);
        let (first, last) = (self.times.front()?, self.times.back()?);
        let seconds = last.saturating_duration_since(*first).as_secs_f64();
        (seconds > 0.0).then(|| (self.times.len() - 1) as f64 / seconds)
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > SPAN;
        while self.times.front().is_some_and(is_old) {
            self.times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_two_seconds() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut meter = RateMeter::default();
        meter.came(at(0));
        assert_eq!(meter.rate(at(0)), None);
        (1..=100).for_each(|frame| meter.came(at(50 * frame)));
        assert_eq!(meter.rate(at(5000)), Some(20.0));
        assert!(meter.times.len() <= 42);
        // Nothing came for long.
        assert_eq!(meter.rate(at(60_000)), None);
        (0..2 * MAX_TIMES as u32).for_each(|_| meter.came(at(60_000)));
        assert_eq!(meter.times.len(), MAX_TIMES);
    }
}
