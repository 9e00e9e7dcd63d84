//! Sinks: receivers of frames with their results inside the worker.
//!
//! The pipeline's last thread calls every sink, in the order of the stream. Streams follow each other;
//! each call names its stream, so that a sink can hold several of them.

use std::sync::Arc;

use protocol::{Frame, Message, ModelInfo, Skeleton};

use super::decode::DecodedFrame;
use crate::streams::ResultRoute;

/// A receiver of frames with their results.
pub(crate) trait FrameSink: Send {
    /// What the sink needs of every frame beside its result.
    fn needs(&self) -> FrameNeeds {
        FrameNeeds::default()
    }

    /// True where [`result`](Self::result) never waits: the sink then receives the results of a batch
    /// before the clients and the other sinks do.
    fn is_immediate(&self) -> bool {
        false
    }

    /// Chooses single frames while they are decoded, for a sink that needs only some of them.
    fn selector(&self) -> Option<Arc<dyn FrameSelector>> {
        None
    }

    /// A stream begins; its frames follow.
    fn stream_started(&mut self, _stream: &StreamHeader<'_>) {}

    /// A frame has its result.
    fn result(&mut self, frame: &DecodedFrame, result: &Message);

    /// A stream is over: complete, or its client is gone.
    fn stream_ended(&mut self, _stream: &Arc<ResultRoute>) {}

    /// Returns once everything that the sink has received is where it belongs.
    fn flush(&mut self) {}

    /// The worker ends.
    fn close(self: Box<Self>) {}
}

/// Parts of a frame that the pipeline keeps for the sinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FrameNeeds {
    /// The frame as it arrived: [`DecodedFrame::frame`].
    pub(crate) frame: bool,
    /// The frame for display: [`DecodedFrame::content`].
    pub(crate) content: bool,
}

impl FrameNeeds {
    /// Whether nothing is needed.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn or(self, other: Self) -> Self {
        Self {
            frame: self.frame || other.frame,
            content: self.content || other.content,
        }
    }
}

/// Chooses frames for a sink, on the decoding threads.
pub(crate) trait FrameSelector: Send + Sync {
    /// Takes the frame, or not; called for each frame of a stream.
    fn select(&self, frame: &Frame) -> Option<Box<dyn SelectedFrame>>;
}

/// A frame that a sink has chosen. It is dropped without a call where the frame gets no result.
pub(crate) trait SelectedFrame: Send {
    /// The frame has its result.
    fn result(self: Box<Self>, result: &Message);
}

/// What is known of a stream at its start.
pub(crate) struct StreamHeader<'a> {
    /// The stream; its origin has its name, size and rate.
    pub(crate) stream: &'a Arc<ResultRoute>,
    /// The model, where there is one.
    pub(crate) model: Option<&'a ModelInfo>,
    /// The nodes and edges of the predictions.
    pub(crate) skeleton: Option<&'a Skeleton>,
}

/// All sinks of a worker.
#[derive(Default)]
pub(crate) struct FrameSinks(Vec<Box<dyn FrameSink>>);

impl FrameSinks {
    /// Adds a sink. Of sinks that wait, an earlier one is served first.
    pub(crate) fn add(&mut self, sink: impl FrameSink + 'static) {
        self.0.push(Box::new(sink));
    }

    /// What all sinks together need.
    pub(super) fn needs(&self) -> FrameNeeds {
        let needs = self.0.iter().map(|sink| sink.needs());
        needs.fold(FrameNeeds::default(), FrameNeeds::or)
    }

    /// The selectors of all sinks.
    pub(super) fn selectors(&self) -> Vec<Arc<dyn FrameSelector>> {
        self.0.iter().filter_map(|sink| sink.selector()).collect()
    }

    pub(super) fn stream_started(&mut self, header: &StreamHeader<'_>) {
        for sink in &mut self.0 {
            sink.stream_started(header);
        }
    }

    /// Passes a result to the sinks that never wait, or to the others.
    pub(super) fn result(&mut self, are_immediate: bool, frame: &DecodedFrame, result: &Message) {
        for sink in &mut self.0 {
            if sink.is_immediate() == are_immediate {
                sink.result(frame, result);
            }
        }
    }

    pub(super) fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        for sink in &mut self.0 {
            sink.stream_ended(stream);
        }
    }

    pub(super) fn flush(&mut self) {
        for sink in &mut self.0 {
            sink.flush();
        }
    }

    pub(super) fn close(self) {
        for sink in self.0 {
            sink.close();
        }
    }
}
