//! Who asked for a frame: where its answer goes and where it is counted.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protocol::Message;
use tokio::sync::mpsc;

use crate::metrics::{Lost, Metrics};

pub(crate) struct Requester {
    pub(super) replies: mpsc::Sender<Message>,
    pub(crate) origin: Origin,
    /// Frames are answered even without a model (the client asked for it).
    pub(super) answers: bool,
    pub(crate) counts: Counts,
    pub(super) metrics: Metrics,
    /// Its frames are those of a file: nobody but the requester sees them, and streams come first.
    is_aside: bool,
}

/// Where a stream's frames come from, as its client says.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) source_name: String,
    /// Width and height of the source, pixels; 0 = unknown.
    pub(crate) size: (u32, u32),
    pub(crate) is_webcam: bool,
}

/// What became of a stream's frames.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) predictions: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) saved: AtomicU64,
    /// Frames that arrived damaged.
    pub(super) damaged: AtomicU64,
    /// All of them, whatever the answer was.
    pub(super) answered: AtomicU64,
    /// How long the last answered frame was here, microseconds.
    latest_us: AtomicU64,
}

impl Counts {
    /// Frames that were answered so far, and the failures among them.
    pub(crate) fn answers_and_failures(&self) -> (u64, u64) {
        let damaged = self.damaged.load(Relaxed);
        let failures = self.failures.load(Relaxed) + damaged;
        (self.answered.load(Relaxed) + damaged, failures)
    }
}

impl Requester {
    pub(crate) fn new(replies: mpsc::Sender<Message>, answers: bool) -> Self {
        Self {
            replies,
            origin: Origin::default(),
            answers,
            counts: Counts::default(),
            metrics: Metrics::default(),
            is_aside: false,
        }
    }

    /// Of a file beside streams.
    pub(crate) fn aside(self) -> Self {
        Self {
            is_aside: true,
            ..self
        }
    }

    /// Whether its frames are those of a file beside streams.
    pub(crate) fn is_aside(&self) -> bool {
        self.is_aside
    }

    /// With its answers counted there, too.
    pub(crate) fn counted_in(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// With frames of this origin.
    pub(crate) fn of(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// True once the client has left: its frames need no work any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.replies.is_closed()
    }

    /// Whether a frame of it needs no work because it is gone; then the frame counts as lost.
    pub(crate) fn leaves_a_frame(&self) -> bool {
        let is_gone = self.is_gone();
        if is_gone {
            self.metrics.lost(Lost::ClientLeft);
        }
        is_gone
    }

    /// Frames that were answered, whatever the answer was.
    pub(crate) fn answered(&self) -> u64 {
        self.counts.answered.load(Relaxed)
    }

    /// From the last answered frame's first byte to its answer; zero before the first.
    pub(crate) fn latest(&self) -> Duration {
        Duration::from_micros(self.counts.latest_us.load(Relaxed))
    }

    /// Sends an answer, waiting for room. For the pipeline's threads, never for async code.
    pub(crate) fn answer(&self, message: Message) {
        let timing = match &message {
            Message::Prediction(prediction) => Some(&prediction.timing),
            Message::FrameReceived(received) => Some(&received.timing),
            _ => None,
        };
        if let Some(total) = timing.and_then(|timing| timing.total_us) {
            self.counts.latest_us.store(total, Relaxed);
        }
        self.metrics.answer(&message);
        match &message {
            Message::Prediction(_) => self.counts.predictions.fetch_add(1, Relaxed),
            Message::Error(_) => self.counts.failures.fetch_add(1, Relaxed),
            Message::FrameReceived(_) if !self.answers => return,
            _ => 0,
        };
        self.counts.answered.fetch_add(1, Relaxed);
        // A client that left takes no answers; the session notices by itself.
        let _ = self.replies.blocking_send(message);
    }
}
