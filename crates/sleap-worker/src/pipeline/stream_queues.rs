//! The queues of all streams between the sessions, the decoding threads and the engine.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::frames::{DecodeTask, DecodedFrame};
use super::scheduler::{BatchLimits, Call, Place, Scheduler, StreamClass, StreamId};
use crate::streams::ResultRoute;

/// What happens between frames of a stream.
pub(super) enum StreamMark {
    /// The frames of this route follow.
    StreamStarted(Arc<ResultRoute>),
    /// No frame of this route follows: its stream is complete, or its client is gone. Completed once the sinks know.
    StreamEnded(Arc<ResultRoute>, oneshot::Sender<()>),
    /// Completed once everything before it has its result and the sinks have finished with it.
    Flush(oneshot::Sender<()>),
}

/// What the engine does next.
pub(super) enum EngineInput {
    /// Frames for one call of the model.
    Frames(Vec<DecodedFrame>),
    Mark(StreamMark),
}

/// The queues.
pub(super) struct StreamQueues {
    state: Mutex<State>,
    /// There may be a frame to decode.
    jobs: Condvar,
    /// There may be something for the engine.
    calls: Condvar,
}

struct State {
    scheduler: Scheduler<DecodeTask, DecodedFrame, StreamMark, OwnedSemaphorePermit>,
    /// Completed once all streams are done with what they have.
    flushes: Vec<oneshot::Sender<()>>,
    /// Nothing is added any more.
    is_closed: bool,
}

/// The place of a frame that is being decoded. Dropped without the frame, it leaves none.
pub(super) struct DecodePlace {
    queues: Arc<StreamQueues>,
    place: Option<Place>,
}

impl StreamQueues {
    /// Without streams.
    pub(super) fn new(limits: BatchLimits) -> Self {
        Self {
            state: Mutex::new(State {
                scheduler: Scheduler::new(limits),
                flushes: Vec::new(),
                is_closed: false,
            }),
            jobs: Condvar::new(),
            calls: Condvar::new(),
        }
    }

    /// Adds a stream.
    pub(super) fn open(&self, class: StreamClass) -> StreamId {
        self.lock().scheduler.open(class)
    }

    /// Takes a stream out, once what it has is done.
    pub(super) fn close_stream(&self, id: StreamId) {
        self.lock().scheduler.close(id);
        self.calls.notify_all();
    }

    /// Adds a frame.
    pub(super) fn push(&self, id: StreamId, task: DecodeTask, room: OwnedSemaphorePermit) {
        self.lock().scheduler.push_frame(id, task, room);
        self.jobs.notify_one();
    }

    /// A batch of the client begins.
    pub(super) fn start_batch(&self, id: StreamId, room: OwnedSemaphorePermit) {
        self.lock().scheduler.start_batch(id, room);
        self.calls.notify_all();
    }

    /// The client's batch ends.
    pub(super) fn end_batch(&self, id: StreamId, room: OwnedSemaphorePermit) {
        self.lock().scheduler.end_batch(id, room);
        self.calls.notify_all();
    }

    /// Adds what follows the frames that the stream has so far.
    pub(super) fn mark(&self, id: StreamId, mark: StreamMark, room: OwnedSemaphorePermit) {
        self.lock().scheduler.push_mark(id, mark, room);
        self.calls.notify_all();
    }

    /// Completes `done` once all streams are done with what they have.
    pub(super) fn flush(&self, done: oneshot::Sender<()>) {
        self.lock().flushes.push(done);
        self.calls.notify_all();
    }

    /// Lets the threads end, once they have done what is there.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.jobs.notify_all();
        self.calls.notify_all();
    }

    /// The next frame to decode; waits for it. `None` is the end.
    pub(super) fn next_job(self: &Arc<Self>) -> Option<(DecodePlace, DecodeTask)> {
        let mut state = self.lock();
        loop {
            if let Some((place, task)) = state.scheduler.next_job(Instant::now()) {
                let place = DecodePlace {
                    queues: Arc::clone(self),
                    place: Some(place),
                };
                return Some((place, task));
            }
            if state.is_closed {
                return None;
            }
            let waited = self.jobs.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the engine does next; waits for it. `None` is the end.
    pub(super) fn next_input(&self) -> Option<EngineInput> {
        let mut state = self.lock();
        loop {
            match state.scheduler.next_call(Instant::now()) {
                Some(Call::Frames(frames)) => return Some(EngineInput::Frames(frames)),
                Some(Call::Mark(mark)) => return Some(EngineInput::Mark(mark)),
                None => {}
            }
            if state.scheduler.is_idle() {
                if let Some(done) = state.flushes.pop() {
                    return Some(EngineInput::Mark(StreamMark::Flush(done)));
                }
                if state.is_closed {
                    return None;
                }
            }
            let waited = self.calls.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    // The lock was poisoned by a panic, after which the worker ends: the state only has to be valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DecodePlace {
    /// The frame is decoded and takes its place.
    pub(super) fn fill(mut self, frame: DecodedFrame) {
        self.give(Some(frame));
    }

    fn give(&mut self, frame: Option<DecodedFrame>) {
        let Some(place) = self.place.take() else {
            return;
        };
        let frame = frame.map(|frame| {
            let bytes = frame.bytes();
            (frame, bytes)
        });
        self.queues.lock().scheduler.decoded(&place, frame);
        self.queues.calls.notify_all();
    }
}

impl Drop for DecodePlace {
    fn drop(&mut self) {
        self.give(None);
    }
}
