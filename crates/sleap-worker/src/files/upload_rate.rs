//! The rate of uploads beside a stream. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// Bytes a second of all uploads together while another client streams: little beside what a
/// gigabit link carries and two cores do.
const BESIDE_A_STREAM: f64 = 8e6;

/// How long a pause may be left out: that much comes at once.
const BURST: Duration = Duration::from_millis(100);

/// The rate of all uploads together.
#[derive(Debug, Default)]
pub(super) struct UploadRate {
    /// When all bytes so far would have arrived at the permitted rate.
    due: Option<Instant>,
}

impl UploadRate {
    /// How long to wait after `bytes` bytes. `beside`: another client streams.
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
        let mut rate = UploadRate::default();
        let mut now = start;
        for _ in 0..1000 {
            now += rate.after(64_000, true, now);
        }
        let seconds = (now - start).as_secs_f64();
        assert!((seconds - 8.0).abs() < 0.2, "64 MB took {seconds} s");
        assert_eq!(rate.after(64_000_000, false, now), Duration::ZERO);
        assert_eq!(
            rate.after(64_000, true, now),
            Duration::ZERO,
            "nothing is owed"
        );
    }
}
