//! What people see of a run: a progress line while it goes, a summary at its end.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};

use crate::flight::Arrived;
use crate::outlet::Sent;

/// Latencies from 1 µs to 1 h are told apart to 3 digits, in constant memory.
const HIGHEST_US: u64 = 3_600_000_000;

/// Counts and latencies of a run.
pub(crate) struct Report {
    started: Instant,
    pub(crate) sent: Sent,
    pub(crate) predictions: u64,
    pub(crate) instances: u64,
    pub(crate) failed: u64,
    pub(crate) dropped_at_source: u64,
    pub(crate) unanswered: u64,
    age: Histogram<u64>,
    round_trip: Histogram<u64>,
    last_round_trip: Duration,
}

impl Report {
    pub(crate) fn new(started: Instant) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, HIGHEST_US, 3)
                .expect("1 µs to 1 h at 3 digits is a valid range")
        };
        Self {
            started,
            sent: Sent::default(),
            predictions: 0,
            instances: 0,
            failed: 0,
            dropped_at_source: 0,
            unanswered: 0,
            age: histogram(),
            round_trip: histogram(),
            last_round_trip: Duration::ZERO,
        }
    }

    /// An answer came, whatever it says.
    pub(crate) fn arrived(&mut self, arrived: &Arrived) {
        self.age.saturating_record(micros(arrived.age));
        self.round_trip
            .saturating_record(micros(arrived.round_trip));
        self.last_round_trip = arrived.round_trip;
    }

    /// How long the stream has been running; never zero.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64().max(1e-9)
    }

    pub(crate) fn frames_per_second(&self) -> f64 {
        self.sent.frames as f64 / self.seconds()
    }

    /// The lines of the summary.
    pub(crate) fn summary(&self) -> String {
        let mut lines = vec![
            format!(
                "frames        {:>9}   {:.1} frames/s   {:.1} MB/s   {:.1} s",
                self.sent.frames,
                self.frames_per_second(),
                self.sent.bytes as f64 / 1e6 / self.seconds(),
                self.seconds()
            ),
            format!(
                "predictions   {:>9}   {} instances",
                self.predictions, self.instances
            ),
        ];
        let mut count = |what: &str, count: u64, why: &str| {
            if count > 0 {
                lines.push(format!("{what:<13} {count:>9}   {why}"));
            }
        };
        count(
            "failed",
            self.failed,
            "the worker could not use these frames",
        );
        count(
            "dropped",
            self.dropped_at_source,
            "newer frames took their place before sending",
        );
        count(
            "unanswered",
            self.unanswered,
            "sent, but the worker said nothing of them",
        );
        if !self.age.is_empty() {
            lines.push("latency             p50        p95        p99".into());
            lines.push(format!(
                "  {:<12} {}",
                "capture-pose",
                percentiles(&self.age)
            ));
            lines.push(format!(
                "  {:<12} {}",
                "send-pose",
                percentiles(&self.round_trip)
            ));
        }
        lines.join("\n")
    }
}

fn percentiles(histogram: &Histogram<u64>) -> String {
    [0.50, 0.95, 0.99]
        .map(|quantile| {
            format!(
                "{:>7.1} ms",
                histogram.value_at_quantile(quantile) as f64 / 1e3
            )
        })
        .join(" ")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros())
        .unwrap_or(u64::MAX)
        .max(1)
}

/// The line that moves while a stream runs; silent where standard error is not a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// `frames`: how many there will be, where that is known.
    pub(crate) fn start(frames: Option<u64>, quiet: bool) -> Self {
        if quiet {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match frames {
            Some(frames) => (
                ProgressBar::new(frames),
                "{bar:24} {pos}/{len} frames  {msg}  {elapsed} (ETA {eta})",
            ),
            None => (
                ProgressBar::no_length(),
                "{spinner} {pos} frames  {msg}  {elapsed}",
            ),
        };
        let style =
            ProgressStyle::with_template(template).expect("the template above is well-formed");
        Self(bar.with_style(style))
    }

    pub(crate) fn update(&self, report: &Report) {
        self.0.set_position(report.sent.frames);
        let round_trip = match report.last_round_trip {
            Duration::ZERO => "no answer yet".to_owned(),
            time => format!("round trip {:.1} ms", time.as_secs_f64() * 1e3),
        };
        self.0.set_message(format!(
            "{:.1} frames/s  {:.1} MB/s  {round_trip}  {} poses",
            report.frames_per_second(),
            report.sent.bytes as f64 / 1e6 / report.seconds(),
            report.predictions,
        ));
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_shows_percentiles_of_what_arrived() {
        let mut report = Report::new(Instant::now());
        for ms in 1..=100 {
            report.arrived(&Arrived {
                age: Duration::from_millis(ms),
                round_trip: Duration::from_millis(1),
                picture: None,
            });
        }
        let summary = report.summary();
        let line = summary
            .lines()
            .find(|line| line.contains("capture-pose"))
            .unwrap();
        let shown: Vec<f64> = line
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let close = shown
            .iter()
            .zip([50.0, 95.0, 99.0])
            .all(|(is, should)| (is - should).abs() < 0.2);
        assert!(close && shown.len() == 3, "{line}");
        assert!(!summary.contains("failed"), "only what happened is listed");
    }

    #[test]
    fn summary_without_answers_shows_no_latency() {
        assert!(!Report::new(Instant::now()).summary().contains("latency"));
    }
}
