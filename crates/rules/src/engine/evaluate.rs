//! Whether a condition holds for an animal.

use super::motion::Motion;
use super::scene::{AnimalKey, Scene};
use super::truth::Truth;
use crate::condition::{Condition, Leaf, Other, Quantity};
use crate::pose::{InstancePoints, Landmark, PoseKind, Position, direction, distance, wrapped};
use crate::zone::Zone;

/// What a comparison keeps of an animal.
#[derive(Debug, Clone, Default)]
pub(super) struct LeafMemory {
    /// It held.
    was: bool,
    motion: Motion,
}

/// Evaluates conditions of a rule for one animal of a frame.
pub(super) struct Evaluation<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) zones: &'a [Zone],
    pub(super) kind: PoseKind,
    /// The time, microseconds.
    pub(super) now: u64,
    /// The animal; `None` where there is none.
    pub(super) animal: Option<&'a AnimalKey>,
    /// The value of the first comparison that has one.
    pub(super) value: Option<f64>,
}

impl Evaluation<'_> {
    /// `memory`: one entry for each comparison of the rule.
    pub(super) fn condition(&mut self, condition: &Condition, memory: &mut [LeafMemory]) -> Truth {
        // Every comparison is evaluated: each has to remember what it has seen.
        let mut each = |all: &[Condition]| -> Vec<Truth> {
            let evaluate = |one| self.condition(one, memory);
            all.iter().map(evaluate).collect()
        };
        match condition {
            Condition::And(all) => Truth::all(each(all).into_iter()),
            Condition::Or(all) => Truth::any(each(all).into_iter()),
            Condition::Not(one) => self.condition(one, memory).not(),
            Condition::Leaf(leaf) => match memory.get_mut(leaf.index) {
                Some(memory) => self.leaf(leaf, memory),
                None => Truth::Unknown,
            },
        }
    }

    fn leaf(&mut self, leaf: &Leaf, memory: &mut LeafMemory) -> Truth {
        let Some(value) = self.quantity(&leaf.quantity, &mut memory.motion) else {
            return Truth::Unknown;
        };
        self.value = self.value.or(Some(value));
        memory.was = leaf.range.holds(value, memory.was);
        Truth::of(memory.was)
    }

    fn quantity(&self, quantity: &Quantity, motion: &mut Motion) -> Option<f64> {
        let points = self
            .animal
            .and_then(|animal| self.scene.points(animal, self.kind));
        match quantity {
            Quantity::Animals => return Some(self.scene.len() as f64),
            Quantity::Present { point } => {
                let seen = points.and_then(|points| point.landmark.of(points));
                return Some(f64::from(u8::from(seen.is_some())));
            }
            _ => {}
        }
        let points = points?;
        match quantity {
            Quantity::Depth { point, zone } => {
                let at = point.landmark.of(points)?;
                Some(self.zones.get(*zone)?.shape.depth(at))
            }
            Quantity::Distance { from, to, of } => {
                let from = from.landmark.of(points)?;
                let target = self.target(of, to.landmark, points, from)?;
                Some(distance(from, target))
            }
            Quantity::Speed { point, over_us } => {
                motion.speed(self.now, *over_us, point.landmark.of(points)?)
            }
            Quantity::Turning { from, to, over_us } => {
                let (from, to) = (from.landmark.of(points)?, to.landmark.of(points)?);
                motion.turning(self.now, *over_us, direction(from, to)?)
            }
            Quantity::Heading { from, to, towards } => {
                let (from, front) = (from.landmark.of(points)?, to.landmark.of(points)?);
                let target = self.target(towards, Landmark::Centroid, points, front)?;
                let off = direction(front, target)? - direction(from, front)?;
                Some(wrapped(off).abs())
            }
            Quantity::Present { .. } | Quantity::Animals => None,
        }
    }

    /// The point that a distance or a heading goes to, seen from `here`.
    fn target(
        &self,
        of: &Other,
        landmark: Landmark,
        own: &InstancePoints,
        here: Position,
    ) -> Option<Position> {
        match of {
            Other::Same => landmark.of(own),
            Other::Zone(zone) => Some(self.zones.get(*zone)?.shape.middle()),
            Other::Named(name) => {
                let key = AnimalKey::Name(name.clone());
                landmark.of(self.scene.points(&key, self.kind)?)
            }
            Other::Nearest => {
                let others = self.scene.others(self.animal?, self.kind);
                let points = others.filter_map(|other| landmark.of(other));
                points.min_by(|one, other| distance(here, *one).total_cmp(&distance(here, *other)))
            }
        }
    }
}
