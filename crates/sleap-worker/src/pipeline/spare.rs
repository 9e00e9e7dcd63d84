//! Buffers that went through the pipeline and wait to be used again.

use std::sync::{Arc, Mutex, PoisonError};

use pose::Prepared;

/// More than these are given back to the system: a client's large batch was an exception.
const MOST: usize = 16;

#[derive(Clone, Default)]
pub(super) struct Spare(Arc<Mutex<Vec<Prepared>>>);

impl Spare {
    /// A used one if there is any.
    pub(super) fn take(&self) -> Prepared {
        self.lock().pop().unwrap_or_default()
    }

    pub(super) fn give(&self, prepared: Prepared) {
        let mut spare = self.lock();
        if spare.len() < MOST && prepared.bytes() > 0 {
            spare.push(prepared);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Prepared>> {
        // Whoever panicked left a list of buffers all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
