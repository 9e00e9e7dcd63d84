//! Rules that are shown to people at the worker: its own in each stream, and those of a stream's client.

use std::sync::Arc;

use closed_loop::{RuleRunner, SeenRules};
use protocol::{RuleSide, RuleState, ZoneEdit, ZoneResult, Zones, text};
use tokio::sync::{broadcast, watch};

use super::result_route::ResultRoute;

/// Answers that a viewer may have to take.
const RESULT_QUEUE_LEN: usize = 8;

/// Rules that are shown; clones are the same.
#[derive(Clone)]
pub(crate) struct ShownRules {
    /// The worker's own.
    worker: Option<WorkerShown>,
    /// Answers of the client to zones that viewers have drawn.
    results: broadcast::Sender<ZoneResult>,
    /// What changes the worker's own.
    editor: Option<Arc<RuleRunner>>,
}

/// The worker's own rules, as they are shown.
#[derive(Clone)]
struct WorkerShown {
    /// What is shown where no rule acts on the stream yet.
    idle: Arc<dyn Fn() -> SeenRules + Send + Sync>,
    /// Changes of what is shown of any stream.
    changes: watch::Receiver<()>,
}

impl Default for ShownRules {
    fn default() -> Self {
        Self {
            worker: None,
            results: broadcast::Sender::new(RESULT_QUEUE_LEN),
            editor: None,
        }
    }
}

impl ShownRules {
    /// With the worker's own rules: `idle` has what is shown where none acts yet, `changes` those of any stream.
    pub(crate) fn new(
        idle: impl Fn() -> SeenRules + Send + Sync + 'static,
        changes: watch::Receiver<()>,
    ) -> Self {
        let idle = Arc::new(idle);
        Self {
            worker: Some(WorkerShown { idle, changes }),
            ..Self::default()
        }
    }

    /// With the worker's own rules, whose zones may be changed.
    pub(crate) fn of(rules: &Arc<RuleRunner>) -> Self {
        let shown = Arc::clone(rules);
        Self {
            editor: Some(Arc::clone(rules)),
            ..Self::new(move || shown.idle(), rules.changes())
        }
    }

    /// Changes a zone of the worker's own rules. `picture`: width and height of the source, where they are known.
    pub(crate) async fn edit(&self, edit: ZoneEdit, picture: Option<(u32, u32)>) -> ZoneResult {
        let id = edit.id;
        let Some(editor) = self.editor.clone() else {
            return refused(id, "the worker has no rules");
        };
        let edit = move || editor.edit_zone(&edit.zone, picture);
        match tokio::task::spawn_blocking(edit).await {
            Ok(Ok(())) => ZoneResult { id, refused: None },
            Ok(Err(error)) => refused(id, &format!("{error:#}")),
            Err(_) => refused(id, "saving it stopped unexpectedly"),
        }
    }

    /// The worker's own rules in this stream now.
    pub(super) fn worker(&self, stream: Option<&ResultRoute>) -> SeenRules {
        let Some(worker) = &self.worker else {
            return SeenRules::default();
        };
        let acting = stream.and_then(ResultRoute::seen_rules);
        acting.unwrap_or_else(|| (worker.idle)())
    }

    /// Changes of the worker's own rules.
    pub(super) fn watch_worker(&self) -> Option<watch::Receiver<()>> {
        self.worker.as_ref().map(|worker| worker.changes.clone())
    }

    /// Takes the client's answer to a zone that a viewer has drawn.
    pub(crate) fn answered(&self, result: ZoneResult) {
        let words = result.refused;
        let refused = words.map(|words| text::cut(&words, text::REASON).into_owned());
        // An error: there are no viewers.
        let _ = self.results.send(ZoneResult { refused, ..result });
    }

    /// The client's answers from now on.
    pub(crate) fn results(&self) -> broadcast::Receiver<ZoneResult> {
        self.results.subscribe()
    }
}

/// The rules of a client with these zones, none of which is in effect yet.
pub(crate) fn of_client(zones: Zones) -> SeenRules {
    let at = RuleSide::Client;
    let state = RuleState {
        at,
        ..RuleState::default()
    };
    let zones = Arc::new(Zones { at, ..zones });
    SeenRules { zones, state }
}

/// Sets what the rules of a client have come to.
pub(super) fn set_state(rules: &mut SeenRules, state: RuleState) {
    let at = RuleSide::Client;
    rules.state = RuleState { at, ..state };
}

/// The answer to a zone that is not saved.
pub(crate) fn refused(id: u32, words: &str) -> ZoneResult {
    let words = text::cut(words, text::REASON);
    ZoneResult {
        id,
        refused: Some(words.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{RuleEvent, ZoneOutline, ZoneShape};
    use tokio::sync::mpsc;

    use super::*;

    fn zones(at: RuleSide) -> Zones {
        let zone = ZoneOutline {
            name: "corner".to_owned(),
            shape: ZoneShape::Circle([1.0, 2.0, 3.0]),
        };
        Zones {
            at,
            zones: vec![zone],
            ..Zones::default()
        }
    }

    #[test]
    fn each_stream_has_its_own_state_and_a_client_cannot_speak_for_the_worker() {
        let of_worker = SeenRules {
            zones: Arc::new(zones(RuleSide::Worker)),
            ..SeenRules::default()
        };
        let (own, seen) = watch::channel(of_worker.clone());
        let (_changes, changed) = watch::channel(());
        let rules = ShownRules::new(move || of_worker.clone(), changed);
        assert_eq!(rules.worker(None).zones.zones.len(), 1);
        let mut client = of_client(zones(RuleSide::Worker));
        let state = RuleState {
            at: RuleSide::Worker,
            active: vec![0],
            events: vec![RuleEvent::default()],
        };
        set_state(&mut client, state);
        assert_eq!((client.zones.at, client.state.at), Default::default());
        assert_eq!(client.zones.zones.len(), 1);
        let route = ResultRoute::new(mpsc::channel(1).0, true);
        own.send_modify(|seen| seen.state.active = vec![0]);
        assert!(rules.worker(Some(&route)).state.active.is_empty());
        route.set_seen_rules(seen);
        assert_eq!(rules.worker(Some(&route)).state.active, [0]);
        assert!(rules.worker(None).state.active.is_empty());
    }
}
