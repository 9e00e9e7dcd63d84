//! A stream that was acknowledged, and its accounts.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use protocol::StreamComplete;
use tokio::sync::OwnedSemaphorePermit;
use tracing::info;

use super::requester::Requester;

pub(super) struct Stream {
    pub(super) requester: Arc<Requester>,
    started: Instant,
    /// Whole frames that arrived, and their bytes.
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// Frames that arrived damaged.
    pub(super) damaged: u64,
    /// Messages that could not be read.
    pub(super) unreadable: u64,
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    pub(super) fn new(requester: Requester, permit: OwnedSemaphorePermit) -> Self {
        Self {
            requester: Arc::new(requester),
            started: Instant::now(),
            frames: 0,
            bytes: 0,
            damaged: 0,
            unreadable: 0,
            _permit: permit,
        }
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
            frames_dropped: Some(self.damaged + counts.failures.load(Relaxed)),
            predictions: Some(counts.predictions.load(Relaxed)),
        }
    }

    pub(super) fn log(&self, what: &str) {
        let complete = self.complete();
        info!(
            frames = self.frames,
            predictions = complete.predictions,
            failed = self.requester.counts.failures.load(Relaxed),
            damaged = self.damaged,
            unreadable = self.unreadable,
            saved = complete.frames_saved,
            fps = %format_args!("{:.1}", complete.average_fps),
            megabytes_per_s = %format_args!("{:.1}", self.bytes as f64 / 1e6 / complete.elapsed_seconds.max(1e-9)),
            "{what}"
        );
    }
}
