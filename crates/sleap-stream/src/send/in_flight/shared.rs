//! The ledger of frames in flight, shared by the encoder's thread and the receiving loop.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::InFlight;
use crate::send::flow::GateState;

/// An [`InFlight`] under a lock, with the system's clock. The encoder waits here before it takes a
/// frame, so that frames wait at the source, where the newest one replaces the others.
#[derive(Debug)]
pub(crate) struct SharedInFlight {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    in_flight: InFlight,
    /// Nothing may leave, even where flow control allows it.
    held: bool,
    closed: bool,
    /// The encoder waits here, and has no frame.
    waits: bool,
}

impl SharedInFlight {
    pub(crate) fn new(in_flight: InFlight) -> Self {
        Self {
            state: Mutex::new(State {
                in_flight,
                held: false,
                closed: false,
                waits: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits until a frame may leave; false once this is closed.
    #[must_use]
    pub(crate) fn wait_for_slot(&self) -> bool {
        let mut state = self.lock();
        state.waits = true;
        let mut opens = false;
        while !state.closed && !opens {
            let now = Instant::now();
            // A batch that is open is completed: its results come when the worker has all of it.
            let gate = match state.held && !state.in_flight.is_in_batch() {
                true => GateState::Shut,
                false => state.in_flight.gate(now),
            };
            state = match gate {
                GateState::Open => {
                    opens = true;
                    state
                }
                GateState::At(due) => {
                    let wait = due.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(state, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                GateState::Shut => {
                    let waited = self.changed.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        state.waits = false;
        opens
    }

    /// Whether frames are held and the encoder has none: none leaves before they are let go.
    pub(crate) fn is_held_back(&self) -> bool {
        let state = self.lock();
        state.held && state.waits && !state.in_flight.is_in_batch()
    }

    /// Reads or changes the ledger, which may let the next frame leave.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut InFlight) -> T) -> T {
        let changed = change(&mut self.lock().in_flight);
        self.changed.notify_all();
        changed
    }

    /// Lets no frame leave for as long as something else than the path holds frames up.
    pub(crate) fn hold(&self, held: bool) {
        self.lock().held = held;
        self.changed.notify_all();
    }

    /// Lets no frame leave any more and ends the encoder's wait.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    // The ledger's methods do not panic between two changes: behind a poisoned lock it is consistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::tests::send;
    use super::*;
    use crate::send::flow::{FlowControl, PacingMode};

    fn empty() -> Arc<SharedInFlight> {
        let flow = FlowControl::new(PacingMode::Every, 1);
        Arc::new(SharedInFlight::new(InFlight::new(flow)))
    }

    /// One whose slots are all taken.
    fn full() -> Arc<SharedInFlight> {
        let shared = empty();
        for id in 0..256 {
            shared.update(|in_flight| send(in_flight, id, Instant::now()));
        }
        shared
    }

    fn wait_aside(shared: &Arc<SharedInFlight>) -> std::thread::JoinHandle<bool> {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || shared.wait_for_slot())
    }

    #[test]
    fn where_all_slots_are_taken_results_let_the_next_frame_leave() {
        let shared = full();
        let next = wait_aside(&shared);
        for id in 0..256 {
            shared.update(|in_flight| in_flight.returned(id, None, Instant::now()));
        }
        assert!(next.join().unwrap());
    }

    #[test]
    fn a_pause_ends_by_itself() {
        let shared = empty();
        shared.update(|in_flight| {
            in_flight.set_pause(Duration::from_millis(1));
            send(in_flight, 0, Instant::now());
        });
        assert!(shared.wait_for_slot());
    }

    #[test]
    fn frames_that_are_held_leave_when_they_are_let_go() {
        let shared = empty();
        shared.hold(true);
        let next = wait_aside(&shared);
        shared.update(|in_flight| in_flight.set_pause(Duration::ZERO));
        assert!(!next.is_finished());
        shared.hold(false);
        assert!(next.join().unwrap());
        // The encoder has its frame: nothing holds that back.
        shared.hold(true);
        assert!(!shared.is_held_back());
    }

    #[test]
    fn closing_ends_the_wait() {
        let shared = full();
        let waiting = wait_aside(&shared);
        shared.close();
        assert!(!waiting.join().unwrap());
        assert!(!shared.wait_for_slot());
    }
}
