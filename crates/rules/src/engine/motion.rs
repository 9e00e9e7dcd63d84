//! How a point or a direction has moved lately.

use std::collections::VecDeque;

use crate::pose::{Position, distance, wrapped};

/// Values that are kept at most.
const MAX_VALUES: usize = 256;

/// Values of the last time, with their times.
#[derive(Debug, Clone, Default)]
pub(super) struct Motion(VecDeque<(u64, Position)>);

impl Motion {
    /// Adds a point, and returns the speed since the newest one that is `over_us` old or older, a
    /// second; `None` until there is one.
    pub(super) fn speed(&mut self, now: u64, over_us: u64, point: Position) -> Option<f64> {
        let (seconds, from) = self.push(now, over_us, point)?;
        Some(distance(from, point) / seconds)
    }

    /// The same with a direction: degrees a second, whichever way round.
    pub(super) fn turning(&mut self, now: u64, over_us: u64, degrees: f64) -> Option<f64> {
        // Unwrapped, so that more than half a turn is seen as such.
        let last = self.0.back().map_or(degrees, |(_, [angle, _])| *angle);
        let angle = last + wrapped(degrees - last);
        let (seconds, from) = self.push(now, over_us, [angle, 0.0])?;
        Some((angle - from[0]).abs() / seconds)
    }

    /// Seconds since the value to compare with, and that value.
    fn push(&mut self, now: u64, over_us: u64, value: Position) -> Option<(f64, Position)> {
        // After a gap the old values are no motion.
        let is_gap =
            |last: u64| now.saturating_sub(last) > over_us.saturating_mul(4).max(1_000_000);
        if self.0.back().is_some_and(|(last, _)| is_gap(*last)) {
            self.0.clear();
        }
        self.0.push_back((now, value));
        let is_old = |time: u64| now.saturating_sub(time) >= over_us;
        while self.0.get(1).is_some_and(|(time, _)| is_old(*time)) || self.0.len() > MAX_VALUES {
            self.0.pop_front();
        }
        let (time, from) = *self.0.front()?;
        let seconds = now.saturating_sub(time) as f64 / 1e6;
        let is_usable = is_old(time) || self.0.len() == MAX_VALUES;
        (is_usable && seconds > 0.0).then_some((seconds, from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_that_of_the_last_time() {
        let mut motion = Motion::default();
        let mut last = None;
        for frame in 0..10u64 {
            last = motion.speed(frame * 20_000, 100_000, [2.0 * frame as f64, 0.0]);
            assert_eq!(last.is_some(), frame >= 5, "{frame}");
        }
        assert!((last.unwrap() - 100.0).abs() < 1e-9);
        assert_eq!(motion.speed(9_000_000, 100_000, [500.0, 0.0]), None);
    }

    #[test]
    fn a_turn_is_followed_through_half_a_circle() {
        let mut motion = Motion::default();
        let mut last = None;
        for frame in 0..40u64 {
            let degrees = wrapped(30.0 * frame as f64);
            last = motion.turning(frame * 10_000, 100_000, degrees);
        }
        assert!((last.unwrap() - 3000.0).abs() < 1e-6, "{last:?}");
    }

    #[test]
    fn memory_is_bounded_whatever_the_times_are() {
        let mut motion = Motion::default();
        for step in 0..10_000 {
            motion.speed(7, 100_000, [f64::from(step), 0.0]);
        }
        assert!(motion.0.len() <= MAX_VALUES);
    }
}
