//! Metrics that are read elsewhere whenever they are asked for.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use link::AuthCounts;
use metrics_server::{MetricBuilder, advance, gauge_value};
use prometheus::{GaugeVec, IntCounterVec, IntGauge, IntGaugeVec};

use super::gpu::GpuSample;

/// Reads a value that another part of the worker keeps.
type Read<T> = OnceLock<Box<dyn Fn() -> T + Send + Sync>>;

/// A stream that runs now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamFigures {
    /// The name of its source.
    pub(crate) source: String,
    /// Frames that have a result, of any kind.
    pub(crate) results: u64,
    pub(crate) predictions: u64,
    pub(crate) failures: u64,
    /// Tracks that animals have now.
    pub(crate) tracks_alive: u64,
    /// The newest result's time in the worker; zero before the first.
    pub(crate) latest: Duration,
}

/// Metrics with their sources. A source that is not set leaves its metric at zero.
pub(super) struct ObservedMetrics {
    pub(super) auth: Read<AuthCounts>,
    pub(super) viewers: Read<usize>,
    pub(super) streams: Read<Vec<StreamFigures>>,
    authentications: IntCounterVec,
    viewers_connected: IntGauge,
    tracks_alive: IntGauge,
    stream_series: StreamSeries,
    gpus: GpuSeries,
}

/// One series for each source whose stream runs; streams of the same name share one. They leave with it, so that their
/// number stays small whatever clients call their sources.
struct StreamSeries {
    results: IntCounterVec,
    predictions: IntCounterVec,
    failures: IntCounterVec,
    latest: GaugeVec,
}

/// One series for each GPU.
struct GpuSeries {
    utilization: GaugeVec,
    memory_used: IntGaugeVec,
    memory_total: IntGaugeVec,
}

/// How attempts to authenticate end, in the order of [`AuthCounts`].
const OUTCOMES: [&str; 7] = [
    "succeeded",
    "invalid",
    "missing",
    "timed_out",
    "flooded",
    "aborted",
    "turned_away",
];
const SOURCE: [&str; 1] = ["source"];
const GPU: [&str; 2] = ["gpu", "name"];

impl ObservedMetrics {
    /// `tracks_alive`: what tells the tracks of all streams.
    pub(super) fn new(on: &MetricBuilder<'_>, tracks_alive: IntGauge) -> Result<Self> {
        Ok(Self {
            auth: OnceLock::new(),
            viewers: OnceLock::new(),
            streams: OnceLock::new(),
            authentications: on.counters(
                "authentications_total",
                "Clients' attempts to show that they know the secret.",
                "outcome",
                &OUTCOMES,
            )?,
            viewers_connected: on.gauge("viewers_connected", "Viewers of the page of --view.")?,
            tracks_alive,
            stream_series: StreamSeries::new(on)?,
            gpus: GpuSeries::new(on)?,
        })
    }

    /// Takes the values of this moment. To be called by one reader at a time.
    pub(super) fn update(&self, gpus: &[GpuSample]) {
        if let Some(read) = self.auth.get() {
            self.set_authentications(read());
        }
        if let Some(read) = self.viewers.get() {
            self.viewers_connected.set(gauge_value(read() as u64));
        }
        let streams = self.streams.get().map_or_else(Vec::new, |read| read());
        let tracks = streams.iter().map(|stream| stream.tracks_alive).sum();
        self.tracks_alive.set(gauge_value(tracks));
        self.stream_series.set(&streams);
        self.gpus.set(gpus);
    }

    fn set_authentications(&self, counts: AuthCounts) {
        let numbers = [
            counts.succeeded,
            counts.invalid,
            counts.missing,
            counts.timed_out,
            counts.flooded,
            counts.aborted,
            counts.refused,
        ];
        for (outcome, number) in OUTCOMES.iter().zip(numbers) {
            advance(&self.authentications.with_label_values(&[*outcome]), number);
        }
    }
}

impl StreamSeries {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        let counters = |name, help| on.counters_of(name, help, &SOURCE);
        Ok(Self {
            results: counters("stream_results_total", "Results of a stream that runs now.")?,
            predictions: counters(
                "stream_predictions_total",
                "Predictions of a stream that runs now.",
            )?,
            failures: counters(
                "stream_errors_total",
                "Frames of a stream that runs now whose result is an error.",
            )?,
            latest: on.numbers(
                "stream_latest_seconds",
                "The newest result's time in the worker, from the frame's first byte.",
                &SOURCE,
            )?,
        })
    }

    fn set(&self, streams: &[StreamFigures]) {
        for series in [&self.results, &self.predictions, &self.failures] {
            series.reset();
        }
        self.latest.reset();
        for stream in streams {
            let source = [stream.source.as_str()];
            let count = |series: &IntCounterVec, number| {
                series.with_label_values(&source).inc_by(number);
            };
            count(&self.results, stream.results);
            count(&self.predictions, stream.predictions);
            count(&self.failures, stream.failures);
            if !stream.latest.is_zero() {
                // Of streams of the same name: the oldest result.
                let latest = self.latest.with_label_values(&source);
                latest.set(latest.get().max(stream.latest.as_secs_f64()));
            }
        }
    }
}

impl GpuSeries {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            utilization: on.numbers(
                "gpu_utilization_ratio",
                "The share of the last second in which the GPU was busy.",
                &GPU,
            )?,
            memory_used: on.gauges(
                "gpu_memory_used_bytes",
                "The GPU's memory in use, by all programs.",
                &GPU,
            )?,
            memory_total: on.gauges("gpu_memory_total_bytes", "The GPU's memory.", &GPU)?,
        })
    }

    fn set(&self, gpus: &[GpuSample]) {
        self.utilization.reset();
        self.memory_used.reset();
        self.memory_total.reset();
        for gpu in gpus {
            let index = gpu.index.to_string();
            let labels = [index.as_str(), gpu.name.as_str()];
            if let Some(share) = gpu.utilization {
                self.utilization.with_label_values(&labels).set(share);
            }
            if let Some(memory) = gpu.memory {
                let used = self.memory_used.with_label_values(&labels);
                used.set(gauge_value(memory.used));
                let total = self.memory_total.with_label_values(&labels);
                total.set(gauge_value(memory.total));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use metrics_server::TrackMetrics;
    use prometheus::Registry;

    use super::*;
    use crate::metrics::counters::PROGRAM;
    use crate::metrics::gpu::GpuMemory;

    fn text(registry: &Registry) -> String {
        String::from_utf8(metrics_server::text([registry]).unwrap()).unwrap()
    }

    fn figures(source: &str, results: u64) -> StreamFigures {
        StreamFigures {
            source: source.to_owned(),
            results,
            latest: Duration::from_millis(4),
            ..StreamFigures::default()
        }
    }

    fn observed(registry: &Registry) -> ObservedMetrics {
        let on = MetricBuilder::new(registry, PROGRAM);
        let tracks = TrackMetrics::new(&on).unwrap();
        ObservedMetrics::new(&on, tracks.alive).unwrap()
    }

    #[test]
    fn the_series_of_streams_leave_with_them() {
        let registry = Registry::new();
        let observed = observed(&registry);
        let running = Arc::new(Mutex::new(Vec::new()));
        let streams = Arc::clone(&running);
        let read = move || streams.lock().unwrap().clone();
        assert!(observed.streams.set(Box::new(read)).is_ok());
        observed.update(&[]);
        assert!(!text(&registry).contains("stream_results_total"));
        *running.lock().unwrap() = vec![
            figures("webcam:0", 4),
            figures("mouse.mp4", 5),
            figures("webcam:0", 3),
        ];
        observed.update(&[]);
        observed.update(&[]);
        let shown = text(&registry);
        for line in [
            "sleap_worker_stream_results_total{source=\"webcam:0\"} 7\n",
            "sleap_worker_stream_results_total{source=\"mouse.mp4\"} 5\n",
            "sleap_worker_stream_predictions_total{source=\"webcam:0\"} 0\n",
            "sleap_worker_stream_latest_seconds{source=\"webcam:0\"} 0.004\n",
        ] {
            assert!(shown.contains(line), "no {line} in {shown}");
        }
        *running.lock().unwrap() = vec![figures("a\"} 1\nforged 2", 1)];
        observed.update(&[]);
        let shown = text(&registry);
        assert!(!shown.contains("webcam:0") && !shown.contains("\nforged"));
        running.lock().unwrap().clear();
        observed.update(&[]);
        assert!(!text(&registry).contains("source="));
    }

    #[test]
    fn a_gpu_shows_what_its_driver_reports() {
        let registry = Registry::new();
        let observed = observed(&registry);
        let first = GpuSample {
            index: 0,
            name: "NVIDIA L4".to_owned(),
            utilization: Some(0.37),
            memory: Some(GpuMemory {
                used: 5 << 30,
                total: 24 << 30,
            }),
        };
        let second = GpuSample {
            index: 1,
            utilization: None,
            memory: None,
            ..first.clone()
        };
        observed.update(&[first, second]);
        let shown = text(&registry);
        let labels = "{gpu=\"0\",name=\"NVIDIA L4\"}";
        for line in [
            format!("sleap_worker_gpu_utilization_ratio{labels} 0.37\n"),
            format!("sleap_worker_gpu_memory_used_bytes{labels} 5368709120\n"),
            format!("sleap_worker_gpu_memory_total_bytes{labels} 25769803776\n"),
        ] {
            assert!(shown.contains(&line), "no {line} in {shown}");
        }
        assert!(!shown.contains("gpu=\"1\""), "{shown}");
        observed.update(&[]);
        assert!(!text(&registry).contains("gpu="));
    }
}
