//! Buffers that went through the pipeline, for the next frames.

use std::sync::{Arc, Mutex, PoisonError};

use pose::Prepared;

/// Buffers that are kept; more, as after a client's large batch, are freed.
const MAX_BUFFERS: usize = 16;

/// The buffers; clones share them.
#[derive(Clone, Default)]
pub(super) struct BufferPool(Arc<Mutex<Vec<Prepared>>>);

impl BufferPool {
    /// A used buffer if there is one, else a new one.
    pub(super) fn take(&self) -> Prepared {
        self.lock().pop().unwrap_or_default()
    }

    /// Keeps a buffer for the next frames.
    pub(super) fn give(&self, prepared: Prepared) {
        let mut buffers = self.lock();
        if buffers.len() < MAX_BUFFERS && prepared.bytes() > 0 {
            buffers.push(prepared);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Prepared>> {
        // The lock was poisoned by a panic; the list is still valid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
