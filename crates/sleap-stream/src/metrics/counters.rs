//! The metrics, their names and what they mean.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use metrics_server::{MetricBuilder, TrackMetrics, advance, gauge_value};
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use tracks::TrackCounts;

use crate::report::run_report::RunReport;
use crate::send::latency::{Latency, PARTS};

/// What all names begin with.
const PROGRAM: &str = "sleap_stream";

/// Upper bounds of times, seconds: from a step of a small frame to a pose that is of no use any more.
const TIMES: [f64; 15] = [
    5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Why a frame was not sent, or has no result.
const REPLACED: &str = "replaced";
const LOST_CONNECTION: &str = "lost_connection";
const LOST_ON_THE_WAY: &str = "lost_on_the_way";

/// All metrics of a client.
pub(super) struct Counters {
    registry: Registry,
    pub(super) times: TimeHistograms,
    pub(super) rule_events: IntCounter,
    frames: FrameCounters,
    tracks: TrackMetrics,
    reconnections: IntCounter,
    connected: IntGauge,
    stream: IntGaugeVec,
    build: IntGaugeVec,
    is_connected: AtomicBool,
}

/// Metrics of frames and their results.
struct FrameCounters {
    sent: IntCounter,
    bytes: IntCounter,
    shards: IntCounter,
    parity: IntCounter,
    dropped: IntCounterVec,
    predictions: IntCounter,
    instances: IntCounter,
    errors: IntCounter,
    unreadable: IntCounter,
}

/// The age of poses, and its parts.
pub(super) struct TimeHistograms {
    age: Histogram,
    parts: [Histogram; PARTS.len()],
}

impl Counters {
    /// All metrics, at zero. `camera`: the one that they are of, where there are several.
    ///
    /// # Errors
    /// A name that is malformed, or that two metrics share.
    pub(super) fn new(camera: Option<&str>) -> Result<Self> {
        let label = |camera: &str| HashMap::from([("camera".to_owned(), camera.to_owned())]);
        let registry = Registry::new_custom(None, camera.map(label))?;
        let on = MetricBuilder::new(&registry, PROGRAM);
        let counters = Self {
            times: TimeHistograms::new(&on)?,
            rule_events: on.counter("rule_events_total", "Rules that took effect or ceased to.")?,
            frames: FrameCounters::new(&on)?,
            tracks: TrackMetrics::new(&on)?,
            reconnections: on.counter(
                "reconnections_total",
                "Connections that were lost and found again.",
            )?,
            connected: on.gauge("connected", "1 while a worker takes the stream.")?,
            stream: on.gauges("stream_info", "The stream's source.", &["source"])?,
            build: on.gauges("build_info", "The client's version.", &["version"])?,
            is_connected: AtomicBool::new(false),
            registry,
        };
        let version = [cli::program_info::VERSION];
        counters.build.with_label_values(&version).set(1);
        Ok(counters)
    }

    /// The stream runs.
    pub(super) fn begins(&self, source: &str) {
        self.stream.with_label_values(&[source]).set(1);
        self.set_connected(true);
    }

    /// Takes over what the report has.
    pub(super) fn set(&self, report: &RunReport, tracks: TrackCounts) {
        let frames = &self.frames;
        let dropped = |reason: &str| frames.dropped.with_label_values(&[reason]);
        advance(&frames.sent, report.sent.frames);
        advance(&frames.bytes, report.sent.bytes);
        advance(&frames.shards, report.shards.data());
        advance(&frames.parity, report.shards.parity());
        advance(&dropped(REPLACED), report.dropped_at_source);
        advance(&dropped(LOST_CONNECTION), report.lost);
        advance(&dropped(LOST_ON_THE_WAY), report.lost_on_the_way);
        advance(&frames.predictions, report.predictions);
        advance(&frames.instances, report.instances);
        advance(&frames.errors, report.failed);
        advance(&frames.unreadable, report.unreadable);
        advance(&self.reconnections, report.reconnections);
        self.tracks.alive.set(gauge_value(tracks.alive));
        advance(&self.tracks.begun, tracks.begun);
        advance(&self.tracks.lost, tracks.lost);
        self.set_connected(report.away_since.is_none());
    }

    fn set_connected(&self, is_connected: bool) {
        self.is_connected.store(is_connected, Relaxed);
        self.connected.set(is_connected.into());
    }

    /// A worker takes the stream.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Relaxed)
    }

    /// What has the metrics.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl FrameCounters {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            sent: on.counter("frames_sent_total", "Frames that were sent.")?,
            bytes: on.counter("frame_bytes_sent_total", "Bytes of these frames.")?,
            shards: on.counter(
                "shard_bytes_sent_total",
                "Bytes of frames in shards, over coded lanes.",
            )?,
            parity: on.counter(
                "parity_bytes_sent_total",
                "Bytes of parity beside these shards.",
            )?,
            dropped: on.counters(
                "frames_dropped_total",
                "Frames that newer ones replaced, that a lost connection took along, or that the network lost.",
                "reason",
                &[REPLACED, LOST_CONNECTION, LOST_ON_THE_WAY],
            )?,
            predictions: on.counter("predictions_total", "Frames with a prediction.")?,
            instances: on.counter("instances_total", "Animals in these predictions.")?,
            errors: on.counter("frame_errors_total", "Frames whose result is an error.")?,
            unreadable: on.counter(
                "messages_unreadable_total",
                "The worker's messages that cannot be read.",
            )?,
        })
    }
}

impl TimeHistograms {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        let help = "The parts of the age.";
        let parts = on.histograms("frame_step_seconds", help, "step", &TIMES)?;
        Ok(Self {
            age: on.histogram(
                "pose_age_seconds",
                "From a frame's capture to its result.",
                &TIMES,
            )?,
            parts: PARTS.map(|part| parts.with_label_values(&[part])),
        })
    }

    /// Counts the times of one frame.
    pub(super) fn observe(&self, latency: &Latency) {
        self.age.observe(latency.age() as f64 / 1e6);
        for (histogram, part) in self.parts.iter().zip(latency.parts()) {
            histogram.observe(part as f64 / 1e6);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn numbers_of_the_report_are_taken_over() {
        let counters = Counters::new(None).unwrap();
        counters.begins("webcam:0");
        let mut report = RunReport::new(Instant::now());
        (report.predictions, report.lost) = (7, 2);
        report.lost_on_the_way = 5;
        let tracks = TrackCounts {
            alive: 1,
            begun: 3,
            lost: 2,
        };
        counters.set(&report, tracks);
        counters.set(&report, tracks);
        let text = String::from_utf8(metrics_server::text([counters.registry()]).unwrap()).unwrap();
        for line in [
            "sleap_stream_predictions_total 7\n",
            "sleap_stream_frames_dropped_total{reason=\"lost_connection\"} 2\n",
            "sleap_stream_frames_dropped_total{reason=\"lost_on_the_way\"} 5\n",
            "sleap_stream_frames_dropped_total{reason=\"replaced\"} 0\n",
            "sleap_stream_tracks_alive 1\n",
            "sleap_stream_tracks_begun_total 3\n",
            "sleap_stream_stream_info{source=\"webcam:0\"} 1\n",
            "sleap_stream_connected 1\n",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
        report.away_since = Some(Instant::now());
        counters.set(&report, tracks);
        assert!(!counters.is_connected());
    }
}
