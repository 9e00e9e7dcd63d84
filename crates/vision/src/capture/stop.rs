//! A stop signal that ends waiting.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct StopSignal {
    set: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    pub(super) fn set(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    pub(super) fn is_set(&self) -> bool {
        *self.lock()
    }

    /// Waits until `deadline` or the signal; true for the signal.
    pub(super) fn wait_until(&self, deadline: Instant) -> bool {
        let mut set = self.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if *set || left.is_zero() {
                return *set;
            }
            let waited = self.changed.wait_timeout(set, left);
            set = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // A panic cannot leave a bool incomplete: the value is valid.
        self.set
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn the_signal_ends_a_wait_that_is_far_from_its_deadline() {
        let stop = Arc::new(StopSignal::default());
        let waiter = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || stop.wait_until(Instant::now() + Duration::from_secs(86_400))
        });
        stop.set();
        assert!(waiter.join().unwrap());
        assert!(stop.is_set());
    }

    #[test]
    fn a_deadline_in_the_past_does_not_wait() {
        assert!(!StopSignal::default().wait_until(Instant::now()));
    }
}
