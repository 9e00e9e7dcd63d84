//! Poses of one stream for other programs. The streams of a run share the targets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emit::{EmittedFrame, Emitter, ONLY_STREAM, StreamInfo, StreamKey, TargetCounts};
use protocol::{DerivedPoses, Prediction};

/// Sends the poses of one stream to the targets of the run.
#[derive(Clone, Default)]
pub(crate) struct StreamEmitter {
    /// `None` once it is closed.
    targets: Option<Arc<Mutex<Emitter>>>,
    key: StreamKey,
    is_empty: bool,
}

impl StreamEmitter {
    /// Of the only stream.
    pub(crate) fn new(emitter: Emitter) -> Self {
        Self {
            is_empty: emitter.is_empty(),
            targets: Some(Arc::new(Mutex::new(emitter))),
            key: ONLY_STREAM,
        }
    }

    /// Sends to the same targets, for another stream.
    pub(crate) fn of_stream(&self, key: StreamKey) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }

    /// Whether there is no target.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Begins the stream.
    pub(crate) fn start(&self, info: StreamInfo) {
        if let Some(mut targets) = self.lock() {
            targets.start(self.key, info);
        }
    }

    /// Sends a frame's poses.
    pub(crate) fn pose(
        &self,
        prediction: &Prediction,
        derived: &DerivedPoses,
        frame: EmittedFrame,
    ) {
        if let Some(mut targets) = self.lock().filter(|_| !self.is_empty) {
            targets.pose_with(self.key, prediction, derived, frame);
        }
    }

    /// Ends the stream. The counts of its poses.
    pub(crate) fn end(&self) -> Vec<TargetCounts> {
        let targets = self.lock();
        targets.map_or_else(Vec::new, |mut targets| targets.end(self.key))
    }

    /// Waits until subscribers have taken what is queued for them, if this is the last stream.
    pub(crate) async fn close(&mut self) {
        let last = self.targets.take().and_then(Arc::into_inner);
        if let Some(targets) = last {
            let targets = targets.into_inner().unwrap_or_else(PoisonError::into_inner);
            targets.close().await;
        }
    }

    // No method of the emitter panics between two changes.
    fn lock(&self) -> Option<MutexGuard<'_, Emitter>> {
        let targets = self.targets.as_ref()?;
        Some(targets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
