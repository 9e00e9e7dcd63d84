//! How many frames may be on their way at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A window of frames between the encoder and the worker's answers. The encoder takes a place
/// before it takes a frame, so that what has to wait waits at the source, where the newest wins.
#[derive(Debug)]
pub(crate) struct Window {
    shared: Mutex<Shared>,
    changed: Condvar,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    taken: usize,
    closed: bool,
}

impl Window {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            shared: Mutex::new(Shared {
                limit,
                taken: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Takes a place, waiting for one; false once the window is closed.
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        let mut shared = self.lock();
        while !shared.closed && shared.taken >= shared.limit {
            shared = self
                .changed
                .wait(shared)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if shared.closed {
            return false;
        }
        shared.taken += 1;
        true
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        let mut shared = self.lock();
        shared.taken = shared.taken.saturating_sub(1);
        self.changed.notify_all();
    }

    /// Lets nobody in any more and wakes whoever waits.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    // Every change under the lock is a single assignment: a poisoned lock holds a whole state.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_full_window_lets_the_next_in_when_one_leaves() {
        let window = Arc::new(Window::new(2));
        assert!(window.enter() && window.enter());
        let third = std::thread::spawn({
            let window = Arc::clone(&window);
            move || window.enter()
        });
        window.leave();
        assert!(third.join().unwrap());
    }

    #[test]
    fn closing_turns_away_whoever_waits() {
        let window = Arc::new(Window::new(1));
        assert!(window.enter());
        let waiting = std::thread::spawn({
            let window = Arc::clone(&window);
            move || window.enter()
        });
        window.close();
        assert!(!waiting.join().unwrap());
        assert!(!window.enter());
    }
}
