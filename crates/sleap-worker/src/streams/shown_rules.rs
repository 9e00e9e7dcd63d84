//! Rules that are shown to people at the worker: its own, and those of the client whose stream is shown.

use std::sync::Arc;

use closed_loop::{RuleRunner, SeenRules};
use protocol::{RuleSide, RuleState, ZoneEdit, ZoneResult, Zones, text};
use tokio::sync::{broadcast, watch};

/// Answers that a viewer may have to take.
const RESULT_QUEUE_LEN: usize = 8;

/// Rules that are shown; clones are the same.
#[derive(Clone)]
pub(crate) struct ShownRules {
    /// The worker's own.
    worker: Option<watch::Receiver<SeenRules>>,
    /// Those of the client whose stream is shown.
    client: Arc<watch::Sender<SeenRules>>,
    /// Answers of the client to zones that viewers have drawn.
    results: broadcast::Sender<ZoneResult>,
    /// What changes the worker's own.
    editor: Option<Arc<RuleRunner>>,
}

impl Default for ShownRules {
    fn default() -> Self {
        Self::new(None)
    }
}

impl ShownRules {
    /// With the worker's own rules, where it has some.
    pub(crate) fn new(worker: Option<watch::Receiver<SeenRules>>) -> Self {
        Self {
            worker,
            client: Arc::default(),
            results: broadcast::Sender::new(RESULT_QUEUE_LEN),
            editor: None,
        }
    }

    /// With the worker's own rules, whose zones may be changed.
    pub(crate) fn of(rules: &Arc<RuleRunner>) -> Self {
        Self {
            editor: Some(Arc::clone(rules)),
            ..Self::new(Some(rules.seen()))
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

    /// The worker's own rules now.
    pub(super) fn worker(&self) -> SeenRules {
        let worker = self.worker.as_ref().map(|seen| seen.borrow().clone());
        worker.unwrap_or_default()
    }

    /// The worker's own rules, now and after each change.
    pub(super) fn watch_worker(&self) -> Option<watch::Receiver<SeenRules>> {
        self.worker.clone()
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

    /// Shows these rules as those of the client.
    pub(super) fn show_client(&self, rules: SeenRules) {
        self.client.send_if_modified(|shown| {
            let changes = *shown != rules;
            *shown = rules;
            changes
        });
    }

    /// The rules of both sides now, for the window: the worker's and the client's.
    pub(crate) fn now(&self) -> [SeenRules; 2] {
        [self.worker(), self.client.borrow().clone()]
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
    fn a_client_cannot_speak_for_the_worker_and_takes_its_rules_along() {
        let (own, seen) = watch::channel(SeenRules {
            zones: Arc::new(zones(RuleSide::Worker)),
            ..SeenRules::default()
        });
        let rules = ShownRules::new(Some(seen));
        assert_eq!(rules.now()[0].zones.zones.len(), 1);
        assert!(rules.now()[1].zones.zones.is_empty());
        let mut of_client = of_client(zones(RuleSide::Worker));
        let state = RuleState {
            at: RuleSide::Worker,
            active: vec![0],
            events: vec![RuleEvent::default()],
        };
        set_state(&mut of_client, state);
        rules.show_client(of_client);
        let [_, client] = rules.now();
        assert_eq!((client.zones.at, client.state.at), Default::default());
        assert_eq!(client.zones.zones.len(), 1);
        own.send_modify(|seen| seen.state.active = vec![0]);
        assert_eq!(rules.now()[0].state.active, [0]);
        rules.show_client(SeenRules::default());
        assert_eq!(rules.now()[1], SeenRules::default());
    }
}
