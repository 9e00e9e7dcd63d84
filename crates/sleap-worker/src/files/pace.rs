//! How fast uploads may be taken beside a stream. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// Bytes a second that all uploads together may bring while somebody else streams: what a gigabit
/// link and two cores do not notice.
const BESIDE_A_STREAM: f64 = 8e6;

/// How much may come at once after a pause.
const BURST: Duration = Duration::from_millis(100);

/// The pace of all uploads together.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When what was taken so far would have come at the permitted rate.
    due: Option<Instant>,
}

impl Pace {
    /// How long to wait after `bytes` were taken before more are. `beside`: somebody else streams.
    pub(super) fn after(&mut self, bytes: usize, beside: bool, now: Instant) -> Duration {
        if !beside {
            self.due = None;
            return Duration::ZERO;
        }
        let takes = Duration::from_secs_f64(bytes as f64 / BESIDE_A_STREAM);
        let from = self.due.map_or(now, |due| due.max(now));
        self.due = Some(from + takes);
        (from + takes).saturating_duration_since(now + BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_stream_uploads_have_a_rate_and_alone_none() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut now = start;
        for _ in 0..1000 {
            now += pace.after(64_000, true, now);
        }
        let seconds = (now - start).as_secs_f64();
        assert!((seconds - 8.0).abs() < 0.2, "64 MB took {seconds} s");
        assert_eq!(pace.after(64_000_000, false, now), Duration::ZERO);
        assert_eq!(
            pace.after(64_000, true, now),
            Duration::ZERO,
            "nothing is owed"
        );
    }
}
