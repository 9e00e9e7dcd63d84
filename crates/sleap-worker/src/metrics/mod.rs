//! `--metrics`: what the worker counts, in the form that Prometheus reads.
//!
//! ```text
//! sessions, pipeline ── one atomic addition each ──▶ [`Counters`] ◀── GET /metrics ── [`server`]
//! ```
//!
//! Without the option nothing is counted. With it a frame costs some twenty atomic additions; no
//! frame waits for a reader.

mod args;
mod counters;
mod devices;
mod gpu;
mod health;
mod observed;
mod reasons;
mod server;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use link::AuthCounts;
use protocol::{DropReason, Message};
use tokio::sync::watch;
use tracks::TrackCounts;

pub use args::MetricsArgs;
use counters::Counters;
pub(crate) use observed::StreamFigures;
pub(crate) use reasons::{FrameLoss, JobOutcome, StreamEndReason, StreamRefusal, UploadOutcome};
pub(crate) use server::{MetricsServer, serve};

/// The worker's counts; clones count together. The default one counts nothing.
#[derive(Clone, Default)]
pub(crate) struct Metrics(Option<Arc<Counters>>);

/// Counts a client as connected until it is dropped.
pub(crate) struct ClientGuard {
    metrics: Metrics,
    since: std::time::Instant,
}

impl Metrics {
    /// Counts from zero.
    ///
    /// # Errors
    /// None of the names that are in use now.
    fn new() -> Result<Self> {
        let counters = Counters::new()?;
        counters.set_build();
        Ok(Self(Some(Arc::new(counters))))
    }

    /// The worker has loaded its model, where it runs one.
    pub(crate) fn loaded(&self, model: Option<&pose::ModelDescription>) {
        self.count(|it| {
            if let Some(model) = model {
                it.set_model(model);
            }
            it.health.loaded();
        });
    }

    /// A complete frame of a stream, of so many bytes.
    pub(crate) fn frame(&self, bytes: u64) {
        self.count(|it| {
            it.frames.received.inc();
            it.frames.bytes.inc_by(bytes);
        });
    }

    /// A frame that could not be put together.
    pub(crate) fn dropped(&self, reason: &DropReason) {
        self.lost(FrameLoss::Dropped(reasons::word(reason)));
    }

    /// A frame that gets no pose and no result.
    pub(crate) fn lost(&self, why: FrameLoss) {
        self.count(|it| it.frames.dropped.with_label_values(&[why.word()]).inc());
    }

    /// A message that cannot be read.
    pub(crate) fn unreadable(&self) {
        self.count(|it| it.frames.unreadable.inc());
    }

    /// A frame's result, also where it is not sent because the client asked for none.
    pub(crate) fn answer(&self, message: &Message) {
        self.count(|it| match message {
            Message::Prediction(prediction) => {
                it.frames.predictions.inc();
                it.frames
                    .instances
                    .inc_by(prediction.instances.len() as u64);
                it.frames.steps.observe(&prediction.timing);
            }
            Message::FrameReceived(received) => {
                it.frames.verified.inc();
                it.frames.steps.observe(&received.timing);
            }
            Message::Error(_) => it.frames.errors.inc(),
            _ => {}
        });
    }

    /// The counts of a stream's tracks, before a prediction and with it.
    pub(crate) fn tracks(&self, before: TrackCounts, now: TrackCounts) {
        self.count(|it| {
            it.tracks
                .begun
                .inc_by(now.begun.saturating_sub(before.begun));
            it.tracks.lost.inc_by(now.lost.saturating_sub(before.lost));
        });
    }

    /// A frame whose result is an error before it reaches the pipeline.
    pub(crate) fn error(&self) {
        self.count(|it| it.frames.errors.inc());
    }

    /// Predictions that --save-poses has written.
    pub(crate) fn poses_saved(&self, predictions: u64) {
        self.count(|it| it.frames.saved.inc_by(predictions));
    }

    /// Predictions that --save-poses could not write.
    pub(crate) fn poses_lost(&self, predictions: u64) {
        self.count(|it| it.frames.not_saved.inc_by(predictions));
    }

    /// One call of the model on a device, with so many frames.
    pub(crate) fn call(&self, device: usize, frames: usize) {
        self.count(|it| {
            it.frames.batches.observe(frames as f64);
            it.devices.call(device, frames);
        });
    }

    /// A call failed on a device.
    pub(crate) fn call_failed(&self, device: usize) {
        self.count(|it| it.devices.failed(device));
    }

    /// A device is taken out.
    pub(crate) fn device_is_out(&self, device: usize) {
        self.count(|it| it.devices.is_out(device));
    }

    /// A stream starts.
    pub(crate) fn stream_starts(&self) {
        self.count(|it| {
            it.streams.started.inc();
            it.streams.active.inc();
        });
    }

    /// A stream that started is over.
    pub(crate) fn stream_ends(&self, end: StreamEndReason, lasted: Duration) {
        self.count(|it| {
            it.streams.active.dec();
            it.streams.ended.with_label_values(&[end.word()]).inc();
            it.streams.seconds.observe(lasted.as_secs_f64());
        });
    }

    /// A request for a stream is refused.
    pub(crate) fn refused(&self, why: StreamRefusal) {
        self.count(|it| it.streams.refused.with_label_values(&[why.word()]).inc());
    }

    /// A client has connected; it is counted until the guard is dropped.
    pub(crate) fn client(&self) -> ClientGuard {
        self.count(|it| {
            it.clients.total.inc();
            it.clients.connected.inc();
        });
        ClientGuard {
            metrics: self.clone(),
            since: std::time::Instant::now(),
        }
    }

    /// So many bytes of a file.
    pub(crate) fn file_bytes(&self, bytes: usize) {
        self.count(|it| it.files.bytes.inc_by(bytes as u64));
    }

    /// An upload is over.
    pub(crate) fn upload(&self, end: UploadOutcome) {
        self.count(|it| it.files.uploads.with_label_values(&[end.word()]).inc());
    }

    /// A client waits for a job.
    pub(crate) fn job_starts(&self) {
        self.count(|it| it.files.jobs_active.inc());
    }

    /// A job is over for its client.
    pub(crate) fn job_ends(&self, end: JobOutcome) {
        self.count(|it| {
            it.files.jobs_active.dec();
            it.files.jobs.with_label_values(&[end.word()]).inc();
        });
    }

    /// The worker takes no new streams.
    pub(crate) fn drains(&self) {
        self.count(Counters::drains);
    }

    /// Sets the source of the counts of clients' attempts to authenticate.
    pub(crate) fn authentications(&self, counts: impl Fn() -> AuthCounts + Send + Sync + 'static) {
        // A worker has one acceptor.
        self.count(|it| drop(it.observed.auth.set(Box::new(counts))));
    }

    /// Sets the source of whether clients find the worker.
    pub(crate) fn registration(&self, is_registered: watch::Receiver<bool>) {
        self.count(|it| it.health.registration(is_registered));
    }

    /// Sets the source of the number of viewers.
    pub(crate) fn viewers(&self, viewers: impl Fn() -> usize + Send + Sync + 'static) {
        // A worker has one page.
        self.count(|it| drop(it.observed.viewers.set(Box::new(viewers))));
    }

    /// Sets the source of the figures of the streams that run.
    pub(crate) fn streams(&self, figures: impl Fn() -> Vec<StreamFigures> + Send + Sync + 'static) {
        // A worker has one list of them.
        self.count(|it| drop(it.observed.streams.set(Box::new(figures))));
    }

    fn count(&self, change: impl FnOnce(&Counters)) {
        if let Some(counters) = &self.0 {
            change(counters);
        }
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.metrics.count(|it| {
            it.clients.connected.dec();
            it.clients
                .seconds
                .observe(self.since.elapsed().as_secs_f64());
        });
    }
}
