//! What a run has done so far, over all connections.

use std::time::Duration;

/// What happened so far, over all connections.
#[derive(Debug, Default)]
pub(super) struct TransferTotals {
    /// Bytes that were sent.
    pub(super) sent: u64,
    /// How long that took.
    pub(super) upload: Duration,
    /// Frames of the job that ran last.
    pub(super) frames: u64,
    /// Instances in the file of predictions, where the worker reports them.
    pub(super) poses: Option<u64>,
    /// Those of the frames that were predicted while this run waited for them.
    pub(super) waited_for: u64,
    /// How long this run waited for predictions.
    pub(super) inference: Duration,
    /// Frames that the connection at hand has reported.
    reported: Option<u64>,
    /// How far a connection has come at best: bytes of the file, and frames.
    pub(super) furthest: (u64, u64),
}

impl TransferTotals {
    /// This many bytes were sent, which end at `at` in the file.
    pub(super) fn sent(&mut self, bytes: u64, at: u64) {
        self.sent += bytes;
        self.furthest.0 = self.furthest.0.max(at);
    }

    /// Another connection waits for predictions.
    pub(super) fn wait_begins(&mut self) {
        self.reported = None;
    }

    /// The worker reports how many frames it has predicted.
    pub(super) fn predicted(&mut self, frames: u64) {
        self.frames = frames;
        // A job that went on without this client is further on at its first report.
        self.waited_for += frames.saturating_sub(self.reported.unwrap_or(frames));
        self.reported = Some(frames);
        self.furthest.1 = self.furthest.1.max(frames);
    }
}
