//! The stream that is served now, for what shows it: the terminal's line, the live view, a room.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use super::result_route::ResultRoute;
use super::shown_rules::ShownRules;

/// The stream that is served now; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct CurrentStream(Arc<State>);

#[derive(Default)]
struct State {
    stream: Mutex<Weak<ResultRoute>>,
    busy: watch::Sender<bool>,
    rules: ShownRules,
}

/// A stream that is served until this is dropped.
pub(crate) struct CurrentStreamGuard {
    current: CurrentStream,
}

impl CurrentStream {
    /// No stream yet. `rules`: those that are shown with it.
    pub(crate) fn new(rules: ShownRules) -> Self {
        Self(Arc::new(State {
            rules,
            ..State::default()
        }))
    }

    /// The rules that are shown with the stream.
    pub(crate) fn rules(&self) -> &ShownRules {
        &self.0.rules
    }

    /// Marks this stream as served until the guard is dropped.
    pub(crate) fn serves(&self, route: &Arc<ResultRoute>) -> CurrentStreamGuard {
        self.0.rules.without_client();
        *self.lock() = Arc::downgrade(route);
        self.0.busy.send_replace(true);
        let current = self.clone();
        CurrentStreamGuard { current }
    }

    /// The stream, while there is one.
    pub(crate) fn stream(&self) -> Option<Arc<ResultRoute>> {
        self.lock().upgrade()
    }

    /// Whether a stream is served.
    pub(crate) fn busy(&self) -> watch::Receiver<bool> {
        self.0.busy.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Weak<ResultRoute>> {
        self.0.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CurrentStreamGuard {
    fn drop(&mut self) {
        *self.current.lock() = Weak::new();
        self.current.0.rules.without_client();
        self.current.0.busy.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_stream_is_current_until_it_is_over() {
        let current = CurrentStream::default();
        let busy = current.busy();
        assert!(current.stream().is_none() && !*busy.borrow());
        let route = Arc::new(ResultRoute::new(mpsc::channel(1).0, true));
        let serving = current.serves(&route);
        let shown = current.stream().unwrap();
        assert!(Arc::ptr_eq(&shown, &route) && *busy.borrow());
        // Frames in flight do not keep it.
        drop(serving);
        assert!(current.stream().is_none() && !*busy.borrow());
    }
}
