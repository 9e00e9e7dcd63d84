//! `--view`: frames with their results for the live view.

use std::sync::Arc;

use protocol::{Frame, Message};

use crate::pipeline::{DecodedFrame, FrameSelector, FrameSink, SelectedFrame};
use crate::streams::ResultRoute;
use crate::view::{FrameClaim, ViewBroker};

/// Reports results to the live view, which chooses the frames that it shows.
pub(crate) struct ViewSink(Arc<ViewBroker>);

impl ViewSink {
    /// A sink for the viewers of `broker`.
    pub(crate) fn new(broker: Arc<ViewBroker>) -> Self {
        Self(broker)
    }
}

impl FrameSink for ViewSink {
    fn selector(&self) -> Option<Arc<dyn FrameSelector>> {
        Some(Arc::new(ViewSelector(Arc::clone(&self.0))))
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        self.0.answered(&frame.route, result);
    }
}

struct ViewSelector(Arc<ViewBroker>);

impl FrameSelector for ViewSelector {
    fn select(&self, frame: &Frame, stream: &Arc<ResultRoute>) -> Option<Box<dyn SelectedFrame>> {
        let claim = self.0.claim(frame, stream)?;
        Some(Box::new(claim))
    }
}

impl SelectedFrame for FrameClaim {
    fn result(self: Box<Self>, result: &Message) {
        self.answered(result);
    }
}
