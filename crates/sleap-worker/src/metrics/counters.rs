//! The metrics, their names and what they mean.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use metrics_server::{MetricBuilder, TrackMetrics};
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use protocol::Timing;

use super::devices::DeviceMetrics;
use super::gpu::GpuSample;
use super::health::{Health, Readiness};
use super::observed::ObservedMetrics;
use super::reasons::{FrameLoss, JobOutcome, StreamEndReason, StreamRefusal, UploadOutcome};

/// What all names begin with.
pub(super) const PROGRAM: &str = "sleap_worker";

/// Upper bounds of frames' times, seconds: from a copy in memory to a frame that is no longer live.
const FRAME_TIMES: [f64; 17] = [
    1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0,
];
/// Upper bounds of how long streams and clients stay, seconds.
const STAYS: [f64; 9] = [
    1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 14_400.0, 43_200.0, 86_400.0,
];
/// Upper bounds of batches, frames.
const BATCHES: [f64; 11] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];

/// All metrics of a worker.
pub(super) struct Counters {
    registry: Registry,
    /// One reader at a time updates the counts that are read elsewhere.
    reading: Mutex<()>,
    pub(super) frames: FrameCounters,
    pub(super) streams: StreamCounters,
    pub(super) devices: DeviceMetrics,
    pub(super) tracks: TrackMetrics,
    pub(super) clients: ClientCounters,
    pub(super) files: FileCounters,
    pub(super) observed: ObservedMetrics,
    pub(super) health: Health,
    draining: IntGauge,
    ready: IntGauge,
    build: IntGaugeVec,
    model: IntGaugeVec,
}

/// Metrics of frames.
pub(super) struct FrameCounters {
    pub(super) received: IntCounter,
    pub(super) bytes: IntCounter,
    pub(super) dropped: IntCounterVec,
    pub(super) unreadable: IntCounter,
    pub(super) predictions: IntCounter,
    pub(super) instances: IntCounter,
    pub(super) verified: IntCounter,
    pub(super) errors: IntCounter,
    pub(super) saved: IntCounter,
    pub(super) not_saved: IntCounter,
    pub(super) batches: Histogram,
    pub(super) steps: StepHistograms,
}

/// Metrics of streams.
pub(super) struct StreamCounters {
    pub(super) started: IntCounter,
    pub(super) ended: IntCounterVec,
    pub(super) active: IntGauge,
    pub(super) seconds: Histogram,
    pub(super) refused: IntCounterVec,
}

/// Metrics of connected clients.
pub(super) struct ClientCounters {
    pub(super) total: IntCounter,
    pub(super) connected: IntGauge,
    pub(super) seconds: Histogram,
}

/// Metrics of uploads and jobs.
pub(super) struct FileCounters {
    pub(super) bytes: IntCounter,
    pub(super) uploads: IntCounterVec,
    pub(super) jobs: IntCounterVec,
    pub(super) jobs_active: IntGauge,
}

/// The parts of a frame's time in the worker.
pub(super) struct StepHistograms {
    receive: Histogram,
    decode: Histogram,
    queue: Histogram,
    preprocess: Histogram,
    inference: Histogram,
    postprocess: Histogram,
    total: Histogram,
}

impl Counters {
    /// All metrics, at zero.
    ///
    /// # Errors
    /// A name that is malformed, or that two metrics share.
    pub(super) fn new() -> Result<Self> {
        let registry = Registry::new();
        let on = MetricBuilder::new(&registry, PROGRAM);
        let tracks = TrackMetrics::new(&on)?;
        Ok(Self {
            frames: FrameCounters::new(&on)?,
            streams: StreamCounters::new(&on)?,
            devices: DeviceMetrics::new(&on)?,
            observed: ObservedMetrics::new(&on, tracks.alive.clone())?,
            tracks,
            clients: ClientCounters::new(&on)?,
            files: FileCounters::new(&on)?,
            draining: on.gauge("draining", "1 once the worker takes no new streams.")?,
            ready: on.gauge("ready", "1 while a client that comes is served.")?,
            health: Health::default(),
            build: on.gauges("build_info", "The worker's version.", &["version"])?,
            model: on.gauges("model_info", "The model, where there is one.", &MODEL)?,
            reading: Mutex::new(()),
            registry,
        })
    }

    /// Sets the metric that names the version.
    pub(super) fn set_build(&self) {
        self.build
            .with_label_values(&[cli::program_info::VERSION])
            .set(1);
    }

    /// Sets the metric that names the model.
    pub(super) fn set_model(&self, model: &pose::ModelDescription) {
        let input = &model.input;
        let labels = [
            model.name.clone(),
            model.kind.to_string(),
            model.runs_on.to_string(),
            format!("{}x{}x{}", input.width, input.height, input.channels),
        ];
        self.model.with_label_values(&labels).set(1);
        self.devices.set(&model.runs_on.names());
    }

    /// The worker takes no new streams.
    pub(super) fn drains(&self) {
        self.draining.set(1);
        self.health.drains();
    }

    /// All metrics with these of the GPUs, in Prometheus' text format.
    ///
    /// # Errors
    /// None that can be expected: the text is written to memory.
    pub(super) fn text(&self, gpus: &[GpuSample]) -> Result<Vec<u8>> {
        let _one = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ready = self.health.readiness() == Readiness::Ready;
        self.ready.set(is_ready.into());
        self.observed.update(gpus);
        metrics_server::text([&self.registry])
    }
}

const MODEL: [&str; 4] = ["name", "kind", "device", "input"];

impl FrameCounters {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            received: on.counter("frames_received_total", "Complete frames of streams.")?,
            bytes: on.counter(
                "frame_bytes_received_total",
                "Bytes of these frames, as sent.",
            )?,
            dropped: on.counters(
                "frames_dropped_total",
                "Frames that did not arrive complete, or whose client has left.",
                "reason",
                &FrameLoss::ALL,
            )?,
            unreadable: on.counter("messages_unreadable_total", "Messages that cannot be read.")?,
            predictions: on.counter("predictions_total", "Frames with a prediction.")?,
            instances: on.counter("instances_total", "Animals in these predictions.")?,
            verified: on.counter(
                "frames_verified_total",
                "Frames decoded and counted by a worker without a model.",
            )?,
            errors: on.counter("frame_errors_total", "Frames whose result is an error.")?,
            saved: on.counter(
                "predictions_saved_total",
                "Predictions that --save-poses has written.",
            )?,
            not_saved: on.counter(
                "predictions_not_saved_total",
                "Predictions that --save-poses could not write.",
            )?,
            batches: on.histogram("batch_frames", "Frames in one call of the model.", &BATCHES)?,
            steps: StepHistograms::new(on)?,
        })
    }
}

impl StreamCounters {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            started: on.counter("streams_started_total", "Streams that began.")?,
            ended: on.counters(
                "streams_ended_total",
                "Streams that ended.",
                "reason",
                &StreamEndReason::ALL,
            )?,
            active: on.gauge("streams_active", "Streams that are served now.")?,
            seconds: on.histogram("stream_seconds", "How long streams lasted.", &STAYS)?,
            refused: on.counters(
                "streams_refused_total",
                "Requests for a stream that were refused.",
                "reason",
                &StreamRefusal::ALL,
            )?,
        })
    }
}

impl ClientCounters {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            total: on.counter("clients_total", "Clients that connected.")?,
            connected: on.gauge("clients_connected", "Clients that are connected now.")?,
            seconds: on.histogram(
                "client_session_seconds",
                "How long clients were connected.",
                &STAYS,
            )?,
        })
    }
}

impl FileCounters {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            bytes: on.counter("file_bytes_received_total", "Bytes of files.")?,
            uploads: on.counters(
                "file_uploads_total",
                "Files that clients sent, or wanted to.",
                "outcome",
                &UploadOutcome::ALL,
            )?,
            jobs: on.counters(
                "file_jobs_total",
                "Files that the model ran over, or was to.",
                "outcome",
                &JobOutcome::ALL,
            )?,
            jobs_active: on.gauge(
                "file_jobs_active",
                "Files whose predictions their clients wait for.",
            )?,
        })
    }
}

impl StepHistograms {
    fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        let help = "A frame's time in each step.";
        let steps = on.histograms("frame_step_seconds", help, "step", &FRAME_TIMES)?;
        let step = |name| steps.with_label_values(&[name]);
        Ok(Self {
            receive: step("receive"),
            decode: step("decode"),
            queue: step("queue"),
            preprocess: step("preprocess"),
            inference: step("inference"),
            postprocess: step("postprocess"),
            total: on.histogram(
                "frame_seconds",
                "A frame's time from its first byte to its result.",
                &FRAME_TIMES,
            )?,
        })
    }

    /// Counts the times of one frame.
    pub(super) fn observe(&self, timing: &Timing) {
        let pairs = [
            (timing.receive_us, &self.receive),
            (timing.decode_us, &self.decode),
            (timing.queue_us, &self.queue),
            (timing.preprocess_us, &self.preprocess),
            (timing.inference_us, &self.inference),
            (timing.postprocess_us, &self.postprocess),
            (timing.total_us, &self.total),
        ];
        for (micros, histogram) in pairs {
            if let Some(micros) = micros {
                histogram.observe(micros as f64 / 1e6);
            }
        }
    }
}
