//! What the devices hand to the last stage.
//!
//! One device hands its calls over in the order in which it runs them. Of several, [`call_order`](super::call_order) puts
//! them in order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::call_order::{CallNumber, CallOrder, CallStreams};
use super::engine_output::EngineOutput;
use super::frames::DecodedFrame;
use crate::streams::ResultRoute;

/// Calls of each device that may wait for the last stage while the device has the next one.
const WAITING_CALLS: usize = 1;

/// A stream, by the address of its route, which a call that has frames of it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RouteKey(usize);

/// The last stage has ended.
#[derive(Debug)]
pub(super) struct FinishStageClosed;

/// The order of the calls of several devices; for one there is nothing to order. Clones are the same.
#[derive(Clone)]
pub(super) struct EngineOutputs(Option<Arc<OrderedOutputs>>);

/// Where the thread of a device hands over what it has.
pub(super) enum DeviceOutputs {
    Only(SyncSender<EngineOutput>),
    OneOfSeveral(OrderedDevice),
}

/// The last stage's end of all devices.
pub(super) enum FinishInput {
    OfOne(Receiver<EngineOutput>),
    OfSeveral(OrderedInput),
}

/// The calls of several devices on their way to the last stage.
pub(super) struct OrderedOutputs {
    state: Mutex<State>,
    /// There may be something for the last stage.
    ready: Condvar,
    /// There may be room for what a device has.
    room: Condvar,
    /// Calls that may wait.
    waiting: usize,
}

struct State {
    order: CallOrder<RouteKey, EngineOutput>,
    /// Devices whose threads run.
    devices: usize,
    is_closed: bool,
    /// A call that others wait for waits for a device.
    has_failed_calls: bool,
}

/// The place of a device's thread among several, until it is dropped.
pub(super) struct OrderedDevice(Arc<OrderedOutputs>);

/// The last stage's end of several devices, until it is dropped.
pub(super) struct OrderedInput(Arc<OrderedOutputs>);

impl RouteKey {
    pub(super) fn of(route: &Arc<ResultRoute>) -> Self {
        Self(Arc::as_ptr(route).addr())
    }
}

impl EngineOutputs {
    /// For so many devices, with what each of them and the last stage needs.
    pub(super) fn new(devices: usize) -> (Self, Vec<DeviceOutputs>, FinishInput) {
        if devices == 1 {
            let (sender, receiver) = sync_channel(WAITING_CALLS);
            let only = vec![DeviceOutputs::Only(sender)];
            return (Self(None), only, FinishInput::OfOne(receiver));
        }
        let ordered = Arc::new(OrderedOutputs {
            state: Mutex::new(State {
                order: CallOrder::new(),
                devices,
                is_closed: false,
                has_failed_calls: false,
            }),
            ready: Condvar::new(),
            room: Condvar::new(),
            waiting: WAITING_CALLS * devices,
        });
        let device = |_| DeviceOutputs::OneOfSeveral(OrderedDevice(Arc::clone(&ordered)));
        let each = (0..devices).map(device).collect();
        let input = FinishInput::OfSeveral(OrderedInput(Arc::clone(&ordered)));
        (Self(Some(ordered)), each, input)
    }

    /// A device takes these frames.
    pub(super) fn begin(&self, frames: &[DecodedFrame]) -> CallNumber {
        let streams = || frames.iter().map(|frame| RouteKey::of(&frame.route));
        self.number(|| CallStreams::of(streams()))
    }

    /// A device takes what happens between calls.
    pub(super) fn number(&self, streams: impl FnOnce() -> CallStreams<RouteKey>) -> CallNumber {
        match &self.0 {
            None => CallNumber::default(),
            Some(ordered) => ordered.lock().order.begin(streams()),
        }
    }

    /// Whether calls that failed wait for another device: then no device waits for room, which there may be once
    /// they are complete.
    pub(super) fn set_failed_calls(&self, has_some: bool) {
        if let Some(ordered) = &self.0 {
            ordered.lock().has_failed_calls = has_some;
            ordered.room.notify_all();
        }
    }
}

impl OrderedOutputs {
    // The lock was poisoned by a panic, after which the worker ends: the state only has to be valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceOutputs {
    /// A call is complete. Waits until few enough calls wait for the last stage.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn complete(
        &self,
        call: CallNumber,
        output: EngineOutput,
    ) -> Result<(), FinishStageClosed> {
        match self {
            Self::Only(sender) => sender.send(output).map_err(|_| FinishStageClosed),
            Self::OneOfSeveral(ordered) => ordered.complete(call, output),
        }
    }
}

impl OrderedDevice {
    fn complete(&self, call: CallNumber, output: EngineOutput) -> Result<(), FinishStageClosed> {
        let is_full = |state: &State| {
            state.order.complete_calls() > self.0.waiting && !state.has_failed_calls
        };
        let mut state = self.0.lock();
        state.order.complete(call, output);
        self.0.ready.notify_one();
        while is_full(&state) && !state.is_closed {
            let waited = self.0.room.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        match state.is_closed {
            true => Err(FinishStageClosed),
            false => Ok(()),
        }
    }
}

impl Drop for OrderedDevice {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.devices -= 1;
        if std::thread::panicking() {
            // Its call is never complete, and others would wait for it.
            state.is_closed = true;
            self.0.room.notify_all();
        }
        self.0.ready.notify_one();
    }
}

impl FinishInput {
    /// What is next; waits for it. `None` is the end.
    pub(super) fn next(&self) -> Option<EngineOutput> {
        match self {
            Self::OfOne(receiver) => receiver.recv().ok(),
            Self::OfSeveral(ordered) => ordered.next(),
        }
    }
}

impl OrderedInput {
    fn next(&self) -> Option<EngineOutput> {
        let mut state = self.0.lock();
        loop {
            if let Some(output) = state.order.take() {
                self.0.room.notify_all();
                return Some(output);
            }
            if state.devices == 0 || state.is_closed {
                return None;
            }
            let waited = self.0.ready.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for OrderedInput {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.room.notify_all();
    }
}
