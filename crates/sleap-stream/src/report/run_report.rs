//! Counts and latencies of a run, and the summary at its end.

use std::time::{Duration, Instant};

use emit::TargetCounts;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::report::recent_rates::RecentRates;
use crate::send::adapt::EncodeSetting;
use crate::send::frame_list::FrameList;
use crate::send::in_flight::ReturnedFrame;
use crate::send::latency::{Latency, PARTS, micros};
use crate::send::uplink::SentTotals;

/// Latencies from 1 µs to 1 h are told apart to 3 digits, in constant memory.
const HIGHEST_US: u64 = 3_600_000_000;

/// Counts and latencies of a run.
pub(crate) struct RunReport {
    started: Instant,
    pub(crate) sent: SentTotals,
    pub(crate) predictions: u64,
    pub(crate) instances: u64,
    pub(crate) failed: u64,
    pub(crate) dropped_at_source: u64,
    /// Frames that were sent, but are not in the recording.
    pub(crate) not_recorded: u64,
    pub(crate) unanswered: FrameList,
    /// Messages of the worker that could not be read.
    pub(crate) unreadable: u64,
    /// Why the first of them could not.
    pub(crate) first_unreadable: Option<String>,
    /// Since when frames wait for answers and none comes, where that is too long.
    pub(crate) silent_since: Option<Instant>,
    /// Frames of a live source that were given up with a connection.
    pub(crate) lost: u64,
    /// How often the connection was lost and found again.
    pub(crate) reconnections: u64,
    /// Since when the connection is lost, while it is.
    pub(crate) away_since: Option<Instant>,
    /// How frames leave at present, where that is adapted to the link.
    pub(crate) setting: Option<EncodeSetting>,
    /// What became of poses for other consumers.
    pub(crate) emitted: Vec<TargetCounts>,
    /// Of the frame that was answered last.
    pub(crate) last: Option<Latency>,
    /// The last seconds.
    pub(crate) recent: RecentRates,
    parts: [Histogram<u64>; PARTS.len()],
    age: Histogram<u64>,
    round_trip: Histogram<u64>,
}

impl RunReport {
    pub(crate) fn new(started: Instant) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, HIGHEST_US, 3)
                .expect("1 µs to 1 h at 3 digits is a valid range")
        };
        Self {
            started,
            sent: SentTotals::default(),
            predictions: 0,
            instances: 0,
            failed: 0,
            dropped_at_source: 0,
            not_recorded: 0,
            unanswered: FrameList::default(),
            unreadable: 0,
            first_unreadable: None,
            silent_since: None,
            lost: 0,
            reconnections: 0,
            away_since: None,
            setting: None,
            emitted: Vec::new(),
            last: None,
            recent: RecentRates::default(),
            parts: std::array::from_fn(|_| histogram()),
            age: histogram(),
            round_trip: histogram(),
        }
    }

    /// An answer came, whatever it says.
    pub(crate) fn returned(&mut self, returned: &ReturnedFrame) {
        let latency = returned.latency;
        for (histogram, part) in self.parts.iter_mut().zip(latency.parts()) {
            histogram.saturating_record(part);
        }
        self.age.saturating_record(latency.age());
        self.round_trip
            .saturating_record(micros(returned.round_trip));
        self.last = Some(latency);
        self.recent.answered(latency.age(), Instant::now());
    }

    /// So much was sent, and so many frames dropped, up to now.
    pub(crate) fn update_sent(&mut self, sent: SentTotals, dropped: u64, now: Instant) {
        (self.sent, self.dropped_at_source) = (sent, dropped);
        self.recent.sent(sent, now);
    }

    /// How long the stream has been running; never zero.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64().max(1e-9)
    }

    pub(crate) fn frames_per_second(&self) -> f64 {
        self.sent.frames as f64 / self.seconds()
    }

    /// The lines of the summary.
    pub(crate) fn summary(&self) -> Vec<String> {
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
        let unanswered = format!("sent, but not answered: {}", self.unanswered);
        let unreadable = self.first_unreadable.as_deref().unwrap_or_default();
        let unreadable = format!("messages of the worker that cannot be read: {unreadable}");
        let counts = [
            (
                "failed",
                self.failed,
                "the worker could not use these frames",
            ),
            (
                "dropped",
                self.dropped_at_source,
                "newer frames took their place before sending",
            ),
            (
                "not recorded",
                self.not_recorded,
                "sent, but they are not in the recording",
            ),
            ("unanswered", self.unanswered.count(), &unanswered),
            ("unreadable", self.unreadable, &unreadable),
            ("lost", self.lost, "on their way when the connection broke"),
            (
                "reconnected",
                self.reconnections,
                "times, after the connection was lost",
            ),
        ];
        for (what, count, why) in counts.into_iter().filter(|(_, count, _)| *count > 0) {
            lines.push(format!("{what:<13} {count:>9}   {why}"));
        }
        for emitted in &self.emitted {
            lines.push(format!(
                "{:<13} {:>9}   {emitted}",
                "emitted", emitted.counts.sent
            ));
        }
        if let Some(setting) = self.setting {
            lines.push(format!("sent as       {setting} at the end"));
        }
        lines.extend(self.latencies());
        lines
    }

    /// What the summary says, as an object: times in milliseconds, counts as they are.
    pub(crate) fn to_json(&self) -> Value {
        let mut latency = Map::new();
        for (name, histogram) in PARTS.iter().zip(&self.parts) {
            if histogram.max() > 0 {
                latency.insert((*name).to_owned(), percentiles(histogram));
            }
        }
        let answered = |histogram: &Histogram<u64>| match histogram.is_empty() {
            true => Value::Null,
            false => percentiles(histogram),
        };
        json!({
            "seconds": self.seconds(),
            "frames": self.sent.frames,
            "bytes": self.sent.bytes,
            "frames_per_second": self.frames_per_second(),
            "megabytes_per_second": self.sent.bytes as f64 / 1e6 / self.seconds(),
            "predictions": self.predictions,
            "instances": self.instances,
            "failed": self.failed,
            "dropped": self.dropped_at_source,
            "not_recorded": self.not_recorded,
            "unanswered": self.unanswered.count(),
            "unanswered_frames": self.unanswered.to_json(),
            "unreadable": self.unreadable,
            "lost": self.lost,
            "reconnections": self.reconnections,
            "emitted": self.emitted.iter().map(|emitted| json!({
                "to": emitted.target,
                "poses": emitted.counts.sent,
                "without_subscriber": emitted.counts.without_subscriber,
                "dropped": emitted.counts.dropped,
                "too_large": emitted.counts.too_large,
                "failed": emitted.counts.failed,
            })).collect::<Vec<_>>(),
            "setting": self.setting.map(EncodeSetting::to_json),
            "latency_ms": latency,
            "age_ms": answered(&self.age),
            "round_trip_ms": answered(&self.round_trip),
        })
    }

    fn latencies(&self) -> Vec<String> {
        if self.age.is_empty() {
            return Vec::new();
        }
        let mut lines = vec!["latency             p50        p95        p99".to_owned()];
        for (name, histogram) in PARTS.iter().zip(&self.parts) {
            // What never took time is not part of this stream: decoding of raw pixels, say.
            if histogram.max() > 0 {
                lines.push(row(name, histogram));
            }
        }
        lines.push(row("age of pose", &self.age));
        lines.push(row("round trip", &self.round_trip));
        lines
    }
}

fn row(name: &str, histogram: &Histogram<u64>) -> String {
    let at = |quantile| format!("{:>7.1} ms", milliseconds(histogram, quantile));
    format!(
        "  {name:<12} {}",
        QUANTILES.map(|(quantile, _)| at(quantile)).join(" ")
    )
}

/// What is told of times.
const QUANTILES: [(f64, &str); 3] = [(0.50, "p50"), (0.95, "p95"), (0.99, "p99")];

fn percentiles(histogram: &Histogram<u64>) -> Value {
    let at =
        |(quantile, name): (f64, &str)| (name.to_owned(), json!(milliseconds(histogram, quantile)));
    Value::Object(QUANTILES.map(at).into_iter().collect())
}

fn milliseconds(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    Duration::from_micros(histogram.value_at_quantile(quantile)).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returned(network: u64, inference: u64) -> ReturnedFrame {
        ReturnedFrame {
            latency: Latency {
                network,
                inference,
                ..Latency::default()
            },
            round_trip: Duration::from_millis(1),
            waited: Duration::from_millis(1),
            taken: Instant::now(),
            scale: None,
            picture: None,
            captured_us: None,
            recorded: None,
        }
    }

    fn shown(summary: &str, name: &str) -> Vec<f64> {
        let line = summary.lines().find(|line| line.contains(name));
        line.unwrap_or_else(|| panic!("no {name} in {summary}"))
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    }

    #[test]
    fn summary_shows_percentiles_of_each_part_and_of_the_age() {
        let mut report = RunReport::new(Instant::now());
        for ms in 1..=100 {
            report.returned(&returned(ms * 1000, 20_000));
        }
        let summary = report.summary().join("\n");
        for (name, expected) in [
            ("network", [50.0, 95.0, 99.0]),
            ("inference", [20.0, 20.0, 20.0]),
            ("age of pose", [70.0, 115.0, 119.0]),
            ("round trip", [1.0, 1.0, 1.0]),
        ] {
            let shown = shown(&summary, name);
            let close = shown
                .iter()
                .zip(expected)
                .all(|(is, should)| (is - should).abs() < 0.2);
            assert!(close && shown.len() == 3, "{summary}");
        }
        let object = report.to_json();
        assert_eq!(
            shown(&summary, "network")[1],
            (object["latency_ms"]["network"]["p95"].as_f64().unwrap() * 10.0).round() / 10.0
        );
        assert!(object["latency_ms"]["decode"].is_null());
        assert!((object["age_ms"]["p50"].as_f64().unwrap() - 70.0).abs() < 0.2);
        assert!(!summary.contains("failed"), "only what happened is listed");
        assert!(!summary.contains("decode"), "only what took time is listed");
    }

    #[test]
    fn summary_without_answers_shows_no_latency() {
        let report = RunReport::new(Instant::now());
        assert!(!report.summary().join("\n").contains("latency"));
        assert!(report.to_json()["age_ms"].is_null());
    }
}
