//! A stream that was acknowledged, and its accounts.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use protocol::{Backpressure, StreamComplete};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::current::Serving;
use super::requester::Requester;
use super::stage::Turn;
use crate::metrics::StreamEnd;

/// The client hears of full queues again after so many frames.
const TELL_AGAIN: u64 = 16;

pub(super) struct Stream {
    pub(super) requester: Arc<Requester>,
    started: Instant,
    /// Whole frames that arrived, and their bytes.
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// Messages that could not be read.
    pub(super) unreadable: u64,
    /// How many frames there were when the client last heard of full queues.
    told: Option<u64>,
    /// Tells the client that the worker is there, where it agreed to do the same.
    heartbeat: Option<AbortOnDropHandle<()>>,
    /// Shows the stream. Before the permit: the next stream comes after it.
    _serving: Serving,
    _permit: Turn,
}

impl Stream {
    pub(super) fn new(
        requester: Arc<Requester>,
        heartbeat: Option<AbortOnDropHandle<()>>,
        serving: Serving,
        permit: Turn,
    ) -> Self {
        Self {
            requester,
            started: Instant::now(),
            frames: 0,
            bytes: 0,
            unreadable: 0,
            told: None,
            heartbeat,
            _serving: serving,
            _permit: permit,
        }
    }

    /// Whether the client says every second that it is there.
    pub(super) fn has_heartbeat(&self) -> bool {
        self.heartbeat.is_some()
    }

    /// A frame has to wait; what to tell the client, if it is to be told.
    pub(super) fn queues_are_full(&mut self) -> Option<Backpressure> {
        let due = self
            .told
            .is_none_or(|told| self.frames >= told + TELL_AGAIN);
        let tell = self.requester.answers && due;
        if tell {
            self.told = Some(self.frames);
        }
        let answered = self.requester.counts.answered.load(Relaxed);
        tell.then(|| Backpressure {
            waiting: self.frames.saturating_sub(answered),
        })
    }

    /// Counts how it ended; once.
    pub(super) fn ends(&self, end: StreamEnd) {
        let metrics = &self.requester.metrics;
        metrics.stream_ends(end, self.started.elapsed());
    }

    pub(super) fn complete(&self) -> StreamComplete {
        let elapsed = self.started.elapsed().as_secs_f64();
        let counts = &self.requester.counts;
        StreamComplete {
            frames_received: self.frames,
            frames_saved: counts.saved.load(Relaxed),
            elapsed_seconds: elapsed,
            average_fps: if elapsed > 0.0 {
                self.frames as f64 / elapsed
            } else {
                0.0
            },
            frames_dropped: Some(counts.answers_and_failures().1),
            predictions: Some(counts.predictions.load(Relaxed)),
        }
    }

    pub(super) fn log(&self, what: &str) {
        let complete = self.complete();
        info!(
            frames = self.frames,
            predictions = complete.predictions,
            failed = self.requester.counts.failures.load(Relaxed),
            damaged = self.requester.counts.damaged.load(Relaxed),
            unreadable = self.unreadable,
            saved = complete.frames_saved,
            fps = %format_args!("{:.1}", complete.average_fps),
            megabytes_per_s = %format_args!("{:.1}", self.bytes as f64 / 1e6 / complete.elapsed_seconds.max(1e-9)),
            "{what}"
        );
    }
}
