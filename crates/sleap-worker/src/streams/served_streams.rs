//! The streams that are served now, for what shows them: the terminal's line, metrics, the live view.
//!
//! Each viewer chooses for itself, and the window shows all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use closed_loop::SeenRules;
use protocol::{RuleState, ZoneResult, Zones};
use tokio::sync::watch;

use super::result_route::ResultRoute;
use super::shown_rules::{self, ShownRules};
use super::stream_name;

/// The streams that are served now; clones are the same.
#[derive(Clone)]
pub(crate) struct ServedStreams(Arc<State>);

struct State {
    /// In the order in which they began.
    streams: Mutex<Vec<ServedStream>>,
    /// Streams that are served at a time, at most.
    max: usize,
    rules: ShownRules,
    /// Streams, or rules of their clients, are others.
    changes: watch::Sender<()>,
}

struct ServedStream {
    /// Frames in flight do not keep it.
    route: Weak<ResultRoute>,
    /// The rules of its client.
    rules: SeenRules,
}

/// A stream that is served until this is dropped.
pub(crate) struct ServedStreamGuard {
    streams: ServedStreams,
    route: Weak<ResultRoute>,
}

impl ServedStreams {
    /// No stream yet, and `max` at a time. `rules`: the worker's, which are shown with them.
    pub(crate) fn new(rules: ShownRules, max: usize) -> Self {
        Self(Arc::new(State {
            streams: Mutex::default(),
            max,
            rules,
            changes: watch::Sender::new(()),
        }))
    }

    /// The rules that are shown: the worker's, and those of the client whose stream is.
    pub(crate) fn rules(&self) -> &ShownRules {
        &self.0.rules
    }

    /// Streams that are served at a time, at most.
    pub(crate) fn max(&self) -> usize {
        self.0.max
    }

    /// Marks this stream as served until the guard is dropped, and gives it a name.
    pub(crate) fn serves(&self, route: &Arc<ResultRoute>) -> ServedStreamGuard {
        let mut streams = self.lock();
        let taken: Vec<_> = streams.iter().filter_map(|it| it.route.upgrade()).collect();
        let taken = taken.iter().map(|it| it.name());
        route.set_name(stream_name::unused(&route.origin.source_name, taken));
        streams.push(ServedStream {
            route: Arc::downgrade(route),
            rules: SeenRules::default(),
        });
        drop(streams);
        self.changed();
        ServedStreamGuard {
            streams: self.clone(),
            route: Arc::downgrade(route),
        }
    }

    /// The stream that a viewer looks at who has chosen this name: that one, or else the one that has run for longest.
    pub(crate) fn seen_by(&self, chosen: Option<&str>) -> Option<Arc<ResultRoute>> {
        let all = self.all();
        let named = all.iter().find(|it| Some(it.name()) == chosen);
        named.or(all.first()).cloned()
    }

    /// The rules of both sides for a viewer who has chosen this name: the worker's, and those of the stream's client.
    pub(crate) fn rules_seen_by(&self, chosen: Option<&str>) -> [SeenRules; 2] {
        match self.seen_by(chosen) {
            Some(route) => self.rules_of(&route),
            None => [self.0.rules.worker(None), SeenRules::default()],
        }
    }

    /// The rules that act on this stream: the worker's, and those of its client.
    pub(crate) fn rules_of(&self, route: &Arc<ResultRoute>) -> [SeenRules; 2] {
        [self.0.rules.worker(Some(route)), self.client_rules(route)]
    }

    /// The rules of this stream's client.
    pub(crate) fn client_rules(&self, route: &Arc<ResultRoute>) -> SeenRules {
        let streams = self.lock();
        let stream = streams.iter().find(|stream| stream.is(route));
        stream.map(|it| it.rules.clone()).unwrap_or_default()
    }

    /// Waits for changes of the rules that are seen.
    pub(crate) fn watch_rules(&self) -> RulesWatch {
        RulesWatch {
            worker: self.0.rules.watch_worker(),
            changes: self.0.changes.subscribe(),
            streams: self.clone(),
        }
    }

    /// All streams, in the order in which they began.
    pub(crate) fn all(&self) -> Vec<Arc<ResultRoute>> {
        let streams = self.lock();
        streams.iter().filter_map(|it| it.route.upgrade()).collect()
    }

    /// Takes the zones of the client of this stream. Nothing of them is in effect yet.
    pub(crate) fn client_zones(&self, route: &Arc<ResultRoute>, zones: Zones) {
        self.client(route, |rules| *rules = shown_rules::of_client(zones));
    }

    /// Takes what the rules of the client of this stream have come to.
    pub(crate) fn client_state(&self, route: &Arc<ResultRoute>, state: RuleState) {
        self.client(route, |rules| shown_rules::set_state(rules, state));
    }

    /// Takes a client's answer to a zone that a viewer has drawn.
    pub(crate) fn zone_answered(&self, result: ZoneResult) {
        self.0.rules.answered(result);
    }

    fn client(&self, route: &Arc<ResultRoute>, change: impl FnOnce(&mut SeenRules)) {
        let mut streams = self.lock();
        if let Some(stream) = streams.iter_mut().find(|stream| stream.is(route)) {
            change(&mut stream.rules);
        }
        drop(streams);
        self.changed();
    }

    /// Streams, or rules of their clients, are others now.
    fn changed(&self) {
        self.0.changes.send_replace(());
    }

    // Each change under the lock is complete, so the state behind a poisoned lock is valid.
    fn lock(&self) -> MutexGuard<'_, Vec<ServedStream>> {
        let streams = self.0.streams.lock();
        streams.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for changes of the rules that viewers see.
pub(crate) struct RulesWatch {
    worker: Option<watch::Receiver<()>>,
    changes: watch::Receiver<()>,
    streams: ServedStreams,
}

impl RulesWatch {
    /// Waits for a change. Cancel safe.
    pub(crate) async fn changed(&mut self) {
        let worker = self.worker.as_mut();
        let of_worker = async {
            let Some(seen) = worker else {
                return std::future::pending().await;
            };
            // The worker's rules have ended: so does the worker.
            if seen.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = of_worker => {}
            // The sender is kept in `streams`.
            _ = self.changes.changed() => {}
        }
    }

    /// The rules of both sides now, for a viewer who has chosen this name. [`changed`](Self::changed) then waits for a
    /// later change.
    pub(crate) fn now(&mut self, chosen: Option<&str>) -> [SeenRules; 2] {
        if let Some(worker) = &mut self.worker {
            worker.mark_unchanged();
        }
        self.changes.mark_unchanged();
        self.streams.rules_seen_by(chosen)
    }
}

impl ServedStream {
    fn is(&self, route: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.route.as_ptr(), Arc::as_ptr(route))
    }
}

impl Drop for ServedStreamGuard {
    fn drop(&mut self) {
        let mut streams = self.streams.lock();
        streams.retain(|stream| !Weak::ptr_eq(&stream.route, &self.route));
        drop(streams);
        self.streams.changed();
    }
}

#[cfg(test)]
impl Default for ServedStreams {
    /// For one stream.
    fn default() -> Self {
        Self::new(ShownRules::default(), 1)
    }
}

#[cfg(test)]
mod tests {
    use protocol::{ZoneOutline, ZoneShape};
    use tokio::sync::mpsc;

    use super::*;

    fn route() -> Arc<ResultRoute> {
        Arc::new(ResultRoute::new(mpsc::channel(1).0, true))
    }

    #[test]
    fn a_stream_is_there_until_it_is_over() {
        let streams = ServedStreams::default();
        assert!(streams.all().is_empty() && streams.seen_by(None).is_none());
        let route = route();
        let serving = streams.serves(&route);
        assert_eq!(streams.all().len(), 1);
        // Frames in flight do not keep it.
        drop(serving);
        assert!(streams.all().is_empty());
    }

    #[test]
    fn each_stream_is_seen_with_the_rules_of_its_client() {
        let streams = ServedStreams::new(ShownRules::default(), 2);
        let (first, second) = (route(), route());
        let serving = streams.serves(&first);
        let _other = streams.serves(&second);
        assert_eq!(streams.all().len(), 2);
        let zone = ZoneOutline {
            name: "corner".to_owned(),
            shape: ZoneShape::Circle([1.0, 2.0, 3.0]),
        };
        let zones = Zones {
            zones: vec![zone],
            ..Zones::default()
        };
        streams.client_zones(&second, zones);
        let zones_of = |route| streams.rules_of(route)[1].zones.zones.len();
        assert_eq!((zones_of(&first), zones_of(&second)), (0, 1));
        let zones_seen = |chosen| streams.rules_seen_by(chosen)[1].zones.zones.len();
        assert_eq!((zones_seen(None), zones_seen(Some(second.name()))), (0, 1));
        drop(serving);
        assert_eq!((zones_of(&first), zones_seen(None)), (0, 1));
        assert_eq!(zones_seen(Some("a stream that has ended")), 1);
    }

    #[test]
    fn a_stream_that_was_chosen_is_seen_until_it_is_over() {
        let streams = ServedStreams::new(ShownRules::default(), 2);
        let (first, second) = (route(), route());
        let _first = streams.serves(&first);
        let serving = streams.serves(&second);
        let seen = |chosen: &str| streams.seen_by(Some(chosen)).expect("a stream");
        assert!(Arc::ptr_eq(&seen("nothing"), &first));
        assert!(Arc::ptr_eq(&seen(second.name()), &second));
        drop(serving);
        assert!(Arc::ptr_eq(&seen(second.name()), &first));
    }
}
