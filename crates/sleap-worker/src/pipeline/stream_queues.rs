//! The queues of all streams between the sessions, the decoding threads and the engine.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::call_order::{CallNumber, CallStreams};
use super::engine_output::StreamMark;
use super::engine_outputs::{EngineOutputs, RouteKey};
use super::failover::{DeviceNumber, Failover, Retry};
use super::frames::{DecodeTask, DecodedFrame};
use super::scheduler::{BatchLimits, Call, Place, Scheduler, StreamClass, StreamId};

/// Frames for one call of the model.
pub(super) struct EngineCall {
    pub(super) number: CallNumber,
    pub(super) frames: Vec<DecodedFrame>,
}

/// A call for a device.
pub(super) struct GivenCall {
    pub(super) call: EngineCall,
    /// The devices that could not run it.
    pub(super) failed_on: Vec<DeviceNumber>,
    /// No device can run it: what this one makes of it is final.
    pub(super) is_last: bool,
}

/// What a device does next.
pub(super) enum EngineInput {
    Call(GivenCall),
    /// Something between calls, to be passed on.
    Mark(CallNumber, StreamMark),
    /// Nothing any more: others run what it cannot. So many are left.
    TakenOut {
        left: usize,
    },
}

/// The queues.
pub(super) struct StreamQueues {
    state: Mutex<State>,
    /// There may be a frame to decode.
    jobs: Condvar,
    /// There may be something for the engine.
    calls: Condvar,
    outputs: EngineOutputs,
}

struct State {
    scheduler: Scheduler<DecodeTask, DecodedFrame, StreamMark, OwnedSemaphorePermit>,
    /// The devices, and calls that failed.
    failover: Failover<EngineCall>,
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
    /// Without streams, for the devices of `failover`, which hand over what they have to `outputs`.
    pub(super) fn new(
        limits: BatchLimits,
        failover: Failover<EngineCall>,
        outputs: EngineOutputs,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                scheduler: Scheduler::new(limits),
                failover,
                flushes: Vec::new(),
                is_closed: false,
            }),
            jobs: Condvar::new(),
            calls: Condvar::new(),
            outputs,
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

    /// What a device does next; waits for it. `None` is the end.
    pub(super) fn next_input(&self, device: DeviceNumber) -> Option<EngineInput> {
        let mut state = self.lock();
        loop {
            if let Some(Retry { call, is_last }) = state.failover.retry(device) {
                let (call, failed_on) = call.into_parts();
                let given = GivenCall {
                    call,
                    failed_on,
                    is_last,
                };
                return Some(EngineInput::Call(given));
            }
            if state.failover.is_out(device) {
                let left = state.failover.in_use();
                return Some(EngineInput::TakenOut { left });
            }
            if state.failover.takes_calls(device) {
                if let Some(input) = self.next_call(&mut state) {
                    return Some(input);
                }
                if state.is_closed && state.scheduler.is_idle() {
                    return None;
                }
            }
            let waited = self.calls.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next call or mark, if there is anything for one.
    fn next_call(&self, state: &mut State) -> Option<EngineInput> {
        match state.scheduler.next_call(Instant::now()) {
            Some(Call::Frames(frames)) => {
                let number = self.outputs.begin(&frames);
                Some(EngineInput::Call(GivenCall {
                    call: EngineCall { number, frames },
                    failed_on: Vec::new(),
                    is_last: false,
                }))
            }
            Some(Call::Mark(mark)) => Some(self.mark_input(mark)),
            None if state.scheduler.is_idle() => {
                let done = state.flushes.pop()?;
                Some(self.mark_input(StreamMark::Flush(None, done)))
            }
            None => None,
        }
    }

    fn mark_input(&self, mark: StreamMark) -> EngineInput {
        let streams = || match &mark {
            StreamMark::StreamStarted(route)
            | StreamMark::StreamEnded(route, _)
            | StreamMark::Flush(Some(route), _) => {
                CallStreams::of(std::iter::once(RouteKey::of(route)))
            }
            StreamMark::Flush(None, _) => CallStreams::All,
        };
        EngineInput::Mark(self.outputs.number(streams), mark)
    }

    /// A call failed on a device, and before on these. `None`: another device is to try it. Else it is given back.
    pub(super) fn failed(
        &self,
        device: DeviceNumber,
        call: EngineCall,
        before: Vec<DeviceNumber>,
    ) -> Option<EngineCall> {
        let failed = self.change(|failover| failover.fails(device, call, before))?;
        Some(failed.call)
    }

    /// A device ran a call, which had failed on these before.
    pub(super) fn succeeded(&self, failed_on: &[DeviceNumber]) {
        if !failed_on.is_empty() {
            self.change(|failover| failover.succeeds(failed_on));
        }
    }

    /// A call that failed on these is over, and no device could run it.
    pub(super) fn settled(&self, failed_on: &[DeviceNumber]) {
        if !failed_on.is_empty() {
            self.change(|failover| failover.ends(failed_on));
        }
    }

    /// Waits until nothing is added any more.
    pub(super) fn wait_for_end(&self) {
        let mut state = self.lock();
        while !state.is_closed {
            let waited = self.calls.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A device's thread ends.
    pub(super) fn device_leaves(&self, device: DeviceNumber) {
        self.change(|failover| failover.leaves(device));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Failover<EngineCall>) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state.failover);
        self.outputs.set_failed_calls(!state.failover.is_settled());
        self.calls.notify_all();
        changed
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
