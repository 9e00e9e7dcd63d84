//! The slots for streams: so many are served at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use link::WorkerLoad;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::live_rates::{LiveRoom, NoRoom, StreamDemand};
use super::stream_queue::StreamQueue;
use crate::admission::ClientSlot;

/// Longest wait for the former connection of a client that reconnected to be closed.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the worker does for streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamAvailability {
    /// It serves so many.
    Serving(usize),
    /// No stream begins any more; the last ones may still run.
    ShuttingDown,
}

impl StreamAvailability {
    /// For the service manager's status line.
    pub(crate) fn words(self) -> String {
        match self {
            StreamAvailability::Serving(0) => "waiting for a client".into(),
            StreamAvailability::Serving(1) => "serving a stream".into(),
            StreamAvailability::Serving(streams) => format!("serving {streams} streams"),
            StreamAvailability::ShuttingDown => "shutting down".into(),
        }
    }
}

/// The slots for streams; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct StreamSlots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    state: Mutex<State>,
    availability: watch::Sender<StreamAvailability>,
    streams: watch::Sender<usize>,
    load: watch::Sender<WorkerLoad>,
}

#[derive(Debug, Default)]
struct State {
    taken: Vec<TakenSlot>,
    next: u64,
    queue: StreamQueue,
}

/// A slot that a stream has.
#[derive(Debug)]
struct TakenSlot {
    id: u64,
    /// The stream's name, where its client gave it one.
    name: Option<String>,
    demand: StreamDemand,
    /// Evicts the client's session.
    evict: CancellationToken,
    /// The same client has reconnected: it gets the slot when the former session is gone.
    heir: Option<oneshot::Sender<StreamPermit>>,
}

/// Why a stream gets no slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NoSlot {
    /// All are taken, or no stream begins any more.
    Taken,
    /// The model is too slow for one more live stream.
    NoRoom(NoRoom),
}

/// The permit to stream. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    id: u64,
    slots: StreamSlots,
}

impl StreamSlots {
    /// Slots for `max` streams.
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Shared {
            max,
            state: Mutex::default(),
            availability: watch::Sender::new(StreamAvailability::Serving(0)),
            streams: watch::Sender::new(0),
            load: watch::Sender::new(WorkerLoad::default()),
        }))
    }

    /// What the worker offers, for its meeting point.
    pub(crate) fn offers(self, load: WorkerLoad) -> Self {
        self.0.load.send_replace(load.with_running(0));
        self
    }

    /// How much room the worker has, now and after each change.
    pub(crate) fn load(&self) -> watch::Receiver<WorkerLoad> {
        self.0.load.subscribe()
    }

    /// The number of slots.
    pub(crate) fn max(&self) -> usize {
        self.0.max
    }

    /// What the worker does for streams, now and after each change.
    pub(crate) fn availability(&self) -> watch::Receiver<StreamAvailability> {
        self.0.availability.subscribe()
    }

    /// Lets no stream begin from now on.
    pub(crate) fn close(&self) {
        let shuts_down = StreamAvailability::ShuttingDown;
        self.0.availability.send_replace(shuts_down);
    }

    /// Whether a client streams.
    pub(crate) fn is_busy(&self) -> bool {
        *self.0.streams.borrow() > 0
    }

    /// Whether no stream begins any more.
    pub(crate) fn is_closed(&self) -> bool {
        *self.0.availability.borrow() == StreamAvailability::ShuttingDown
    }

    /// Resolves once no stream begins any more.
    pub(crate) async fn closed(&self) {
        let mut availability = self.availability();
        let shuts_down = StreamAvailability::ShuttingDown;
        // The sender is here: the wait does not fail.
        let _ = availability.wait_for(|now| *now == shuts_down).await;
    }

    /// Resolves once no client streams.
    pub(crate) async fn empty(&self) {
        // The sender is here: the wait does not fail.
        let mut streams = self.0.streams.subscribe();
        let _ = streams.wait_for(|streams| *streams == 0).await;
    }

    /// The permit to stream, if a slot is free, no client is ahead in the queue, and the model has room for the stream.
    ///
    /// # Errors
    /// One of these is not so.
    pub(crate) fn enter(
        &self,
        name: Option<&str>,
        client: &ClientSlot,
        (demand, room): (StreamDemand, LiveRoom),
    ) -> Result<StreamPermit, NoSlot> {
        let mut state = self.lock();
        if self.is_closed() || !state.queue.is_next(client, Instant::now()) {
            return Err(NoSlot::Taken);
        }
        if state.taken.len() >= self.0.max {
            return Err(NoSlot::Taken);
        }
        // A client that waits for room has no place in the queue, where it would hold up files.
        state.queue.leave(client);
        room.admits(&state.demands(None), demand)
            .map_err(NoSlot::NoRoom)?;
        let id = state.next;
        state.next += 1;
        state.taken.push(TakenSlot {
            id,
            name: name.map(str::to_owned),
            demand,
            evict: client.eviction(),
            heir: None,
        });
        self.changed(&state);
        drop(state);
        Ok(self.permit(id))
    }

    /// The permit for the next stream of the client that has it. Clients in the queue wait for the
    /// client's end, not for the end of one stream.
    pub(crate) fn restart(
        &self,
        permit: StreamPermit,
        name: Option<&str>,
        client: &ClientSlot,
        demand: StreamDemand,
    ) -> Option<StreamPermit> {
        if self.is_closed() {
            return None;
        }
        self.rename(&permit, name, client, demand);
        Some(permit)
    }

    /// The frames a second that the stream with this permit can expect, where it asks for more.
    pub(crate) fn expected(&self, permit: &StreamPermit, room: LiveRoom) -> Option<f64> {
        let state = self.lock();
        let own = state.taken.iter().find(|slot| slot.id == permit.id)?.demand;
        room.expected(&state.demands(Some(permit.id)), own)
    }

    /// The permit of the client's former connection, which is lost although the worker has not noticed
    /// that yet. `None` where that has none.
    pub(crate) async fn take_over(
        &self,
        name: &str,
        client: &ClientSlot,
        demand: StreamDemand,
    ) -> Option<StreamPermit> {
        let (heir, permit) = oneshot::channel();
        {
            let mut state = self.lock();
            if self.is_closed() {
                return None;
            }
            let former = state.taken.iter_mut().find(|slot| slot.is(name))?;
            former.heir = Some(heir);
            former.evict.cancel();
        }
        let permit = timeout(TAKEOVER_TIMEOUT, permit).await.ok()?.ok()?;
        self.rename(&permit, Some(name), client, demand);
        self.lock().queue.leave(client);
        Some(permit)
    }

    /// Puts a client that was refused in the queue, or keeps its place there: 1 is the next.
    pub(crate) fn wait_in_queue(&self, client: &Arc<ClientSlot>, now: Instant) -> usize {
        self.lock().queue.wait(client, now)
    }

    /// Takes a client out of the queue.
    pub(crate) fn leave_queue(&self, client: &ClientSlot) {
        self.lock().queue.leave(client);
    }

    fn permit(&self, id: u64) -> StreamPermit {
        let slots = self.clone();
        StreamPermit { id, slots }
    }

    /// Notes whose stream has the slot.
    fn rename(
        &self,
        permit: &StreamPermit,
        name: Option<&str>,
        client: &ClientSlot,
        demand: StreamDemand,
    ) {
        let mut state = self.lock();
        if let Some(slot) = state.taken.iter_mut().find(|slot| slot.id == permit.id) {
            slot.name = name.map(str::to_owned);
            slot.demand = demand;
            slot.evict = client.eviction();
        }
    }

    fn changed(&self, state: &State) {
        let streams = state.taken.len();
        self.0.streams.send_replace(streams);
        self.0
            .load
            .send_modify(|load| *load = load.with_running(streams));
        let serving = StreamAvailability::Serving(streams);
        self.0.availability.send_if_modified(|now| {
            // That the worker shuts down is final.
            let changes = *now != StreamAvailability::ShuttingDown && *now != serving;
            if changes {
                *now = serving;
            }
            changes
        });
    }

    // Each change under the lock is complete, so the state behind a poisoned lock is valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the streams ask for, but for one.
    fn demands(&self, but: Option<u64>) -> Vec<StreamDemand> {
        let others = self.taken.iter().filter(|slot| Some(slot.id) != but);
        others.map(|slot| slot.demand).collect()
    }
}

impl TakenSlot {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        let slot = state.taken.iter_mut().find(|slot| slot.id == self.id);
        if let Some(heir) = slot.and_then(|slot| slot.heir.take()) {
            drop(state);
            // An heir that has given up drops the permit here, which frees the slot.
            let _ = heir.send(self.slots.permit(self.id));
            return;
        }
        state.taken.retain(|slot| slot.id != self.id);
        self.slots.changed(&state);
    }
}

#[cfg(test)]
#[path = "stream_slots_tests.rs"]
mod tests;
