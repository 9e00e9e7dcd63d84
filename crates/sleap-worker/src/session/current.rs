//! Which stream is served, for those who show it: the terminal's line, the live view, a room.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use super::requester::Requester;

/// The stream that is served now; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<Shared>);

#[derive(Default)]
struct Shared {
    stream: Mutex<Weak<Requester>>,
    busy: watch::Sender<bool>,
}

/// A stream that is served until this is dropped.
pub(crate) struct Serving {
    current: Current,
}

impl Current {
    /// This stream is served from now on.
    pub(crate) fn serves(&self, requester: &Arc<Requester>) -> Serving {
        *self.lock() = Arc::downgrade(requester);
        self.0.busy.send_replace(true);
        let current = self.clone();
        Serving { current }
    }

    /// The stream, while there is one.
    pub(crate) fn stream(&self) -> Option<Arc<Requester>> {
        self.lock().upgrade()
    }

    /// Whether a stream is served.
    pub(crate) fn busy(&self) -> watch::Receiver<bool> {
        self.0.busy.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Weak<Requester>> {
        self.0.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        *self.current.lock() = Weak::new();
        self.current.0.busy.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_stream_is_current_until_it_is_over() {
        let current = Current::default();
        let busy = current.busy();
        assert!(current.stream().is_none() && !*busy.borrow());
        let requester = Arc::new(Requester::new(mpsc::channel(1).0, true));
        let serving = current.serves(&requester);
        let shown = current.stream().unwrap();
        assert!(Arc::ptr_eq(&shown, &requester) && *busy.borrow());
        // Frames that are still under way do not keep it.
        drop(serving);
        assert!(current.stream().is_none() && !*busy.borrow());
    }
}
