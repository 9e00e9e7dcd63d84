//! What one viewer is told of rules: zones where they are others, state where it has changed.

use std::sync::Arc;
use std::time::Duration;

use closed_loop::SeenRules;
use protocol::{Message, RuleState, Zones};
use tokio::time::{Instant, sleep_until};

use crate::streams::RulesWatch;

/// The least time between two changes.
const INTERVAL: Duration = Duration::from_millis(50);

/// The rules, for one viewer.
pub(super) struct RulesFeed {
    watch: RulesWatch,
    /// What the viewer knows of the two sides.
    told: [Told; 2],
    /// No change before.
    due: Instant,
}

#[derive(Default)]
struct Told {
    zones: Arc<Zones>,
    state: RuleState,
    /// The viewer has taken nothing over to the stream that it looks at now.
    is_forgotten: bool,
}

impl RulesFeed {
    pub(super) fn new(watch: RulesWatch) -> Self {
        Self {
            watch,
            told: Default::default(),
            due: Instant::now(),
        }
    }

    /// Waits until there may be something to tell. Cancel safe.
    pub(super) async fn changed(&mut self) {
        sleep_until(self.due).await;
        self.watch.changed().await;
        self.due = Instant::now() + INTERVAL;
    }

    /// The viewer looks at another stream, and has forgotten the rules of the one before.
    pub(super) fn forget(&mut self) {
        for told in &mut self.told {
            told.is_forgotten = *told.zones != Zones::default();
        }
    }

    /// What a viewer that has chosen this stream does not know yet. Of rules that are not there it is told nothing.
    pub(super) fn messages(&mut self, chosen: Option<&str>) -> Vec<Message> {
        let mut messages = Vec::new();
        let now = self.watch.now(chosen);
        for (told, SeenRules { zones, state }) in self.told.iter_mut().zip(now) {
            if *told.zones != *zones || std::mem::take(&mut told.is_forgotten) {
                messages.push(Message::Zones(Zones::clone(&zones)));
                // With other zones a viewer takes none for active.
                told.state = RuleState {
                    at: state.at,
                    ..RuleState::default()
                };
                told.zones = zones;
            }
            if told.state != state {
                messages.push(Message::Rules(state.clone()));
                told.state = state;
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use protocol::{RuleSide, ZoneOutline, ZoneShape};
    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::streams::{ResultRoute, ServedStreams, ShownRules};

    fn kinds(feed: &mut RulesFeed) -> Vec<&'static str> {
        feed.messages(None).iter().map(Message::kind).collect()
    }

    fn zones(at: RuleSide, name: &str) -> Zones {
        let zone = ZoneOutline {
            name: name.to_owned(),
            shape: ZoneShape::Circle([1.0, 2.0, 3.0]),
        };
        Zones {
            at,
            zones: vec![zone],
            ..Zones::default()
        }
    }

    #[tokio::test]
    async fn a_viewer_is_told_what_is_new_and_nothing_twice() {
        let none: [&str; 0] = [];
        let mut feed = RulesFeed::new(ServedStreams::default().watch_rules());
        assert_eq!(kinds(&mut feed), none, "there are no rules");
        let at = RuleSide::Worker;
        let state = RuleState {
            at,
            active: vec![0],
            ..RuleState::default()
        };
        let zones_of = |at, name| Arc::new(zones(at, name));
        let (own, seen) = watch::channel(SeenRules {
            zones: zones_of(at, "nest"),
            state,
        });
        let (changes, changed) = watch::channel(());
        let idle = seen.clone();
        let rules = ShownRules::new(move || idle.borrow().clone(), changed);
        let served = ServedStreams::new(rules, 2);
        let mut feed = RulesFeed::new(served.watch_rules());
        assert_eq!(kinds(&mut feed), ["ZONES", "RULES"]);
        assert_eq!(kinds(&mut feed), none);
        own.send_modify(|seen| seen.state.active.clear());
        changes.send_replace(());
        feed.changed().await;
        assert_eq!(kinds(&mut feed), ["RULES"]);
        own.send_modify(|seen| seen.zones = zones_of(at, "den"));
        changes.send_replace(());
        feed.changed().await;
        assert_eq!(kinds(&mut feed), ["ZONES"]);
        let route = Arc::new(ResultRoute::new(mpsc::channel(1).0, true));
        let _serving = served.serves(&route);
        served.client_zones(&route, zones(RuleSide::Client, "corner"));
        feed.changed().await;
        assert_eq!(kinds(&mut feed), ["ZONES"]);
        let state = RuleState {
            active: vec![0],
            ..RuleState::default()
        };
        served.client_state(&route, state);
        feed.changed().await;
        assert_eq!(kinds(&mut feed), ["RULES"]);
        // Another stream, without rules of its client.
        let other = Arc::new(ResultRoute::new(mpsc::channel(1).0, true));
        let _serving = served.serves(&other);
        let messages = feed.messages(Some(other.name()));
        let [Message::Zones(gone)] = &messages[..] else {
            panic!("{messages:?}")
        };
        assert_eq!((gone.at, gone.zones.len()), (RuleSide::Client, 0));
        feed.forget();
        assert_eq!(kinds(&mut feed), ["ZONES", "ZONES", "RULES"]);
    }
}
