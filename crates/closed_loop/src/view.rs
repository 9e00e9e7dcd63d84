//! What is shown of rules: their zones, what is in effect, the last events.

use std::sync::Arc;

use protocol::{
    MAX_RULE_EVENTS, MAX_ZONE_CORNERS, MAX_ZONES, RuleEvent, RuleSide, RuleState, ZoneOutline,
    ZoneShape, Zones, is_shown_name,
};
use rules::{Cause, Event, Rules, Shape};
use tokio::sync::watch;

/// The zones of a file, as they are shown; those for which a message has no room are left out.
///
/// `editable`: they can be changed.
pub(crate) fn zones(rules: &Rules, at: RuleSide, editable: bool) -> Zones {
    let mut corners = 0;
    let outlines = rules.zones.iter().map(|zone| ZoneOutline {
        name: zone.name.clone(),
        shape: shape(&zone.shape),
    });
    let shown: Vec<ZoneOutline> = outlines
        .take(MAX_ZONES)
        .take_while(|zone| {
            corners += zone.shape.corners();
            corners <= MAX_ZONE_CORNERS
        })
        .collect();
    if shown.len() < rules.zones.len() {
        tracing::warn!(
            "{} of {} zones of {} are shown: their corners are too many; all of them act",
            shown.len(),
            rules.zones.len(),
            rules.file
        );
    }
    Zones {
        at,
        editable,
        zones: shown,
    }
}

fn shape(shape: &Shape) -> ZoneShape {
    // As fine as a screen shows it.
    let rounded = |value: f64| (value * 10.0).round() / 10.0;
    match shape {
        Shape::Polygon(corners) => {
            ZoneShape::Polygon(corners.iter().map(|corner| corner.map(rounded)).collect())
        }
        Shape::Circle {
            center: [x, y],
            radius,
        } => ZoneShape::Circle([*x, *y, *radius].map(rounded)),
    }
}

/// What is shown of the rules of one side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenRules {
    /// Their zones.
    pub zones: Arc<Zones>,
    /// What they have come to.
    pub state: RuleState,
}

/// What is shown of rules, for those that show it.
pub(crate) struct RulesView(watch::Sender<SeenRules>);

impl RulesView {
    pub(crate) fn new(zones: Zones) -> Self {
        let state = RuleState {
            at: zones.at,
            ..RuleState::default()
        };
        let zones = Arc::new(zones);
        Self(watch::Sender::new(SeenRules { zones, state }))
    }

    /// What is shown now, and after each change.
    pub(crate) fn watch(&self) -> watch::Receiver<SeenRules> {
        self.0.subscribe()
    }

    /// A stream begins: its events are not those of the one before.
    pub(crate) fn restart(&self) {
        self.0.send_modify(|seen| {
            seen.state.active.clear();
            seen.state.events.clear();
        });
    }

    /// The zones are others.
    pub(crate) fn redrawn(&self, rules: &Rules) {
        self.0.send_modify(|seen| {
            let Zones { at, editable, .. } = *seen.zones;
            seen.zones = Arc::new(zones(rules, at, editable));
        });
    }

    /// Takes which zones are in effect, and what has happened.
    pub(crate) fn update(&self, active: &[bool], events: &[(Event, Cause)]) {
        let active = active
            .iter()
            .enumerate()
            .filter(|(_, is_active)| **is_active);
        let active: Vec<u32> = active
            .filter_map(|(index, _)| u32::try_from(index).ok())
            .collect();
        self.0.send_if_modified(|SeenRules { state, .. }| {
            if state.active == active && events.is_empty() {
                return false;
            }
            state.active = active;
            state.events.extend(events.iter().map(shown));
            let over = state.events.len().saturating_sub(MAX_RULE_EVENTS);
            state.events.drain(..over);
            true
        });
    }
}

fn shown((event, cause): &(Event, Cause)) -> RuleEvent {
    RuleEvent {
        rule: event.name.clone(),
        edge: event.edge.to_string(),
        cause: cause.to_string(),
        // Identities of models can have any name.
        animal: event.animal.clone().filter(|name| is_shown_name(name)),
        frame_id: event.frame_id,
        captured_us: event.captured_us,
    }
}

#[cfg(test)]
mod tests {
    use rules::Edge;

    use super::*;

    fn event(frame_id: u64) -> (Event, Cause) {
        let event = Event {
            rule: 0,
            name: "light".to_owned(),
            edge: Edge::Enter,
            animal: Some("mouse\nA".to_owned()),
            frame_id,
            captured_us: 0,
            value: None,
        };
        (event, Cause::Condition)
    }

    #[test]
    fn the_last_events_are_kept_and_nothing_new_is_no_change() {
        let view = RulesView::new(Zones {
            at: RuleSide::Worker,
            ..Zones::default()
        });
        let mut watch = view.watch();
        view.update(&[false, false], &[]);
        assert!(!watch.has_changed().unwrap());
        for frame in 0..30 {
            view.update(&[false, true], &[event(frame)]);
        }
        let state = watch.borrow_and_update().state.clone();
        assert_eq!((state.at, &state.active[..]), (RuleSide::Worker, &[1][..]));
        let frames: Vec<u64> = state.events.iter().map(|event| event.frame_id).collect();
        assert_eq!(frames, (10..30).collect::<Vec<_>>());
        assert_eq!(state.events[0].animal, None, "it cannot be shown");
        view.restart();
        let state = watch.borrow().state.clone();
        assert!(state.active.is_empty() && state.events.is_empty());
    }

    #[test]
    fn zones_without_room_are_not_shown() {
        let corner = vec!["[1.26, 2]"; 1000].join(", ");
        let zone = |name: &str| format!("[zone.{name}]\npolygon = [{corner}]\n");
        let text = format!(
            "{}{}{}[rule.r]\nwhen = {{ present = true }}\n",
            zone("a"),
            zone("b"),
            zone("c")
        );
        let rules = Rules::parse("r", &text).unwrap();
        let shown = zones(&rules, RuleSide::Client, false);
        assert_eq!(shown.zones.len(), 2);
        let ZoneShape::Polygon(corners) = &shown.zones[0].shape else {
            panic!("a polygon")
        };
        assert_eq!(corners[0], [1.3, 2.0]);
    }
}
