//! Which stream is served, for those who show it: the terminal's line and the live view.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::requester::Requester;

/// The stream that is served now; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<Mutex<Weak<Requester>>>);

/// A stream that is served until this is dropped.
pub(crate) struct Serving {
    current: Current,
}

impl Current {
    /// This stream is served from now on.
    pub(crate) fn serves(&self, requester: &Arc<Requester>) -> Serving {
        *self.lock() = Arc::downgrade(requester);
        let current = self.clone();
        Serving { current }
    }

    /// The stream, while there is one.
    pub(crate) fn stream(&self) -> Option<Arc<Requester>> {
        self.lock().upgrade()
    }

    fn lock(&self) -> MutexGuard<'_, Weak<Requester>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        *self.current.lock() = Weak::new();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_stream_is_current_until_it_is_over() {
        let current = Current::default();
        assert!(current.stream().is_none());
        let requester = Arc::new(Requester::new(mpsc::channel(1).0, true));
        let serving = current.serves(&requester);
        let shown = current.stream().unwrap();
        assert!(Arc::ptr_eq(&shown, &requester));
        // Frames that are still under way do not keep it.
        drop(serving);
        assert!(current.stream().is_none());
    }
}
