//! What a viewer sees of rules that act on poses: their zones, what is in effect, the last events.

use serde::{Deserialize, Serialize};

use crate::number::{JsonInt, int};
use crate::text;

/// Zones of one message at most.
pub const MAX_ZONES: usize = 256;

/// Corners of all zones of one message at most, so that it stays a small one.
pub const MAX_ZONE_CORNERS: usize = 2048;

/// Events that are shown at most: the last ones.
pub const MAX_RULE_EVENTS: usize = 20;

/// Characters of a name of a zone, a rule or an animal at most.
const MAX_NAME_CHARS: usize = 64;

/// Bytes of a name that a change gives at most; whether it can be one is for the rules.
const MAX_EDIT_NAME_BYTES: usize = 1024;

/// Coordinates beyond this are a mistake, pixels.
const MAX_COORDINATE: f64 = 1e6;

/// Where rules act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleSide {
    /// At the client of the stream.
    #[default]
    Client,
    /// At the worker.
    Worker,
}

/// The zones of rules (`ZONES`, client to worker, worker to viewer).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Zones {
    /// Whose rules they are.
    pub at: RuleSide,
    /// Whether they can be changed by `ZONE_EDIT`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub editable: bool,
    /// The zones, in the order of their file.
    pub zones: Vec<ZoneOutline>,
}

/// A zone, as it is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneOutline {
    /// Its name.
    pub name: String,
    /// Its shape, in pixels of the source.
    #[serde(flatten)]
    pub shape: ZoneShape,
}

/// The shape of a zone, in pixels of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneShape {
    /// Its corners in their order; the last one is joined to the first one.
    Polygon(Vec<[f64; 2]>),
    /// x and y of its middle, and its radius.
    Circle([f64; 3]),
}

/// Gives a zone a shape (`ZONE_EDIT`, viewer to worker, worker to client): one that is there, or a new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneEdit {
    /// Whose rules they are.
    #[serde(default)]
    pub at: RuleSide,
    /// The viewer's number for this change; it comes back in the answer.
    #[serde(deserialize_with = "int")]
    pub id: u32,
    /// The zone.
    #[serde(flatten)]
    pub zone: ZoneOutline,
}

/// Answers `ZONE_EDIT` (`ZONE_RESULT`, client to worker, worker to viewer).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneResult {
    /// The number of the change.
    #[serde(deserialize_with = "int")]
    pub id: u32,
    /// Why the zone is not saved, for people; absent where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What rules have come to (`RULES`, client to worker, worker to viewer).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleState {
    /// Whose rules they are.
    pub at: RuleSide,
    /// The zones whose rules are in effect, by their places in `ZONES`.
    #[serde(deserialize_with = "indices")]
    pub active: Vec<u32>,
    /// The last events, the newest at the end.
    pub events: Vec<RuleEvent>,
}

/// A rule was entered or left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleEvent {
    /// The rule's name.
    pub rule: String,
    /// `enter` or `leave`.
    pub edge: String,
    /// Why: `condition`, or `silence`, `lost`, `end` where no pose comes any more, or `redrawn`.
    pub cause: String,
    /// The animal; absent where it is not one animal's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub animal: Option<String>,
    /// The frame that decided.
    #[serde(deserialize_with = "int")]
    pub frame_id: u64,
    /// When that frame was captured, microseconds since 1970.
    #[serde(deserialize_with = "int")]
    pub captured_us: u64,
}

/// Why a message about rules is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleViewError {
    /// More zones than are taken.
    #[error("{0} zones, at most {MAX_ZONES} are taken")]
    Zones(usize),
    /// More corners than are taken.
    #[error("{0} corners, at most {MAX_ZONE_CORNERS} are taken")]
    Corners(usize),
    /// A polygon of fewer than three corners.
    #[error("zone {0} has fewer than three corners")]
    TooFewCorners(usize),
    /// A coordinate that is no place in a picture, or a circle without a radius.
    #[error("zone {0} is not in a picture")]
    Coordinate(usize),
    /// More events than are taken.
    #[error("{0} events, at most {MAX_RULE_EVENTS} are taken")]
    Events(usize),
    /// A name that is empty or too long, or has characters without a glyph.
    #[error("a name is not one that can be shown")]
    Name,
}

impl Zones {
    /// The zones with their borders as corners, times `scale` in x and y, and whether a rule of theirs is in effect.
    pub fn drawn(
        &self,
        state: &RuleState,
        scale: [f64; 2],
    ) -> impl Iterator<Item = (&str, Vec<[f32; 2]>, bool)> {
        let zones = (0..).zip(&self.zones);
        zones.map(move |(index, zone)| {
            let is_active = state.active.contains(&index);
            (zone.name.as_str(), zone.shape.border(scale), is_active)
        })
    }

    /// Checks what a peer has sent.
    pub(crate) fn check(&self) -> Result<(), RuleViewError> {
        if self.zones.len() > MAX_ZONES {
            return Err(RuleViewError::Zones(self.zones.len()));
        }
        let corners = self.zones.iter().map(|zone| zone.shape.corners()).sum();
        if corners > MAX_ZONE_CORNERS {
            return Err(RuleViewError::Corners(corners));
        }
        for (index, zone) in self.zones.iter().enumerate() {
            check_name(&zone.name)?;
            zone.shape.check(index)?;
        }
        Ok(())
    }
}

impl ZoneEdit {
    /// Checks the sizes of what a peer has sent; whether it is a zone is for the rules.
    pub(crate) fn check(&self) -> Result<(), RuleViewError> {
        let corners = self.zone.shape.corners();
        if corners > MAX_ZONE_CORNERS {
            return Err(RuleViewError::Corners(corners));
        }
        match self.zone.name.len() <= MAX_EDIT_NAME_BYTES {
            true => Ok(()),
            false => Err(RuleViewError::Name),
        }
    }
}

impl ZoneShape {
    /// Its corners; a circle counts as one.
    pub fn corners(&self) -> usize {
        match self {
            Self::Polygon(corners) => corners.len(),
            Self::Circle(_) => 1,
        }
    }

    /// Its border as corners, times `scale` in x and y.
    fn border(&self, scale: [f64; 2]) -> Vec<[f32; 2]> {
        const STEPS: u32 = 64;
        let scaled = |x: f64, y: f64| [(x * scale[0]) as f32, (y * scale[1]) as f32];
        match self {
            Self::Polygon(corners) => corners.iter().map(|[x, y]| scaled(*x, *y)).collect(),
            Self::Circle([x, y, radius]) => (0..STEPS)
                .map(|step| {
                    let (sin, cos) =
                        (std::f64::consts::TAU * f64::from(step) / f64::from(STEPS)).sin_cos();
                    scaled(x + radius * cos, y + radius * sin)
                })
                .collect(),
        }
    }

    fn check(&self, index: usize) -> Result<(), RuleViewError> {
        let numbers = match self {
            Self::Polygon(corners) if corners.len() < 3 => {
                return Err(RuleViewError::TooFewCorners(index));
            }
            Self::Polygon(corners) => corners.as_flattened(),
            Self::Circle(circle) => circle.as_slice(),
        };
        // Not a number is not below the largest coordinate, either.
        let is_place = |number: &f64| number.abs() <= MAX_COORDINATE;
        let has_size = !matches!(self, Self::Circle([_, _, radius]) if *radius <= 0.0);
        match has_size && numbers.iter().all(is_place) {
            true => Ok(()),
            false => Err(RuleViewError::Coordinate(index)),
        }
    }
}

impl RuleState {
    /// Checks what a peer has sent.
    pub(crate) fn check(&self) -> Result<(), RuleViewError> {
        if self.active.len() > MAX_ZONES {
            return Err(RuleViewError::Zones(self.active.len()));
        }
        if self.events.len() > MAX_RULE_EVENTS {
            return Err(RuleViewError::Events(self.events.len()));
        }
        for event in &self.events {
            check_name(&event.rule)?;
            check_name(&event.edge)?;
            check_name(&event.cause)?;
            event.animal.as_deref().map_or(Ok(()), check_name)?;
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), RuleViewError> {
    let is_short = name.chars().nth(MAX_NAME_CHARS).is_none();
    match !name.is_empty() && is_short && text::one_line(name) == name {
        true => Ok(()),
        false => Err(RuleViewError::Name),
    }
}

/// Whether a name of an animal can be shown: identities of models can have any name.
pub fn is_shown_name(name: &str) -> bool {
    check_name(name).is_ok()
}

fn indices<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let numbers: Vec<JsonInt<u32>> = Vec::deserialize(deserializer)?;
    Ok(numbers.into_iter().map(|JsonInt(number)| number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(shape: ZoneShape) -> Zones {
        let zone = ZoneOutline {
            name: "corner".to_owned(),
            shape,
        };
        Zones {
            zones: vec![zone],
            ..Zones::default()
        }
    }

    #[test]
    fn zones_of_a_peer_are_bounded() {
        let triangle = vec![[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]];
        let checked = |shape| zones(shape).check();
        assert_eq!(checked(ZoneShape::Polygon(triangle.clone())), Ok(()));
        assert_eq!(checked(ZoneShape::Circle([1.0, 2.0, 3.0])), Ok(()));
        for (shape, error) in [
            (
                ZoneShape::Polygon(triangle[..2].to_vec()),
                RuleViewError::TooFewCorners(0),
            ),
            (
                ZoneShape::Polygon(vec![[0.0; 2]; MAX_ZONE_CORNERS + 1]),
                RuleViewError::Corners(MAX_ZONE_CORNERS + 1),
            ),
            (
                ZoneShape::Circle([1.0, 2.0, 0.0]),
                RuleViewError::Coordinate(0),
            ),
            (
                ZoneShape::Circle([1.0, f64::NAN, 1.0]),
                RuleViewError::Coordinate(0),
            ),
            (
                ZoneShape::Circle([1.0, 2.0, 1.1e6]),
                RuleViewError::Coordinate(0),
            ),
        ] {
            assert_eq!(checked(shape), Err(error));
        }
        let one = zones(ZoneShape::Polygon(triangle));
        let many = Zones {
            zones: vec![one.zones[0].clone(); MAX_ZONES + 1],
            ..one.clone()
        };
        assert_eq!(many.check(), Err(RuleViewError::Zones(MAX_ZONES + 1)));
        for name in ["", "a\nb", "\u{202e}a", &"x".repeat(65)] {
            let mut named = one.clone();
            named.zones[0].name = name.to_owned();
            assert_eq!(named.check(), Err(RuleViewError::Name), "{name:?}");
        }
    }

    #[test]
    fn zones_are_drawn_in_the_pixels_of_the_frame() {
        let mut zones = zones(ZoneShape::Polygon(vec![
            [0.0, 0.0],
            [20.0, 0.0],
            [0.0, 40.0],
        ]));
        zones.zones.push(ZoneOutline {
            name: "nest".to_owned(),
            shape: ZoneShape::Circle([20.0, 20.0, 10.0]),
        });
        let state = RuleState {
            active: vec![1, 9],
            ..RuleState::default()
        };
        let drawn: Vec<_> = zones.drawn(&state, [0.5, 0.25]).collect();
        let corners = vec![[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
        assert_eq!(drawn[0], ("corner", corners, false));
        let (name, border, is_active) = &drawn[1];
        assert_eq!((*name, border.len(), *is_active), ("nest", 64, true));
        assert_eq!(border[0], [15.0, 5.0]);
        assert!((border[16][1] - 7.5).abs() < 1e-6);
    }

    #[test]
    fn events_of_a_peer_are_bounded() {
        let event = RuleEvent {
            rule: "light".to_owned(),
            edge: "enter".to_owned(),
            cause: "condition".to_owned(),
            animal: Some("mouse A".to_owned()),
            ..RuleEvent::default()
        };
        let state = |events: Vec<RuleEvent>| RuleState {
            events,
            ..RuleState::default()
        };
        assert_eq!(state(vec![event.clone(); MAX_RULE_EVENTS]).check(), Ok(()));
        let many = state(vec![event.clone(); MAX_RULE_EVENTS + 1]);
        let error = RuleViewError::Events(MAX_RULE_EVENTS + 1);
        assert_eq!(many.check(), Err(error));
        let bad = |change: &dyn Fn(&mut RuleEvent)| {
            let mut event = event.clone();
            change(&mut event);
            state(vec![event]).check()
        };
        let name = Err(RuleViewError::Name);
        assert_eq!(bad(&|event| event.rule.clear()), name);
        assert_eq!(bad(&|event| event.edge = "\u{1b}[2J".to_owned()), name);
        assert_eq!(bad(&|event| event.cause = "x".repeat(65)), name);
        assert_eq!(bad(&|event| event.animal = Some("\u{7}".to_owned())), name);
        let many = RuleState {
            active: vec![0; MAX_ZONES + 1],
            ..RuleState::default()
        };
        assert_eq!(many.check(), Err(RuleViewError::Zones(MAX_ZONES + 1)));
    }
}
