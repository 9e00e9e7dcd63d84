//! What else sees the frames of a stream.

use std::sync::Arc;

use protocol::{DerivedPoses, FrameId, Prediction, StreamAck};
use serde_json::Value;
use tokio::sync::Notify;
use vision::capture::{CapturedFrame, DriverTiming, SourceInfo};

use crate::send::in_flight::ReturnedFrame;

/// Sees frames as they come from the source, and what becomes of them. Its methods are called on threads of the
/// stream: none of them may wait.
pub(crate) trait FrameWatcher: Send + Sync {
    /// The worker is ready for the stream; `worker`: which one it is, for people.
    fn connected(&self, _ack: &StreamAck, _worker: &str) {}

    /// The source is open.
    fn opened(&self, _info: &SourceInfo, _timing: Option<DriverTiming>) {}

    /// A frame has come, and is on its way to the worker already.
    fn captured(&self, _frame: &CapturedFrame) {}

    /// A newer frame has taken the place of this one, which is not sent.
    fn replaced(&self, _frame_id: FrameId) {}

    /// The encoder takes the frame.
    fn taken(&self, _frame_id: FrameId) {}

    /// The result of a frame is here.
    fn returned(&self, _frame_id: FrameId) {}

    /// What the result of a frame is.
    fn answered(&self, _frame_id: FrameId, _answer: FrameAnswer<'_>) {}

    /// The frame is given up: no result is waited for. One that comes late is still taken.
    fn given_up(&self, _frame_id: FrameId, _why: &'static str) {}

    /// Notified when [`reported`](Self::reported) is to be called.
    fn wants_report(&self) -> Option<Arc<Notify>> {
        None
    }

    /// The summary as it is now.
    fn reported(&self, _summary: Value) {}
}

/// What the result of a frame is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FrameAnswer<'a> {
    /// The poses, with those that were computed from them.
    Poses(&'a Prediction, &'a DerivedPoses, &'a ReturnedFrame),
    /// The worker has received it, and predicts nothing.
    Received,
    /// The worker could not use it, for this reason.
    Failed(&'a str),
}

/// A watcher that the stream and the caller share.
pub(crate) type SharedWatcher = Arc<dyn FrameWatcher>;
