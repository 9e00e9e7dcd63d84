//! Rates and times between two statuses.

use std::time::{Duration, Instant};

use protocol::{Percentiles, StreamStatus, Timing};

/// Results in a window whose times are kept; further ones are only counted.
const MAX_TIMES: usize = 4096;
/// A rate is measured over this time or longer.
const MIN_WINDOW: Duration = Duration::from_millis(100);

/// What was measured since the last status that had figures.
pub(super) struct StatusWindow {
    since: Instant,
    /// Results before that.
    frames: u64,
    total_us: Vec<u64>,
    inference_us: Vec<u64>,
}

impl StatusWindow {
    pub(super) fn new(since: Instant, frames: u64) -> Self {
        Self {
            since,
            frames,
            total_us: Vec::new(),
            inference_us: Vec::new(),
        }
    }

    /// Adds the times of a result.
    pub(super) fn add(&mut self, timing: &Timing) {
        let keep = |times: &mut Vec<u64>, time: Option<u64>| {
            times.extend(time.filter(|_| times.len() < MAX_TIMES));
        };
        keep(&mut self.total_us, timing.total_us);
        keep(&mut self.inference_us, timing.inference_us);
    }

    /// `figures` with what was measured in this window; the next window begins. `None`: it is too short for figures, and goes
    /// on.
    pub(super) fn rates(&mut self, figures: &StreamStatus, now: Instant) -> Option<StreamStatus> {
        let time = now.saturating_duration_since(self.since);
        if time < MIN_WINDOW {
            return None;
        }
        let next = Self::new(now, figures.frames);
        let mut window = std::mem::replace(self, next);
        let frames = figures.frames.saturating_sub(window.frames);
        Some(StreamStatus {
            fps: frames as f64 / time.as_secs_f64(),
            total_us: Percentiles::of(&mut window.total_us),
            inference_us: Percentiles::of(&mut window.inference_us),
            ..figures.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_without_time_for_a_rate_goes_on() {
        let begin = Instant::now();
        let mut window = StatusWindow::new(begin, 10);
        window.add(&Timing {
            total_us: Some(700),
            ..Timing::default()
        });
        let figures = |frames| StreamStatus {
            frames,
            ..StreamStatus::default()
        };
        assert!(window.rates(&figures(11), begin + MIN_WINDOW / 2).is_none());
        let due = window.rates(&figures(15), begin + 2 * MIN_WINDOW).unwrap();
        assert!((due.fps - 25.0).abs() < 1e-9, "{}", due.fps);
        assert_eq!(due.total_us, Some(Percentiles { p50: 700, p95: 700 }));
        let next = window.rates(&figures(15), begin + 4 * MIN_WINDOW).unwrap();
        assert_eq!((next.fps, next.total_us), (0.0, None));
    }
}
