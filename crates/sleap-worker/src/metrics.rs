//! `--metrics`: what the worker counts, in the form that Prometheus reads.
//!
//! ```text
//! sessions, pipeline ── one atomic addition each ──▶ [`Counters`] ◀── GET /metrics ── [`server`]
//! ```
//!
//! Without the option nothing is counted. With it a frame costs some twenty atomic additions, and
//! nobody waits for whoever reads them.

mod args;
mod counters;
mod reasons;
mod server;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use link::AuthCounts;
use protocol::{DropReason, Message, Timing};

pub use args::MetricsArgs;
use counters::Counters;
pub(crate) use reasons::{JobEnd, Lost, Refused, StreamEnd, UploadEnd};
pub(crate) use server::{Bound, bind};

/// Where what happens is counted; clones count together. The default one counts nothing.
#[derive(Clone, Default)]
pub(crate) struct Metrics(Option<Arc<Counters>>);

/// A client that is connected until this is dropped.
pub(crate) struct Connected {
    metrics: Metrics,
    since: std::time::Instant,
}

impl Metrics {
    /// Counts for a worker that runs this model.
    ///
    /// # Errors
    /// None of the names that are in use now.
    pub(crate) fn new(model: Option<&pose::ModelDescription>) -> Result<Self> {
        let counters = Counters::new()?;
        counters.tell_build(model);
        Ok(Self(Some(Arc::new(counters))))
    }

    /// A whole frame of a stream, of so many bytes.
    pub(crate) fn frame(&self, bytes: u64) {
        self.count(|it| {
            it.frames.inc();
            it.bytes.inc_by(bytes);
        });
    }

    /// A frame that could not be put together.
    pub(crate) fn dropped(&self, reason: &DropReason) {
        self.lost(Lost::Dropped(reasons::word(reason)));
    }

    /// A frame that gets no pose and no answer.
    pub(crate) fn lost(&self, why: Lost) {
        self.count(|it| it.dropped.with_label_values(&[why.word()]).inc());
    }

    pub(crate) fn unreadable(&self) {
        self.count(|it| it.unreadable.inc());
    }

    /// A frame's answer, whether its client wants to have it or not.
    pub(crate) fn answer(&self, message: &Message) {
        self.count(|it| match message {
            Message::Prediction(prediction) => {
                it.predictions.inc();
                it.instances.inc_by(prediction.instances.len() as u64);
                it.steps.observe(&prediction.timing);
            }
            Message::FrameReceived(received) => {
                it.verified.inc();
                it.steps.observe(&received.timing);
            }
            Message::Error(_) => it.errors.inc(),
            _ => {}
        });
    }

    /// A frame that is answered with an error before it reaches the pipeline.
    pub(crate) fn error(&self) {
        self.count(|it| it.errors.inc());
    }

    /// One call of the model, with so many frames.
    pub(crate) fn batch(&self, frames: usize) {
        self.count(|it| it.batches.observe(frames as f64));
    }

    pub(crate) fn stream_starts(&self) {
        self.count(|it| {
            it.streams_started.inc();
            it.streaming.inc();
        });
    }

    /// A stream that started is over.
    pub(crate) fn stream_ends(&self, end: StreamEnd, lasted: Duration) {
        self.count(|it| {
            it.streaming.dec();
            it.streams_ended.with_label_values(&[end.word()]).inc();
            it.stream_time.observe(lasted.as_secs_f64());
        });
    }

    pub(crate) fn refused(&self, why: Refused) {
        self.count(|it| it.refused.with_label_values(&[why.word()]).inc());
    }

    /// A client has come, and stays until this is dropped.
    pub(crate) fn client(&self) -> Connected {
        self.count(|it| {
            it.clients_total.inc();
            it.clients.inc();
        });
        Connected {
            metrics: self.clone(),
            since: std::time::Instant::now(),
        }
    }

    /// So many bytes of a file.
    pub(crate) fn file_bytes(&self, bytes: usize) {
        self.count(|it| it.file_bytes.inc_by(bytes as u64));
    }

    pub(crate) fn upload(&self, end: UploadEnd) {
        self.count(|it| it.uploads.with_label_values(&[end.word()]).inc());
    }

    pub(crate) fn job_starts(&self) {
        self.count(|it| it.jobs_active.inc());
    }

    pub(crate) fn job_ends(&self, end: JobEnd) {
        self.count(|it| {
            it.jobs_active.dec();
            it.jobs.with_label_values(&[end.word()]).inc();
        });
    }

    pub(crate) fn drains(&self) {
        self.count(|it| it.draining.set(1));
    }

    /// Where to read how clients' attempts to authenticate ended.
    pub(crate) fn authentications(&self, counts: impl Fn() -> AuthCounts + Send + Sync + 'static) {
        // There is one acceptor in a worker's life.
        self.count(|it| drop(it.auth.set(Box::new(counts))));
    }

    fn count(&self, change: impl FnOnce(&Counters)) {
        if let Some(counters) = &self.0 {
            change(counters);
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.metrics.count(|it| {
            it.clients.dec();
            it.client_time.observe(self.since.elapsed().as_secs_f64());
        });
    }
}

impl counters::Steps {
    fn observe(&self, timing: &Timing) {
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
