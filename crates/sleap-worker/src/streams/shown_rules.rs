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

    /// Whether the client that streams has rules with zones, or lets zones be drawn.
    pub(crate) fn has_client(&self) -> bool {
        *self.client.borrow().zones != Zones::default()
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

    /// The rules of both sides now: the worker's and the client's.
    pub(crate) fn now(&self) -> [SeenRules; 2] {
        let worker = self.worker.as_ref().map(|seen| seen.borrow().clone());
        let client = self.client.borrow().clone();
        [worker.unwrap_or_default(), client]
    }

    /// The rules, now and after each change.
    pub(crate) fn watch(&self) -> RulesWatch {
        RulesWatch {
            worker: self.worker.clone(),
            client: self.client.subscribe(),
            rules: self.clone(),
        }
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

/// Waits for changes of rules.
pub(crate) struct RulesWatch {
    rules: ShownRules,
    worker: Option<watch::Receiver<SeenRules>>,
    client: watch::Receiver<SeenRules>,
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
            // The sender is kept in `rules`.
            _ = self.client.changed() => {}
        }
    }

    /// The rules of both sides now. [`changed`](Self::changed) then waits for a later change.
    pub(crate) fn now(&mut self) -> [SeenRules; 2] {
        if let Some(worker) = &mut self.worker {
            worker.mark_unchanged();
        }
        self.client.mark_unchanged();
        self.rules.now()
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

    #[tokio::test]
    async fn changes_of_both_sides_are_seen_and_a_stream_takes_its_rules_along() {
        let (own, seen) = watch::channel(SeenRules {
            zones: Arc::new(zones(RuleSide::Worker)),
            ..SeenRules::default()
        });
        let rules = ShownRules::new(Some(seen));
        let mut watch = rules.watch();
        assert_eq!(watch.now()[0].zones.zones.len(), 1);
        assert!(watch.now()[1].zones.zones.is_empty());
        // A client cannot speak for the worker.
        let mut of_client = of_client(zones(RuleSide::Worker));
        rules.show_client(of_client.clone());
        watch.changed().await;
        let [_, client] = watch.now();
        assert_eq!((client.zones.at, client.state.at), Default::default());
        assert_eq!(client.zones.zones.len(), 1);
        let event = RuleEvent::default();
        let state = RuleState {
            at: RuleSide::Worker,
            active: vec![0],
            events: vec![event],
        };
        set_state(&mut of_client, state);
        rules.show_client(of_client);
        watch.changed().await;
        assert_eq!(watch.now()[1].state.at, RuleSide::Client);
        own.send_modify(|seen| seen.state.active = vec![0]);
        watch.changed().await;
        assert_eq!(watch.now()[0].state.active, [0]);
        rules.show_client(SeenRules::default());
        watch.changed().await;
        assert_eq!(watch.now()[1], SeenRules::default());
        rules.show_client(SeenRules::default());
        tokio::select! {
            biased;
            () = watch.changed() => panic!("nothing has changed"),
            () = std::future::ready(()) => {}
        }
    }
}
