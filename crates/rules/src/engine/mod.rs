//! Poses in, events out.

mod activation;
mod evaluate;
mod motion;
mod rule_state;
mod scene;
mod truth;

use crate::error::RulesError;
use crate::event::{Edge, Event};
use crate::pose::FramePoses;
use crate::rule::{PoseRule, Rules};
use crate::zone::Zone;
use rule_state::RuleState;
use scene::Scene;

/// Evaluates the rules of a file on successive frames.
#[derive(Debug)]
pub struct RuleEngine {
    rules: Rules,
    states: Vec<RuleState>,
    /// Which of the rules are for the stream.
    is_for: Vec<bool>,
    /// The newest frame, and when it was captured.
    newest: Option<(u64, u64)>,
    /// Time that has passed between frames, microseconds. It never goes back, as a clock may that is set.
    now: u64,
}

impl RuleEngine {
    /// The rules of a file for poses of these nodes.
    ///
    /// # Errors
    /// A rule names a node that is not there.
    pub fn new(mut rules: Rules, nodes: &[String]) -> Result<Self, RulesError> {
        rules.bind(nodes)?;
        let states: Vec<RuleState> = rules.rules.iter().map(RuleState::new).collect();
        Ok(Self {
            is_for: vec![true; states.len()],
            rules,
            states,
            newest: None,
            now: 0,
        })
    }

    /// The same rules for a stream that has these names, as it begins: those that are for other streams have no events.
    pub fn of_stream(&self, names: &[&str]) -> Self {
        let rules = self.rules.clone();
        Self {
            states: rules.rules.iter().map(RuleState::new).collect(),
            is_for: rules.rules.iter().map(|rule| rule.is_for(names)).collect(),
            rules,
            newest: None,
            now: 0,
        }
    }

    /// The file.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The events of a frame, in the order of the rules. A frame that is not newer than the last one
    /// has none.
    pub fn frame(&mut self, frame: &FramePoses<'_>) -> Vec<Event> {
        if let Some((newest, captured_us)) = self.newest {
            if frame.frame_id <= newest {
                return Vec::new();
            }
            self.now += frame.captured_us.saturating_sub(captured_us);
        }
        self.newest = Some((frame.frame_id, frame.captured_us));
        let scene = Scene::of(frame);
        let mut events = Vec::new();
        let rules = self.rules.rules.iter().zip(&mut self.states).enumerate();
        for (index, (rule, state)) in rules.filter(|(index, _)| self.is_for[*index]) {
            for change in state.frame(rule, &self.rules.zones, &scene, self.now) {
                events.push(Event {
                    rule: index,
                    name: rule.name.clone(),
                    edge: change.edge,
                    animal: change.animal,
                    frame_id: frame.frame_id,
                    captured_us: frame.captured_us,
                    value: change.value,
                });
            }
        }
        events
    }

    /// Leaves all rules and forgets the animals: poses have stopped, or the stream is over.
    pub fn leave_all(&mut self) -> Vec<Event> {
        self.leave(|_| true)
    }

    /// Gives a zone another shape, or adds it. The rules that depend on it are left and begin anew; their events.
    pub fn set_zone(&mut self, zone: Zone) -> Vec<Event> {
        let known = self.rules.zones.iter().position(|it| it.name == zone.name);
        let Some(index) = known else {
            self.rules.zones.push(zone);
            return Vec::new();
        };
        self.rules.zones[index] = zone;
        let events = self.leave(|rule| rule.when.uses_zone(index));
        for (rule, state) in self.rules.rules.iter().zip(&mut self.states) {
            if rule.when.uses_zone(index) {
                *state = RuleState::new(rule);
            }
        }
        events
    }

    /// Leaves those of the rules that are chosen.
    fn leave(&mut self, is_chosen: impl Fn(&PoseRule) -> bool) -> Vec<Event> {
        let (frame_id, captured_us) = self.newest.unwrap_or_default();
        let mut events = Vec::new();
        let rules = self.rules.rules.iter().zip(&mut self.states).enumerate();
        for (index, (rule, state)) in rules.filter(|(_, (rule, _))| is_chosen(rule)) {
            events.extend(state.leave_all().into_iter().map(|animal| Event {
                rule: index,
                name: rule.name.clone(),
                edge: Edge::Leave,
                animal,
                frame_id,
                captured_us,
                value: None,
            }));
        }
        events
    }

    /// The zones that are the stream's: those of its rules, and those of no rule; by their indices.
    pub fn own_zones(&self) -> Vec<bool> {
        let rules = self.rules.rules.iter().zip(&self.is_for);
        let (own, others): (Vec<_>, Vec<_>) = rules.partition(|(_, is_for)| **is_for);
        let uses = |rules: &[(&PoseRule, &bool)], zone| {
            rules.iter().any(|(rule, _)| rule.when.uses_zone(zone))
        };
        let zones = 0..self.rules.zones.len();
        zones
            .map(|zone| uses(&own, zone) || !uses(&others, zone))
            .collect()
    }

    /// The zones whose rules are in effect, by their indices.
    pub fn active_zones(&self) -> Vec<bool> {
        let mut active = vec![false; self.rules.zones.len()];
        for (rule, state) in self.rules.rules.iter().zip(&self.states) {
            if !state.is_active() {
                continue;
            }
            for zone in rule.when.zones() {
                if let Some(zone) = active.get_mut(zone) {
                    *zone = true;
                }
            }
        }
        active
    }
}

#[cfg(test)]
mod tests;
