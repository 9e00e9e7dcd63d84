//! What a rule remembers of the animals.

use std::collections::HashMap;

use super::activation::Activation;
use super::evaluate::{Evaluation, LeafMemory};
use super::scene::{AnimalKey, MAX_ANIMALS, Scene};
use super::truth::Truth;
use crate::condition::{Leaf, Quantity};
use crate::event::Edge;
use crate::rule::{PoseRule, Subject};
use crate::zone::Zone;

/// How long an animal is remembered that is not seen, microseconds.
const MEMORY_US: u64 = 10_000_000;

/// A rule was entered or left.
pub(super) struct Change {
    pub(super) edge: Edge,
    pub(super) animal: Option<String>,
    pub(super) value: Option<f64>,
}

/// What a rule remembers.
#[derive(Debug)]
pub(super) struct RuleState {
    animals: HashMap<AnimalKey, AnimalState>,
    /// Where there is no animal, or the condition is about none.
    nothing: AnimalState,
    /// Of the rule as a whole, where it is not each animal's own.
    activation: Activation,
    /// The animal that entered it.
    by: Option<String>,
}

#[derive(Debug, Clone)]
struct AnimalState {
    leaves: Vec<LeafMemory>,
    /// Whether the condition held when that could be seen last, and when that was.
    known: Option<(bool, u64)>,
    /// When the animal was in a frame last.
    seen: u64,
    value: Option<f64>,
    activation: Activation,
}

impl AnimalState {
    fn new(rule: &PoseRule) -> Self {
        Self {
            leaves: vec![LeafMemory::default(); rule.leaves],
            known: None,
            seen: 0,
            value: None,
            activation: Activation::default(),
        }
    }

    fn observe(&mut self, rule: &PoseRule, mut evaluation: Evaluation<'_>) {
        let truth = evaluation.condition(&rule.when, &mut self.leaves);
        self.value = evaluation.value;
        if truth != Truth::Unknown {
            self.known = Some((truth == Truth::True, evaluation.now));
        }
    }

    /// Whether the condition holds: what cannot be seen counts as it was for a while, then as no.
    fn holds(&self, rule: &PoseRule, now: u64) -> bool {
        self.known
            .is_some_and(|(held, at)| held && now.saturating_sub(at) <= rule.missing_us)
    }
}

impl RuleState {
    pub(super) fn new(rule: &PoseRule) -> Self {
        Self {
            animals: HashMap::new(),
            nothing: AnimalState::new(rule),
            activation: Activation::default(),
            by: None,
        }
    }

    /// Takes a frame.
    pub(super) fn frame(
        &mut self,
        rule: &PoseRule,
        zones: &[Zone],
        scene: &Scene<'_>,
        now: u64,
    ) -> Vec<Change> {
        self.meet(rule, scene, now);
        let evaluation = |animal| Evaluation {
            scene,
            zones,
            kind: rule.pose,
            now,
            animal,
            value: None,
        };
        self.nothing.observe(rule, evaluation(None));
        for (key, state) in &mut self.animals {
            state.observe(rule, evaluation(Some(key)));
        }
        match &rule.subject {
            Subject::Each => self.each(rule, now),
            Subject::Named(name) => {
                let key = AnimalKey::Name(name.clone());
                let state = self.animals.get(&key).unwrap_or(&self.nothing);
                let (holds, value) = (state.holds(rule, now), state.value);
                self.step(rule, holds, Some(name.clone()), value, now)
            }
            Subject::Any | Subject::All => self.together(rule, now),
        }
    }

    /// Takes in the animals of a frame, and forgets those that have been away for long.
    fn meet(&mut self, rule: &PoseRule, scene: &Scene<'_>, now: u64) {
        let memory_us = MEMORY_US.max(rule.not_more_often_than_us);
        self.animals.retain(|_, state| {
            state.activation.is_active || now.saturating_sub(state.seen) <= memory_us
        });
        for key in scene.keys() {
            if !self.animals.contains_key(key) && self.animals.len() >= MAX_ANIMALS {
                self.forget_one(now);
            }
            if self.animals.len() < MAX_ANIMALS || self.animals.contains_key(key) {
                let state = self.animals.entry(key.clone());
                state.or_insert_with(|| AnimalState::new(rule)).seen = now;
            }
        }
    }

    /// Forgets the animal that has been away for longest, where one is away and not active.
    fn forget_one(&mut self, now: u64) {
        let away = self
            .animals
            .iter()
            .filter(|(_, state)| state.seen < now && !state.activation.is_active);
        let oldest = away.min_by_key(|(_, state)| state.seen);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.animals.remove(&key);
        }
    }

    fn each(&mut self, rule: &PoseRule, now: u64) -> Vec<Change> {
        let mut changes: Vec<(AnimalKey, Change)> = Vec::new();
        for (key, state) in &mut self.animals {
            let holds = state.holds(rule, now);
            if let Some(entered) = state.activation.step(rule, holds, now) {
                changes.push((
                    key.clone(),
                    Change {
                        edge: Edge::of(entered),
                        animal: Some(display(key)),
                        value: state.value,
                    },
                ));
            }
        }
        // A map has no order of its own.
        changes.sort_by_key(|(key, _)| key.clone());
        changes.into_iter().map(|(_, change)| change).collect()
    }

    fn together(&mut self, rule: &PoseRule, now: u64) -> Vec<Change> {
        let is_there = |state: &&AnimalState| now.saturating_sub(state.seen) <= rule.missing_us;
        let mut there: Vec<_> = self
            .animals
            .iter()
            .filter(|(_, state)| is_there(state))
            .collect();
        there.sort_by_key(|(key, _)| *key);
        let is_of_animals = |leaf: &Leaf| leaf.quantity != Quantity::Animals;
        if there.is_empty() || !rule.when.has(&is_of_animals) {
            let (holds, value) = (self.nothing.holds(rule, now), self.nothing.value);
            return self.step(rule, holds, None, value, now);
        }
        let first = |wanted: bool| {
            let mut those = there.iter();
            those.find(|(_, state)| state.holds(rule, now) == wanted)
        };
        let holds = match rule.subject {
            Subject::All => first(false).is_none(),
            _ => first(true).is_some(),
        };
        // The animal that the rule is entered for; at leaving it is that one again.
        let (animal, value) = match first(holds).or(there.first()) {
            Some((key, state)) => (key.name().map(str::to_owned), state.value),
            None => (None, None),
        };
        self.step(rule, holds, animal, value, now)
    }

    fn step(
        &mut self,
        rule: &PoseRule,
        holds: bool,
        animal: Option<String>,
        value: Option<f64>,
        now: u64,
    ) -> Vec<Change> {
        let Some(entered) = self.activation.step(rule, holds, now) else {
            return Vec::new();
        };
        let animal = match entered {
            true => {
                self.by.clone_from(&animal);
                animal
            }
            false => self.by.take(),
        };
        vec![Change {
            edge: Edge::of(entered),
            animal,
            value,
        }]
    }

    /// Leaves everything; the animals for which it was in effect.
    pub(super) fn leave_all(&mut self) -> Vec<Option<String>> {
        let mut left = Vec::new();
        if std::mem::take(&mut self.activation).is_active {
            left.push(self.by.take());
        }
        let mut animals: Vec<_> = self.animals.drain().collect();
        animals.retain(|(_, state)| state.activation.is_active);
        animals.sort_by(|(one, _), (other, _)| one.cmp(other));
        left.extend(animals.iter().map(|(key, _)| Some(display(key))));
        self.nothing.known = None;
        left
    }

    pub(super) fn is_active(&self) -> bool {
        self.activation.is_active || self.animals.values().any(|it| it.activation.is_active)
    }
}

/// The name of an animal; where animals are not told apart, its place in the frame.
fn display(key: &AnimalKey) -> String {
    match key {
        AnimalKey::Name(name) => name.clone(),
        AnimalKey::Place(place) => place.to_string(),
    }
}
