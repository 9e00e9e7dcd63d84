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
/// `is_own`: whether the zone of this index is the stream's; `editable`: they can be changed.
pub(crate) fn zones(
    rules: &Rules,
    is_own: impl Fn(usize) -> bool,
    (at, editable): (RuleSide, bool),
) -> Zones {
    let mut corners = 0;
    let own = rules.zones.iter().enumerate();
    let own: Vec<_> = own.filter(|(index, _)| is_own(*index)).collect();
    let outlines = own.iter().map(|(_, zone)| ZoneOutline {
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
    if shown.len() < own.len() {
        tracing::warn!(
            "{} of {} zones of {} are shown: their corners are too many; all of them act",
            shown.len(),
            own.len(),
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

impl SeenRules {
    /// These zones, and nothing has happened.
    pub(crate) fn of(zones: Zones) -> Self {
        let state = RuleState {
            at: zones.at,
            ..RuleState::default()
        };
        let zones = Arc::new(zones);
        Self { zones, state }
    }
}

/// What is shown of the rules of a stream, for those that show it.
pub(crate) struct RulesView {
    seen: watch::Sender<SeenRules>,
    /// The zones of the file that are shown, by their indices.
    own: Vec<usize>,
    /// Sent when what is shown has changed.
    changes: Arc<watch::Sender<()>>,
}

impl RulesView {
    /// `own`: which zones of the file these are.
    pub(crate) fn new(zones: Zones, own: &[bool], changes: Arc<watch::Sender<()>>) -> Self {
        Self {
            seen: watch::Sender::new(SeenRules::of(zones)),
            own: indices(own),
            changes,
        }
    }

    /// What is shown now, and after each change.
    pub(crate) fn watch(&self) -> watch::Receiver<SeenRules> {
        self.seen.subscribe()
    }

    /// The zones are others.
    pub(crate) fn redrawn(&mut self, zones: Zones, own: &[bool]) {
        self.own = indices(own);
        self.seen.send_modify(|seen| seen.zones = Arc::new(zones));
    }

    /// Takes which zones are in effect, and what has happened.
    pub(crate) fn update(&self, active: &[bool], events: &[(Event, Cause)]) {
        let is_active = |zone: &usize| active.get(*zone) == Some(&true);
        let own = self.own.iter().zip(0..);
        let active: Vec<u32> = own
            .filter(|(zone, _)| is_active(zone))
            .map(|(_, place)| place)
            .collect();
        let has_changed = self.seen.send_if_modified(|SeenRules { state, .. }| {
            if state.active == active && events.is_empty() {
                return false;
            }
            state.active = active;
            state.events.extend(events.iter().map(shown));
            let over = state.events.len().saturating_sub(MAX_RULE_EVENTS);
            state.events.drain(..over);
            true
        });
        if has_changed {
            self.changes.send_replace(());
        }
    }
}

fn indices(own: &[bool]) -> Vec<usize> {
    let own = own.iter().enumerate();
    own.filter(|(_, is_own)| **is_own)
        .map(|(index, _)| index)
        .collect()
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
        let zones = Zones {
            at: RuleSide::Worker,
            ..Zones::default()
        };
        let changes = Arc::new(watch::Sender::new(()));
        let mut heard = changes.subscribe();
        // The first zone of the file is another stream's.
        let view = RulesView::new(zones, &[false, true, true], changes);
        let mut watch = view.watch();
        view.update(&[false, false, false], &[]);
        assert!(!watch.has_changed().unwrap() && !heard.has_changed().unwrap());
        for frame in 0..30 {
            view.update(&[true, false, true], &[event(frame)]);
        }
        heard.borrow_and_update();
        view.update(&[true, false, true], &[]);
        assert!(!heard.has_changed().unwrap(), "nothing is new");
        let state = watch.borrow_and_update().state.clone();
        assert_eq!((state.at, &state.active[..]), (RuleSide::Worker, &[1][..]));
        let frames: Vec<u64> = state.events.iter().map(|event| event.frame_id).collect();
        assert_eq!(frames, (10..30).collect::<Vec<_>>());
        assert_eq!(state.events[0].animal, None, "it cannot be shown");
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
        let shown = zones(&rules, |_| true, (RuleSide::Client, false));
        assert_eq!(shown.zones.len(), 2);
        let ZoneShape::Polygon(corners) = &shown.zones[0].shape else {
            panic!("a polygon")
        };
        assert_eq!(corners[0], [1.3, 2.0]);
    }
}
