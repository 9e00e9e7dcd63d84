//! Where captured frames wait for the encoder: in a queue of their own, or in the slot that several cameras share.

use std::sync::Arc;

use vision::capture::CapturedFrame;

use crate::moments::CameraSlot;
use crate::send::queue::{FrameQueue, OverflowPolicy, QueueClosed};

/// Where captured frames wait for the encoder; clones are the same.
#[derive(Clone)]
pub(crate) enum SourceQueue {
    /// Those of one source.
    Own(Arc<FrameQueue<CapturedFrame>>),
    /// Those of a live camera, which go with those of others.
    Shared(CameraSlot<CapturedFrame>),
}

impl SourceQueue {
    /// The slot, or else a queue with this policy.
    pub(crate) fn new(slot: Option<CameraSlot<CapturedFrame>>, policy: OverflowPolicy) -> Self {
        match slot {
            Some(slot) => Self::Shared(slot),
            None => Self::Own(FrameQueue::new(policy)),
        }
    }

    /// Puts a frame in: waits for room, or replaces the oldest, which is returned.
    pub(crate) fn push(&self, frame: CapturedFrame) -> Result<Option<CapturedFrame>, QueueClosed> {
        match self {
            Self::Own(queue) => queue.push(frame),
            Self::Shared(slot) => slot.push(frame.captured, frame).map_err(|_| QueueClosed),
        }
    }

    /// The next frame, waiting for it; `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<CapturedFrame> {
        match self {
            Self::Own(queue) => queue.pop(),
            Self::Shared(slot) => slot.pop(),
        }
    }

    /// No more frames go in; what is there can still be taken.
    pub(crate) fn close(&self) {
        match self {
            Self::Own(queue) => queue.close(),
            Self::Shared(slot) => slot.close(),
        }
    }

    /// No more frames go in, and what is there is thrown away.
    pub(crate) fn cut(&self) {
        match self {
            Self::Own(queue) => queue.cut(),
            Self::Shared(slot) => slot.cut(),
        }
    }

    /// Frames that were left out.
    pub(crate) fn dropped(&self) -> u64 {
        match self {
            Self::Own(queue) => queue.dropped(),
            Self::Shared(slot) => slot.dropped(),
        }
    }
}

/// Closes a queue when dropped: the producer owns this, and the queue ends with it.
pub(crate) struct CloseOnDrop(pub(crate) SourceQueue);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
