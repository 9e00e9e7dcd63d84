//! A state that threads change and wait for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A state that threads change and wait for. A change must not panic half-way: behind a poisoned lock the state is
/// taken to be consistent.
#[derive(Debug, Default)]
pub struct WatchedState<T> {
    state: Mutex<T>,
    changed: Condvar,
}

impl<T> WatchedState<T> {
    /// Waits until `found` finds something; `None` where it does not until the deadline.
    pub fn wait_for<R>(
        &self,
        deadline: Option<Instant>,
        mut found: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let mut state = self.lock();
        loop {
            if let Some(found) = found(&mut state) {
                return Some(found);
            }
            state = match deadline {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Reads or changes the state; the threads that wait look at it again.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut state = self.lock();
        let changed = change(&mut state);
        drop(state);
        self.changed.notify_all();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
