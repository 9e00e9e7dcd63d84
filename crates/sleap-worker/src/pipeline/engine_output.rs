//! What the engine passes on to the last stage.

use std::sync::Arc;
use std::time::Instant;

use pose::{BatchOutputs, PredictError};
use tokio::sync::oneshot;

use super::frames::DecodedFrame;
use crate::streams::ResultRoute;

/// What happens between frames of a stream.
pub(super) enum StreamMark {
    /// The frames of this route follow.
    StreamStarted(Arc<ResultRoute>),
    /// No frame of this route follows: its stream is complete, or its client is gone. Completed once the sinks know.
    StreamEnded(Arc<ResultRoute>, oneshot::Sender<()>),
    /// Completed once everything before it, of this route or of all, has its result and the sinks have finished with it.
    Flush(Option<Arc<ResultRoute>>, oneshot::Sender<()>),
}

/// A batch that went through the engine.
pub(super) struct InferredBatch {
    pub(super) frames: Vec<DecodedFrame>,
    /// `None` without a model.
    pub(super) outputs: Result<Option<BatchOutputs>, PredictError>,
    /// When the engine began with it.
    pub(super) started: Instant,
}

/// What the devices pass on, in the order of each stream.
pub(super) enum EngineOutput {
    /// What a call gave: one batch, or one for each of its frames.
    Batches(Vec<InferredBatch>),
    Mark(StreamMark),
}
