//! The order of the stream: frames leave in the order in which they came, whichever thread decoded them.

use std::sync::Arc;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::decode::DecodedFrame;
use crate::streams::ResultRoute;

/// What the pipeline takes, in order.
pub(super) enum PipelineInput {
    /// A frame that is being decoded.
    Frame(oneshot::Receiver<DecodedFrame>),
    Mark(StreamMark),
}

/// What happens between frames.
pub(super) enum StreamMark {
    BatchStarted,
    BatchEnded,
    /// The frames of this route follow.
    StreamStarted(Arc<ResultRoute>),
    /// No frame of this route follows: its stream is complete, or its client is gone.
    StreamEnded(Arc<ResultRoute>),
    /// Completed once everything before it has its result and the sinks have finished with it.
    Flush(oneshot::Sender<()>),
}

/// What the engine takes, in the same order.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, and nearly all are frames"
)]
pub(super) enum DecodedItem {
    Frame(DecodedFrame),
    /// A frame that could not be decoded; it has its result already.
    Failed,
    Mark(StreamMark),
}

/// The queue between the decoding threads and the engine.
pub(super) struct OrderedQueue {
    queue: mpsc::Receiver<PipelineInput>,
    /// The next frame: taken from the queue, but still being decoded.
    first: Option<oneshot::Receiver<DecodedFrame>>,
}

impl OrderedQueue {
    pub(super) fn new(queue: mpsc::Receiver<PipelineInput>) -> Self {
        Self { queue, first: None }
    }

    /// The next item; waits for it. `None` is the end.
    pub(super) fn wait(&mut self) -> Option<DecodedItem> {
        let frame = match self.first.take() {
            Some(frame) => frame,
            None => match self.queue.blocking_recv()? {
                PipelineInput::Frame(frame) => frame,
                PipelineInput::Mark(mark) => return Some(DecodedItem::Mark(mark)),
            },
        };
        Some(match frame.blocking_recv() {
            Ok(decoded) => DecodedItem::Frame(decoded),
            Err(_) => DecodedItem::Failed,
        })
    }

    /// The next item if it is there already.
    pub(super) fn poll(&mut self) -> Option<DecodedItem> {
        let mut frame = match self.first.take() {
            Some(frame) => frame,
            None => match self.queue.try_recv().ok()? {
                PipelineInput::Frame(frame) => frame,
                PipelineInput::Mark(mark) => return Some(DecodedItem::Mark(mark)),
            },
        };
        match frame.try_recv() {
            Ok(decoded) => Some(DecodedItem::Frame(decoded)),
            Err(TryRecvError::Closed) => Some(DecodedItem::Failed),
            Err(TryRecvError::Empty) => {
                self.first = Some(frame);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The item in short.
    fn word(event: Option<DecodedItem>) -> String {
        match event {
            Some(DecodedItem::Frame(decoded)) => decoded.frame_id.to_string(),
            Some(DecodedItem::Failed) => "failed".into(),
            Some(DecodedItem::Mark(_)) => "mark".into(),
            None => "nothing".into(),
        }
    }

    struct Input {
        work: mpsc::Sender<PipelineInput>,
        route: Arc<ResultRoute>,
    }

    impl Input {
        fn new() -> (Self, OrderedQueue) {
            let (work, queue) = mpsc::channel(8);
            let route = Arc::new(ResultRoute::new(mpsc::channel(1).0, true));
            (Self { work, route }, OrderedQueue::new(queue))
        }

        fn frame(&self) -> oneshot::Sender<DecodedFrame> {
            let (place, decoded) = oneshot::channel();
            self.work
                .try_send(PipelineInput::Frame(decoded))
                .expect("room");
            place
        }

        fn decoded(&self, place: oneshot::Sender<DecodedFrame>, frame_id: u64) {
            let decoded = DecodedFrame::example(frame_id, &self.route);
            place.send(decoded).ok().expect("still wanted");
        }
    }

    #[test]
    fn frames_keep_their_order_whichever_is_decoded_first() {
        let (queue, mut ordered) = Input::new();
        let places = [queue.frame(), queue.frame()];
        queue
            .work
            .try_send(PipelineInput::Mark(StreamMark::BatchEnded))
            .expect("room");
        let [first, second] = places;
        queue.decoded(second, 2);
        assert_eq!(word(ordered.poll()), "nothing");
        assert_eq!(word(ordered.poll()), "nothing");
        queue.decoded(first, 1);
        let words = [
            ordered.poll(),
            ordered.wait(),
            ordered.poll(),
            ordered.poll(),
        ];
        assert_eq!(words.map(word), ["1", "2", "mark", "nothing"]);
        drop(queue);
        assert_eq!(word(ordered.wait()), "nothing");
    }

    #[test]
    fn a_frame_that_cannot_be_decoded_holds_up_nothing() {
        let (queue, mut ordered) = Input::new();
        drop(queue.frame());
        let place = queue.frame();
        queue.decoded(place, 2);
        drop(queue.frame());
        let words = [ordered.poll(), ordered.poll(), ordered.wait()];
        assert_eq!(words.map(word), ["failed", "2", "failed"]);
    }
}
