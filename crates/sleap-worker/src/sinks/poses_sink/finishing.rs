//! Files that are completed on threads of their own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::PoseCounts;

/// Files that are completed at a time: each has the predictions of a whole video in memory.
const MAX_FILES: usize = 2;

/// Counts the files that are being completed; clones count together.
#[derive(Clone, Default)]
pub(super) struct Finishing(Arc<Shared>);

#[derive(Default)]
struct Shared {
    files: Mutex<usize>,
    changed: Condvar,
}

/// A file that is being completed, until this is dropped.
pub(super) struct FinishingFile {
    finishing: Finishing,
    counts: PoseCounts,
    is_done: bool,
}

impl Finishing {
    /// One more. A panic of its thread is counted in `counts`.
    pub(super) fn begin(&self, counts: &PoseCounts) -> FinishingFile {
        *self.lock() += 1;
        FinishingFile {
            finishing: self.clone(),
            counts: counts.clone(),
            is_done: false,
        }
    }

    /// Whether there is none.
    pub(super) fn is_idle(&self) -> bool {
        *self.lock() == 0
    }

    /// Waits until one more may begin.
    pub(super) fn make_room(&self) {
        self.wait_for_less_than(MAX_FILES);
    }

    /// Waits until there is none.
    pub(super) fn wait(&self) {
        self.wait_for_less_than(1);
    }

    fn wait_for_less_than(&self, max: usize) {
        let waited = self
            .0
            .changed
            .wait_while(self.lock(), |files| *files >= max);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    // A number is valid whatever happened to the thread that changed it.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FinishingFile {
    /// The file is complete.
    pub(super) fn complete(mut self) {
        self.is_done = true;
    }
}

impl Drop for FinishingFile {
    fn drop(&mut self) {
        if !self.is_done {
            let panicked = "a file of poses was not completed".to_owned();
            self.counts.saved.fault(panicked);
        }
        *self.finishing.lock() -= 1;
        self.finishing.0.changed.notify_all();
    }
}
