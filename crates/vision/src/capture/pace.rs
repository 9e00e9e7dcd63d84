//! When frames are due. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// A delay up to this is caught up by frames in quick succession; beyond it, time is lost.
const CATCH_UP: Duration = Duration::from_millis(250);

/// A longer pause in a recording is no pause but a clock that was set, and is not waited for.
const MAX_RECORDED_PAUSE: Duration = Duration::from_secs(60);

/// Slowest rate that is taken literally: one frame a day.
const SLOWEST_FPS: f64 = 1.0 / 86_400.0;

/// Time between frames, or `None` where there is no usable rate.
pub(super) fn interval(fps: Option<f64>) -> Option<Duration> {
    let fps = fps.filter(|fps| fps.is_finite() && *fps > 0.0)?;
    Some(Duration::from_secs_f64(1.0 / fps.max(SLOWEST_FPS)))
}

/// Deadlines for a source that waits: a frame every interval.
///
/// A late frame does not move the ones after it, unless it is later than can be caught up.
#[derive(Debug)]
pub(super) struct FramePacer {
    interval: Duration,
    due: Option<Instant>,
}

impl FramePacer {
    pub(super) fn new(interval: Duration) -> FramePacer {
        FramePacer {
            interval,
            due: None,
        }
    }

    /// When the next frame is to be delivered; never long before `now`.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        self.advance(self.interval, now)
    }

    /// The same for a frame that was recorded `step` after the last one.
    pub(super) fn after(&mut self, step: Duration, now: Instant) -> Instant {
        self.advance(step.min(MAX_RECORDED_PAUSE), now)
    }

    fn advance(&mut self, step: Duration, now: Instant) -> Instant {
        let due = match self.due {
            None => now,
            Some(due) => {
                let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
                (due + step).max(earliest)
            }
        };
        self.due = Some(due);
        due
    }
}

/// Thins a source that does not wait to at most one frame every interval on average.
///
/// A frame that comes a little early is taken, so that a camera's jitter does not halve
/// the rate; the schedule itself stays.
#[derive(Debug)]
pub(super) struct FrameThinner {
    interval: Duration,
    due: Option<Instant>,
}

impl FrameThinner {
    pub(super) fn new(interval: Duration) -> FrameThinner {
        FrameThinner {
            interval,
            due: None,
        }
    }

    /// Whether the frame that came at `now` is taken.
    pub(super) fn accept(&mut self, now: Instant) -> bool {
        let tolerance = self.interval / 4;
        let due = self.due.unwrap_or(now);
        if now + tolerance < due {
            return false;
        }
        // After a gap the schedule starts over rather than letting a burst through.
        self.due = Some((due + self.interval).max(now + self.interval - tolerance));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn only_positive_rates_have_an_interval() {
        assert_eq!(interval(Some(25.0)), Some(40 * MS));
        for none in [
            None,
            Some(0.0),
            Some(-1.0),
            Some(f64::NAN),
            Some(f64::INFINITY),
        ] {
            assert_eq!(interval(none), None);
        }
        assert_eq!(interval(Some(1e-300)), Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn frames_are_due_at_even_distances() {
        let start = Instant::now();
        let mut pacer = FramePacer::new(40 * MS);
        for index in 0..100 {
            assert_eq!(pacer.next(start + index * 40 * MS), start + index * 40 * MS);
        }
    }

    #[test]
    fn a_late_frame_does_not_move_the_next() {
        let start = Instant::now();
        let mut pacer = FramePacer::new(40 * MS);
        pacer.next(start);
        pacer.next(start + 140 * MS);
        assert_eq!(pacer.next(start + 150 * MS), start + 80 * MS);
        assert_eq!(pacer.next(start + 150 * MS), start + 120 * MS);
        assert_eq!(pacer.next(start + 150 * MS), start + 160 * MS);
    }

    #[test]
    fn a_long_stop_is_not_made_up_for() {
        let start = Instant::now();
        let mut pacer = FramePacer::new(40 * MS);
        pacer.next(start);
        let back = start + 60_000 * MS;
        assert_eq!(pacer.next(back), back - CATCH_UP);
        let at_once = (0..100).take_while(|_| pacer.next(back) <= back).count();
        assert_eq!(at_once, 6);
    }

    #[test]
    fn recorded_times_are_kept_and_long_pauses_shortened() {
        let start = Instant::now();
        let mut pacer = FramePacer::new(40 * MS);
        assert_eq!(pacer.after(Duration::ZERO, start), start);
        assert_eq!(pacer.after(150 * MS, start), start + 150 * MS);
        assert_eq!(pacer.after(50 * MS, start), start + 200 * MS);
        let far = pacer.after(Duration::from_secs(86_400), start);
        assert_eq!(far, start + 200 * MS + MAX_RECORDED_PAUSE);
    }

    /// Arrivals that a thinner takes, from a source with `period` and alternating jitter.
    fn taken(fps: f64, period: Duration, jitter: Duration, frames: u32) -> Vec<u32> {
        let start = Instant::now() + jitter;
        let mut thinner = FrameThinner::new(interval(Some(fps)).unwrap());
        let arrival = |index: u32| {
            let nominal = start + index * period;
            if index.is_multiple_of(2) {
                nominal + jitter
            } else {
                nominal - jitter
            }
        };
        (0..frames)
            .filter(|&index| thinner.accept(arrival(index)))
            .collect()
    }

    #[test]
    fn a_camera_at_the_rate_asked_for_loses_nothing() {
        let period = interval(Some(30.0)).unwrap();
        assert_eq!(taken(30.0, period, 3 * MS, 300).len(), 300);
    }

    #[test]
    fn a_faster_camera_is_thinned_evenly() {
        let period = interval(Some(30.0)).unwrap();
        let half = taken(15.0, period, 3 * MS, 30);
        assert_eq!(half, (0..15).map(|index| index * 2).collect::<Vec<_>>());
        assert_eq!(taken(20.0, period, Duration::ZERO, 300).len(), 200);
        assert!(taken(10.0, period, 3 * MS, 300).len() <= 101);
    }

    #[test]
    fn a_slower_camera_is_left_alone_and_a_burst_is_not_let_through() {
        assert_eq!(taken(30.0, 50 * MS, 5 * MS, 100).len(), 100);
        let start = Instant::now();
        let mut thinner = FrameThinner::new(100 * MS);
        assert!(thinner.accept(start));
        let back = start + 10_000 * MS;
        let burst = (0..50).filter(|&i| thinner.accept(back + i * MS)).count();
        assert_eq!(burst, 1);
    }
}
