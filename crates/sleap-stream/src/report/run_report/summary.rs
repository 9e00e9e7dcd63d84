//! The summary of a run, for people and for programs.

use std::time::Duration;

use hdrhistogram::Histogram;
use protocol::CaptureClock;
use serde_json::{Map, Value, json};

use super::{RuleEvents, RunReport, SavedFile};
use crate::send::adapt::EncodeSetting;
use crate::send::latency::PARTS;

impl RunReport {
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
        lines.extend(self.counts());
        lines.extend(self.parity_line());
        for emitted in &self.emitted {
            lines.push(format!(
                "{:<13} {:>9}   {emitted}",
                "emitted", emitted.counts.sent
            ));
        }
        if let Some(RuleEvents { events, file }) = &self.rules {
            let file = file.as_deref().map(|file| format!(", in {file}"));
            let file = file.unwrap_or_default();
            lines.push(format!("{:<13} {events:>9}   of rules{file}", "events"));
        }
        if let Some(setting) = self.setting {
            lines.push(format!("sent as       {setting} at the end"));
        }
        lines.extend(self.clock_line());
        lines.extend(self.latencies());
        lines.extend(self.saved.iter().map(SavedFile::line));
        lines
    }

    /// A line for each count that is not zero.
    fn counts(&self) -> Vec<String> {
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
                "camera lost",
                self.lost_by_camera,
                "the camera has numbered these frames, and they did not arrive whole",
            ),
            (
                "dropped",
                self.dropped_at_source,
                "newer frames took their place before sending",
            ),
            (
                "lost on way",
                self.lost_on_the_way,
                "the network lost too many packets of these frames",
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
        let counts = counts.into_iter().filter(|(_, count, _)| *count > 0);
        let line = |(what, count, why)| format!("{what:<13} {count:>9}   {why}");
        counts.map(line).collect()
    }

    /// What parity costs, where frames went in shards.
    fn parity_line(&self) -> Option<String> {
        let percent = self.shards.percent()?;
        let mb = self.shards.parity() as f64 / 1e6;
        Some(format!(
            "{:<13} {percent:>7.1} %   {mb:.1} MB beside the frames, against lost packets",
            "parity"
        ))
    }

    /// The summary as an object: times in milliseconds, counts as they are.
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
            "lost_by_camera": self.lost_by_camera,
            "dropped": self.dropped_at_source,
            "lost_on_the_way": self.lost_on_the_way,
            "shard_bytes": self.shards.data(),
            "parity_bytes": self.shards.parity(),
            "parity_percent": self.shards.percent(),
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
            "rule_events": self.rules.as_ref().map(|rules| rules.events),
            "saved": self.saved.iter().map(SavedFile::to_json).collect::<Vec<_>>(),
            "setting": self.setting.map(EncodeSetting::to_json),
            "clocks": self.clocks_json(),
            "latency_ms": latency,
            "age_ms": answered(&self.age),
            "round_trip_ms": answered(&self.round_trip),
        })
    }

    /// What the times of capture were read from; nothing where that was only the frames' arrival.
    fn clock_line(&self) -> Option<String> {
        let counts = || self.clocks.iter().zip(CaptureClock::ALL);
        let all: u64 = self.clocks.iter().sum();
        let has_others =
            counts().any(|(count, clock)| *count > 0 && clock != CaptureClock::Arrival);
        let name = |(count, clock): (&u64, CaptureClock)| {
            let edge = match (clock, self.stamped) {
                (CaptureClock::Driver, Some(edge)) => format!(" ({edge})"),
                _ => String::new(),
            };
            match *count {
                0 => None,
                count if count == all => Some(format!("{clock}{edge}")),
                count => Some(format!("{clock}{edge} {count}")),
            }
        };
        let names: Vec<String> = counts().filter_map(name).collect();
        has_others.then(|| format!("clock         {}", names.join(", ")))
    }

    fn clocks_json(&self) -> Value {
        let counts = self.clocks.iter().zip(CaptureClock::ALL);
        let counts = counts.filter(|(count, _)| **count > 0);
        Value::Object(
            counts
                .map(|(count, clock)| (clock.to_string(), json!(count)))
                .collect(),
        )
    }

    fn latencies(&self) -> Vec<String> {
        if self.age.is_empty() {
            return Vec::new();
        }
        let mut lines = vec!["latency             p50        p95        p99".to_owned()];
        for (name, histogram) in PARTS.iter().zip(&self.parts) {
            // What takes no time is not part of this stream: decoding of raw pixels, for example.
            if QUANTILES
                .iter()
                .any(|(quantile, _)| milliseconds(histogram, *quantile) >= LEAST_SHOWN)
            {
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

/// Less than this is shown as zero, milliseconds.
const LEAST_SHOWN: f64 = 0.05;

/// The percentiles that are reported.
const QUANTILES: [(f64, &str); 3] = [(0.50, "p50"), (0.95, "p95"), (0.99, "p99")];

fn percentiles(histogram: &Histogram<u64>) -> Value {
    let at =
        |(quantile, name): (f64, &str)| (name.to_owned(), json!(milliseconds(histogram, quantile)));
    Value::Object(QUANTILES.map(at).into_iter().collect())
}

fn milliseconds(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    Duration::from_micros(histogram.value_at_quantile(quantile)).as_secs_f64() * 1e3
}
