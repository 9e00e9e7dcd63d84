//! When a read that does not come back is given up.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::capture::stop::StopSignal;

/// Ends FFmpeg's reads: at once when the capture is stopped, and for network sources after a time without data.
pub(super) struct Interrupt {
    stop: Arc<StopSignal>,
    timeout: Option<Duration>,
    deadline: Mutex<Option<Instant>>,
}

impl Interrupt {
    /// `timeout`: how long one read may take; `None` for files.
    pub(super) fn new(stop: Arc<StopSignal>, timeout: Option<Duration>) -> Interrupt {
        let interrupt = Interrupt {
            stop,
            timeout,
            deadline: Mutex::new(None),
        };
        interrupt.restart();
        interrupt
    }

    /// Gives the next read its full time.
    pub(super) fn restart(&self) {
        if let Some(timeout) = self.timeout {
            *self.lock() = Instant::now().checked_add(timeout);
        }
    }

    /// Whether the read that is running has to end.
    pub(super) fn is_due(&self) -> bool {
        self.stop.is_set() || self.is_late()
    }

    /// Whether the time of the last read was over.
    pub(super) fn is_late(&self) -> bool {
        self.lock()
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        // A moment is always valid, even after a panic.
        self.deadline
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
