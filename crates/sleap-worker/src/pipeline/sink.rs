//! Sinks: receivers of frames with their results inside the worker.
//!
//! The pipeline's last thread calls every sink, in the order of each stream. Several streams may run: each call names
//! its stream.

use std::sync::Arc;

use protocol::{Message, ModelInfo, Skeleton};

use super::frames::DecodedFrame;
use super::needs::{FrameNeeds, FrameSelector};
use crate::streams::ResultRoute;

/// A wait until what a sink has received is where it belongs.
pub(crate) type FlushWait = Box<dyn FnOnce() + Send>;

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

    /// What to wait for until everything that the sink has received is where it belongs; `None`: it is there.
    fn flush(&mut self) -> Option<FlushWait> {
        None
    }

    /// The worker ends.
    fn close(self: Box<Self>) {}
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

    pub(super) fn flush(&mut self) -> Vec<FlushWait> {
        self.0.iter_mut().filter_map(|sink| sink.flush()).collect()
    }

    pub(super) fn close(self) {
        for sink in self.0 {
            sink.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use protocol::Frame;
    use tokio::sync::mpsc;

    use super::super::test_frame::frame;
    use super::super::{
        Engine, Pipeline, PipelineOptions, PipelineStream, SelectedFrame, StreamClass,
    };
    use super::*;
    use crate::streams::FrameOrigin;

    /// Notes every call.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Notes {
        fn add(&self, note: String) {
            self.lock().push(note);
        }

        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.lock())
        }

        fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl FrameSink for Notes {
        fn needs(&self) -> FrameNeeds {
            FrameNeeds {
                frame: true,
                ..FrameNeeds::default()
            }
        }

        fn selector(&self) -> Option<Arc<dyn FrameSelector>> {
            Some(Arc::new(self.clone()))
        }

        fn stream_started(&mut self, stream: &StreamHeader<'_>) {
            self.add(format!("start {}", stream.stream.origin.source_name));
        }

        fn result(&mut self, frame: &DecodedFrame, result: &Message) {
            let kept = (frame.frame.is_some(), frame.content.is_some());
            assert_eq!(kept, (true, false), "what it needs and no more");
            assert!(matches!(result, Message::FrameReceived(_)), "{result:?}");
            self.add(format!("frame {}", frame.frame_id));
        }

        fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
            self.add(format!("end {}", stream.origin.source_name));
        }

        fn flush(&mut self) -> Option<FlushWait> {
            let notes = self.clone();
            Some(Box::new(move || notes.add("flush".into())))
        }

        fn close(self: Box<Self>) {
            self.add("close".into());
        }
    }

    impl FrameSelector for Notes {
        fn select(&self, frame: &Frame, _: &Arc<ResultRoute>) -> Option<Box<dyn SelectedFrame>> {
            let notes = self.clone();
            (frame.meta.frame_id == 2).then(|| Box::new(notes) as Box<dyn SelectedFrame>)
        }
    }

    impl SelectedFrame for Notes {
        fn result(self: Box<Self>, _: &Message) {
            self.add("selected".into());
        }
    }

    fn pipeline(notes: &Notes) -> Pipeline {
        let mut sinks = FrameSinks::default();
        sinks.add(notes.clone());
        let options = PipelineOptions {
            sinks,
            ..PipelineOptions::default()
        };
        Pipeline::start(Engine::Verify, options).unwrap()
    }

    fn route(name: &str, replies: mpsc::Sender<Message>) -> ResultRoute {
        ResultRoute::new(replies, true).of(FrameOrigin {
            source_name: name.into(),
            ..FrameOrigin::default()
        })
    }

    fn open(pipeline: &Pipeline, route: ResultRoute) -> PipelineStream {
        pipeline.open(Arc::new(route), StreamClass::Live)
    }

    #[tokio::test]
    async fn a_sink_receives_the_start_each_frame_and_the_end_of_a_stream_in_order() {
        let (notes, (replies, _outbox)) = (Notes::default(), mpsc::channel(8));
        let pipeline = pipeline(&notes);
        let stream = open(&pipeline, route("mouse", replies.clone()));
        let file = open(&pipeline, route("file", replies).aside());
        stream.started().await.unwrap();
        stream.frame(frame(1)).await.unwrap();
        file.frame(frame(2)).await.unwrap();
        stream.frame(frame(2)).await.unwrap();
        stream.ended().await.unwrap();
        stream.flush().await.unwrap();
        let expected = [
            "start mouse",
            "frame 1",
            "selected",
            "frame 2",
            "end mouse",
            "flush",
        ];
        assert_eq!(notes.take(), expected);
        // It has ended once.
        stream.ended().await.unwrap();
        pipeline.flush().await.unwrap();
        assert_eq!(notes.take(), ["flush"]);
        drop((stream, file, pipeline));
        assert_eq!(notes.take(), ["close"]);
    }

    #[tokio::test]
    async fn streams_run_side_by_side() {
        let (notes, (replies, _outbox)) = (Notes::default(), mpsc::channel(8));
        let pipeline = pipeline(&notes);
        let left = open(&pipeline, route("left", replies.clone()));
        let right = open(&pipeline, route("right", replies));
        left.started().await.unwrap();
        left.frame(frame(1)).await.unwrap();
        left.flush().await.unwrap();
        right.started().await.unwrap();
        right.frame(frame(3)).await.unwrap();
        right.flush().await.unwrap();
        left.ended().await.unwrap();
        left.flush().await.unwrap();
        right.ended().await.unwrap();
        drop((left, right));
        pipeline.flush().await.unwrap();
        let mut told = notes.take();
        told.retain(|note| note != "flush");
        let expected = [
            "start left",
            "frame 1",
            "start right",
            "frame 3",
            "end left",
            "end right",
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn a_stream_that_was_cut_off_has_an_end_too() {
        let notes = Notes::default();
        let pipeline = pipeline(&notes);
        let (replies, outbox) = mpsc::channel(8);
        let lost = open(&pipeline, route("lost", replies));
        lost.started().await.unwrap();
        lost.flush().await.unwrap();
        drop((lost, outbox));
        let (replies, _outbox) = mpsc::channel(8);
        let next = open(&pipeline, route("next", replies));
        next.started().await.unwrap();
        next.flush().await.unwrap();
        let expected = ["start lost", "flush", "end lost", "start next", "flush"];
        assert_eq!(notes.take(), expected);
        drop((next, pipeline));
        assert_eq!(notes.take(), ["end next", "close"]);
    }

    #[tokio::test]
    async fn a_client_that_takes_no_results_holds_up_no_other() {
        let notes = Notes::default();
        let pipeline = pipeline(&notes);
        let (replies, _unread) = mpsc::channel(1);
        let stalled = open(&pipeline, route("stalled", replies));
        stalled.frame(frame(1)).await.unwrap();
        stalled.flush().await.unwrap();
        let further = tokio::spawn(async move { stalled.frame(frame(2)).await });
        let (replies, mut outbox) = mpsc::channel(1);
        let victim = open(&pipeline, route("victim", replies));
        for id in 0..100 {
            victim.frame(frame(id)).await.unwrap();
            assert!(outbox.recv().await.is_some());
        }
        assert!(!further.is_finished(), "it waits for its client");
        further.abort();
    }
}
