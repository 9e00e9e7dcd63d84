//! What else sees the frames of a stream.

use std::sync::Arc;

use protocol::FrameId;
use vision::capture::{CapturedFrame, DriverTiming, SourceInfo};

/// Sees frames as they come from the source, and when their results are here. Both on threads of the stream:
/// neither may wait.
pub(crate) trait FrameWatcher: Send + Sync {
    /// The source is open.
    fn opened(&self, info: &SourceInfo, timing: Option<DriverTiming>);

    /// A frame has come, and is on its way to the worker already.
    fn captured(&self, frame: &CapturedFrame);

    /// The result of a frame is here.
    fn returned(&self, frame_id: FrameId);
}

/// A watcher that the stream and the caller share.
pub(crate) type SharedWatcher = Arc<dyn FrameWatcher>;
