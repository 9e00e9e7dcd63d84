//! What sinks need of frames while these are decoded.

use std::sync::Arc;

use protocol::{Frame, Message};

use crate::streams::ResultRoute;

/// Parts of a frame that the pipeline keeps for the sinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FrameNeeds {
    /// The frame as it arrived: [`DecodedFrame::frame`](super::DecodedFrame::frame).
    pub(crate) frame: bool,
    /// The frame for display: [`DecodedFrame::content`](super::DecodedFrame::content).
    pub(crate) content: bool,
}

impl FrameNeeds {
    /// Whether nothing is needed.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// What either of the two needs.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            frame: self.frame || other.frame,
            content: self.content || other.content,
        }
    }
}

/// Chooses frames for a sink, on the decoding threads.
pub(crate) trait FrameSelector: Send + Sync {
    /// Takes the frame, or not; called for each frame of a stream, of which `stream` is the route.
    fn select(&self, frame: &Frame, stream: &Arc<ResultRoute>) -> Option<Box<dyn SelectedFrame>>;
}

/// A frame that a sink has chosen. It is dropped without a call where the frame gets no result.
pub(crate) trait SelectedFrame: Send {
    /// The frame has its result.
    fn result(self: Box<Self>, result: &Message);
}
