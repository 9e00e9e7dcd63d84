//! The numbers, their names and what they mean.

use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use link::AuthCounts;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::reasons::{JobEnd, Lost, Refused, StreamEnd, UploadEnd};

/// Upper bounds of frames' times, seconds: from what a copy takes to what nobody waits for.
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

/// What reads how clients' attempts to authenticate ended.
type ReadAuth = Box<dyn Fn() -> AuthCounts + Send + Sync>;

/// All numbers of a worker.
pub(super) struct Counters {
    registry: Registry,
    /// One reader at a time brings the counts of others up to date.
    reading: Mutex<()>,
    pub(super) frames: IntCounter,
    pub(super) bytes: IntCounter,
    pub(super) dropped: IntCounterVec,
    pub(super) unreadable: IntCounter,
    pub(super) predictions: IntCounter,
    pub(super) instances: IntCounter,
    pub(super) verified: IntCounter,
    pub(super) errors: IntCounter,
    pub(super) steps: Steps,
    pub(super) batches: Histogram,
    pub(super) streams_started: IntCounter,
    pub(super) streams_ended: IntCounterVec,
    pub(super) streaming: IntGauge,
    pub(super) stream_time: Histogram,
    pub(super) refused: IntCounterVec,
    pub(super) clients_total: IntCounter,
    pub(super) clients: IntGauge,
    pub(super) client_time: Histogram,
    pub(super) file_bytes: IntCounter,
    pub(super) uploads: IntCounterVec,
    pub(super) jobs: IntCounterVec,
    pub(super) jobs_active: IntGauge,
    pub(super) draining: IntGauge,
    pub(super) auth: OnceLock<ReadAuth>,
    authentications: IntCounterVec,
    build: IntGaugeVec,
    model: IntGaugeVec,
}

/// Where a frame's time went.
pub(super) struct Steps {
    pub(super) receive: Histogram,
    pub(super) decode: Histogram,
    pub(super) queue: Histogram,
    pub(super) preprocess: Histogram,
    pub(super) inference: Histogram,
    pub(super) postprocess: Histogram,
    pub(super) total: Histogram,
}

impl Counters {
    /// All at zero, and all there: a number that appears with the first event hides that event.
    ///
    /// # Errors
    /// A name that is none, or that two share.
    pub(super) fn new() -> Result<Self> {
        let registry = Registry::new();
        let on = Maker(&registry);
        Ok(Self {
            frames: on.counter("frames_received_total", "Whole frames of streams.")?,
            bytes: on.counter(
                "frame_bytes_received_total",
                "Bytes of these frames, as sent.",
            )?,
            dropped: on.counters(
                "frames_dropped_total",
                "Frames that did not arrive whole, or that nobody waits for.",
                "reason",
                &Lost::ALL,
            )?,
            unreadable: on.counter("messages_unreadable_total", "Messages that cannot be read.")?,
            predictions: on.counter("predictions_total", "Frames answered with poses.")?,
            instances: on.counter("instances_total", "Animals in these answers.")?,
            verified: on.counter(
                "frames_verified_total",
                "Frames decoded and counted by a worker without a model.",
            )?,
            errors: on.counter("frame_errors_total", "Frames answered with an error.")?,
            steps: Steps::new(&on)?,
            batches: on.histogram("batch_frames", "Frames in one call of the model.", &BATCHES)?,
            streams_started: on.counter("streams_started_total", "Streams that began.")?,
            streams_ended: on.counters(
                "streams_ended_total",
                "Streams that ended.",
                "reason",
                &StreamEnd::ALL,
            )?,
            streaming: on.gauge("streams_active", "Streams that are served now.")?,
            stream_time: on.histogram("stream_seconds", "How long streams lasted.", &STAYS)?,
            refused: on.counters(
                "streams_refused_total",
                "Requests for a stream that were refused.",
                "reason",
                &Refused::ALL,
            )?,
            clients_total: on.counter("clients_total", "Clients that connected.")?,
            clients: on.gauge("clients_connected", "Clients that are connected now.")?,
            client_time: on.histogram(
                "client_session_seconds",
                "How long clients were connected.",
                &STAYS,
            )?,
            file_bytes: on.counter("file_bytes_received_total", "Bytes of files.")?,
            uploads: on.counters(
                "file_uploads_total",
                "Files that clients sent, or wanted to.",
                "outcome",
                &UploadEnd::ALL,
            )?,
            jobs: on.counters(
                "file_jobs_total",
                "Files that the model ran over, or was to.",
                "outcome",
                &JobEnd::ALL,
            )?,
            jobs_active: on.gauge(
                "file_jobs_active",
                "Files whose predictions their clients wait for.",
            )?,
            draining: on.gauge("draining", "1 once the worker takes no new streams.")?,
            authentications: on.counters(
                "authentications_total",
                "Clients' attempts to show that they know the secret.",
                "outcome",
                &OUTCOMES,
            )?,
            build: on.gauges("build_info", "The worker's version.", &["version"])?,
            model: on.gauges("model_info", "The model, where there is one.", &MODEL)?,
            auth: OnceLock::new(),
            reading: Mutex::new(()),
            registry,
        })
    }

    pub(super) fn tell_build(&self, model: Option<&pose::ModelDescription>) {
        self.build
            .with_label_values(&[cli::program_info::VERSION])
            .set(1);
        let Some(model) = model else { return };
        let input = &model.input;
        let labels = [
            model.name.clone(),
            model.kind.to_string(),
            model.device.to_string(),
            format!("{}x{}x{}", input.width, input.height, input.channels),
        ];
        self.model.with_label_values(&labels).set(1);
    }

    /// All numbers, in Prometheus' text format.
    ///
    /// # Errors
    /// None that can be expected: what is written goes to memory.
    pub(super) fn text(&self) -> Result<Vec<u8>> {
        let _one = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = self.auth.get() {
            self.authentications_are(read());
        }
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .context("metrics cannot be written")?;
        Ok(text)
    }

    fn authentications_are(&self, counts: AuthCounts) {
        let numbers = [
            counts.succeeded,
            counts.invalid,
            counts.missing,
            counts.timed_out,
            counts.flooded,
            counts.aborted,
            counts.turned_away,
        ];
        for (outcome, number) in OUTCOMES.iter().zip(numbers) {
            let counter = self.authentications.with_label_values(&[*outcome]);
            counter.inc_by(number.saturating_sub(counter.get()));
        }
    }
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
const MODEL: [&str; 4] = ["name", "kind", "device", "input"];

impl Steps {
    fn new(on: &Maker) -> Result<Self> {
        let opts = HistogramOpts::new("frame_step_seconds", "A frame's time in each step.");
        let opts = opts.namespace(NAMESPACE).buckets(FRAME_TIMES.into());
        let steps = HistogramVec::new(opts, &["step"])?;
        on.0.register(Box::new(steps.clone()))?;
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
                "A frame's time from its first byte to its answer.",
                &FRAME_TIMES,
            )?,
        })
    }
}

const NAMESPACE: &str = "sleap_worker";

/// Makes numbers and lists them.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.listed(IntCounter::with_opts(opts(name, help))?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<IntCounterVec> {
        let counters = self.listed(IntCounterVec::new(opts(name, help), &[label])?)?;
        for value in values {
            counters.with_label_values(&[*value]);
        }
        Ok(counters)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.listed(IntGauge::with_opts(opts(name, help))?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.listed(IntGaugeVec::new(opts(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        let opts = HistogramOpts::new(name, help).namespace(NAMESPACE);
        self.listed(Histogram::with_opts(opts.buckets(buckets.into()))?)
    }

    fn listed<C: prometheus::core::Collector + Clone + 'static>(&self, number: C) -> Result<C> {
        self.0.register(Box::new(number.clone()))?;
        Ok(number)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}
