//! The gate between source and encoder, for two threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::send::flow::{FlowControl, GateState};

/// A [`FlowControl`] with the system's clock. The encoder waits here before it takes a frame, so that
/// what has to wait waits at the source, where the newest wins.
#[derive(Debug)]
pub(crate) struct Window {
    shared: Mutex<Shared>,
    changed: Condvar,
}

#[derive(Debug)]
struct Shared {
    flow: FlowControl,
    /// Nothing may leave, whatever the flow says.
    held: bool,
    closed: bool,
}

impl Window {
    pub(crate) fn new(flow: FlowControl) -> Self {
        Self {
            shared: Mutex::new(Shared {
                flow,
                held: false,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits until a frame may leave; false once the window is closed.
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        let mut shared = self.lock();
        while !shared.closed {
            let now = Instant::now();
            let gate = match shared.held {
                true => GateState::Shut,
                false => shared.flow.gate(now),
            };
            shared = match gate {
                GateState::Open => return true,
                GateState::At(due) => {
                    let wait = due.saturating_duration_since(now);
                    self.changed
                        .wait_timeout(shared, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                GateState::Shut => self
                    .changed
                    .wait(shared)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        false
    }

    /// Changes the flow, which may let the next frame leave.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut FlowControl) -> T) -> T {
        let changed = change(&mut self.lock().flow);
        self.changed.notify_all();
        changed
    }

    /// Lets nobody in for as long as something else than the way holds frames up.
    pub(crate) fn hold(&self, held: bool) {
        self.lock().held = held;
        self.changed.notify_all();
    }

    /// Lets nobody in any more and wakes whoever waits.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    // The flow's methods do not panic half-way: a poisoned lock holds a whole state.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::flow::PacingMode;
    use std::sync::Arc;
    use std::time::Duration;

    const EVERY: PacingMode = PacingMode::Every;

    /// A window that is full.
    fn full() -> Arc<Window> {
        let window = Window::new(FlowControl::new(EVERY, 1));
        let now = Instant::now();
        for id in 0..256 {
            window.update(|flow| flow.depart(id, now));
        }
        Arc::new(window)
    }

    #[test]
    fn a_full_window_lets_the_next_in_when_answers_come() {
        let window = full();
        let next = std::thread::spawn({
            let window = Arc::clone(&window);
            move || window.enter()
        });
        for id in 0..256 {
            window.update(|flow| flow.answered(id, None, Instant::now()));
        }
        assert!(next.join().unwrap());
    }

    #[test]
    fn a_pause_ends_by_itself() {
        let window = Window::new(FlowControl::new(EVERY, 1));
        window.update(|flow| {
            flow.set_pause(Duration::from_millis(1));
            flow.depart(0, Instant::now());
        });
        assert!(window.enter());
    }

    #[test]
    fn a_window_that_is_held_opens_when_it_is_let_go() {
        let window = Arc::new(Window::new(FlowControl::new(EVERY, 1)));
        window.hold(true);
        let next = std::thread::spawn({
            let window = Arc::clone(&window);
            move || window.enter()
        });
        window.update(|flow| flow.set_pause(Duration::ZERO));
        assert!(!next.is_finished());
        window.hold(false);
        assert!(next.join().unwrap());
    }

    #[test]
    fn closing_turns_away_whoever_waits() {
        let window = full();
        let waiting = std::thread::spawn({
            let window = Arc::clone(&window);
            move || window.enter()
        });
        window.close();
        assert!(!waiting.join().unwrap());
        assert!(!window.enter());
    }
}
