//! The stream's order: what was handed over first is given out first, whichever thread decoded it.

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::decode::Decoded;

/// What the session hands over, in order.
pub(super) enum Work {
    /// A frame that is being decoded.
    Frame(oneshot::Receiver<Decoded>),
    Mark(Mark),
}

/// What happens between frames.
pub(super) enum Mark {
    BatchStarted,
    BatchEnded,
    /// The client is gone in the midst of its stream.
    StreamLost,
    /// Answered once everything before it was answered.
    Flush(oneshot::Sender<()>),
}

/// What the engine takes, in the same order.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, and nearly all are frames"
)]
pub(super) enum Event {
    Frame(Decoded),
    /// There was a frame, and it was answered already: it could not be decoded.
    Broken,
    Mark(Mark),
}

pub(super) struct Incoming {
    queue: mpsc::Receiver<Work>,
    /// Taken from the queue, but still being decoded.
    first: Option<oneshot::Receiver<Decoded>>,
}

impl Incoming {
    pub(super) fn new(queue: mpsc::Receiver<Work>) -> Self {
        Self { queue, first: None }
    }

    /// The next event; waits for it. `None` is the end.
    pub(super) fn wait(&mut self) -> Option<Event> {
        let frame = match self.first.take() {
            Some(frame) => frame,
            None => match self.queue.blocking_recv()? {
                Work::Frame(frame) => frame,
                Work::Mark(mark) => return Some(Event::Mark(mark)),
            },
        };
        Some(match frame.blocking_recv() {
            Ok(decoded) => Event::Frame(decoded),
            Err(_) => Event::Broken,
        })
    }

    /// The next event if it is there already.
    pub(super) fn poll(&mut self) -> Option<Event> {
        let mut frame = match self.first.take() {
            Some(frame) => frame,
            None => match self.queue.try_recv().ok()? {
                Work::Frame(frame) => frame,
                Work::Mark(mark) => return Some(Event::Mark(mark)),
            },
        };
        match frame.try_recv() {
            Ok(decoded) => Some(Event::Frame(decoded)),
            Err(TryRecvError::Closed) => Some(Event::Broken),
            Err(TryRecvError::Empty) => {
                self.first = Some(frame);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::session::Requester;

    /// What came, in short.
    fn word(event: Option<Event>) -> String {
        match event {
            Some(Event::Frame(decoded)) => decoded.frame_id.to_string(),
            Some(Event::Broken) => "broken".into(),
            Some(Event::Mark(_)) => "mark".into(),
            None => "nothing".into(),
        }
    }

    struct Queue {
        work: mpsc::Sender<Work>,
        requester: Arc<Requester>,
    }

    impl Queue {
        fn new() -> (Self, Incoming) {
            let (work, queue) = mpsc::channel(8);
            let requester = Arc::new(Requester::new(mpsc::channel(1).0, true));
            (Self { work, requester }, Incoming::new(queue))
        }

        fn frame(&self) -> oneshot::Sender<Decoded> {
            let (place, decoded) = oneshot::channel();
            self.work.try_send(Work::Frame(decoded)).expect("room");
            place
        }

        fn decoded(&self, place: oneshot::Sender<Decoded>, frame_id: u64) {
            let decoded = Decoded::example(frame_id, &self.requester);
            place.send(decoded).ok().expect("still wanted");
        }
    }

    #[test]
    fn frames_keep_their_order_whichever_is_decoded_first() {
        let (queue, mut incoming) = Queue::new();
        let places = [queue.frame(), queue.frame()];
        queue
            .work
            .try_send(Work::Mark(Mark::BatchEnded))
            .expect("room");
        let [first, second] = places;
        queue.decoded(second, 2);
        assert_eq!(word(incoming.poll()), "nothing");
        assert_eq!(word(incoming.poll()), "nothing");
        queue.decoded(first, 1);
        let words = [
            incoming.poll(),
            incoming.wait(),
            incoming.poll(),
            incoming.poll(),
        ];
        assert_eq!(words.map(word), ["1", "2", "mark", "nothing"]);
        drop(queue);
        assert_eq!(word(incoming.wait()), "nothing");
    }

    #[test]
    fn a_frame_that_cannot_be_decoded_holds_up_nothing() {
        let (queue, mut incoming) = Queue::new();
        drop(queue.frame());
        let place = queue.frame();
        queue.decoded(place, 2);
        drop(queue.frame());
        let words = [incoming.poll(), incoming.poll(), incoming.wait()];
        assert_eq!(words.map(word), ["broken", "2", "broken"]);
    }
}
