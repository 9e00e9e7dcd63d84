//! A stream that was acknowledged, and its counts.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use protocol::{Backpressure, StreamComplete};
use tracing::info;

use super::frame_memory::FrameShare;
use crate::metrics::StreamEndReason;
use crate::pipeline::PipelineStream;
use crate::streams::{ResultRoute, ServedStreamGuard, StreamPermit};

/// Frames between two messages to the client that the queues are full.
const BACKPRESSURE_INTERVAL: u64 = 16;

/// The stream of a session.
pub(super) struct Stream {
    pub(super) route: Arc<ResultRoute>,
    /// Its queue.
    pub(super) pipeline: Arc<PipelineStream>,
    started: Instant,
    /// For the frame of which parts have arrived.
    pub(super) memory: FrameShare,
    /// Complete frames that arrived, and their bytes.
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// Messages that could not be read.
    pub(super) unreadable: u64,
    /// The number of frames when the client was last notified of full queues.
    reported: Option<u64>,
    /// Both sides send a message every second.
    has_heartbeat: bool,
    /// Marks the stream as served. Before the permit: the next stream begins after it.
    _serving: ServedStreamGuard,
    permit: StreamPermit,
}

impl Stream {
    /// A stream that begins now.
    pub(super) fn new(
        (route, pipeline): (Arc<ResultRoute>, PipelineStream),
        (has_heartbeat, memory): (bool, FrameShare),
        serving: ServedStreamGuard,
        permit: StreamPermit,
    ) -> Self {
        Self {
            route,
            pipeline: Arc::new(pipeline),
            started: Instant::now(),
            memory,
            frames: 0,
            bytes: 0,
            unreadable: 0,
            reported: None,
            has_heartbeat,
            _serving: serving,
            permit,
        }
    }

    /// Ends what belongs to this stream alone, and leaves the permit for the client's next one.
    pub(super) fn into_permit(self) -> StreamPermit {
        self.permit
    }

    /// Whether both sides send a message every second.
    pub(super) fn has_heartbeat(&self) -> bool {
        self.has_heartbeat
    }

    /// A frame has to wait. Returns the message to the client, if one is due.
    pub(super) fn queues_are_full(&mut self) -> Option<Backpressure> {
        let due = self
            .reported
            .is_none_or(|reported| self.frames >= reported + BACKPRESSURE_INTERVAL);
        let is_sent = self.route.answers() && due;
        if is_sent {
            self.reported = Some(self.frames);
        }
        let answered = self.route.answered();
        is_sent.then(|| Backpressure {
            waiting: self.frames.saturating_sub(answered),
        })
    }

    /// Counts the end of the stream; to be called once.
    pub(super) fn ends(&self, end: StreamEndReason) {
        let metrics = &self.route.metrics;
        metrics.stream_ends(end, self.started.elapsed());
    }

    /// The STREAM_COMPLETE of the stream as it is now.
    pub(super) fn complete(&self) -> StreamComplete {
        let elapsed = self.started.elapsed().as_secs_f64();
        let counts = &self.route.counts;
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

    /// Logs the stream's counts.
    pub(super) fn log(&self, what: &str) {
        let complete = self.complete();
        // Only what happened.
        let some = |count: u64| (count > 0).then_some(count);
        info!(
            stream = self.route.name(),
            frames = self.frames,
            predictions = complete.predictions.and_then(some),
            failed = some(self.route.counts.failures.load(Relaxed)),
            damaged = some(self.route.counts.damaged.load(Relaxed)),
            unreadable = some(self.unreadable),
            saved = some(complete.frames_saved),
            fps = %format_args!("{:.1}", complete.average_fps),
            megabytes_per_s = %format_args!("{:.1}", self.bytes as f64 / 1e6 / complete.elapsed_seconds.max(1e-9)),
            "{what}"
        );
    }
}
