//! What a rule is about.

use crate::error::Place;
use crate::pose::Landmark;

/// A condition on the animals of a frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// A single comparison.
    Leaf(Leaf),
    /// All of them.
    And(Vec<Condition>),
    /// At least one of them.
    Or(Vec<Condition>),
    /// The opposite.
    Not(Box<Condition>),
}

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    /// Its number in the rule: it has its own memory for each animal.
    pub(crate) index: usize,
    pub(crate) quantity: Quantity,
    pub(crate) range: Range,
}

/// A value between two limits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Range {
    pub(crate) above: Option<f64>,
    pub(crate) below: Option<f64>,
    /// How far beyond its limits a value that was in the range may go before it is not.
    pub(crate) hysteresis: f64,
}

impl Range {
    /// Whether a value is in the range; `was`: the last one was.
    pub(crate) fn holds(&self, value: f64, was: bool) -> bool {
        let slack = if was { self.hysteresis } else { 0.0 };
        self.above.is_none_or(|above| value >= above - slack)
            && self.below.is_none_or(|below| value <= below + slack)
    }
}

/// A point of an animal, by its name in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedPoint {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// Which one it is, once the skeleton is known.
    pub(crate) landmark: Landmark,
}

/// Whose second point a distance goes to, or a heading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Other {
    /// The same animal's.
    Same,
    /// The nearest other animal's.
    Nearest,
    /// The animal's of this name.
    Named(String),
    /// The middle of a zone, by its index.
    Zone(usize),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Quantity {
    /// How far a point is inside a zone, pixels.
    Depth { point: NamedPoint, zone: usize },
    /// The distance of two points, pixels.
    Distance {
        from: NamedPoint,
        to: NamedPoint,
        of: Other,
    },
    /// How fast a point moves, pixels a second, over so many microseconds.
    Speed { point: NamedPoint, over_us: u64 },
    /// The angle between the direction of the animal and that to something, degrees.
    Heading {
        from: NamedPoint,
        to: NamedPoint,
        towards: Other,
    },
    /// How fast the direction of the animal changes, degrees a second, over so many microseconds.
    Turning {
        from: NamedPoint,
        to: NamedPoint,
        over_us: u64,
    },
    /// 1 where the point is visible, else 0.
    Present { point: NamedPoint },
    /// The number of animals.
    Animals,
}

impl Quantity {
    /// Its points, to be found in a skeleton.
    pub(crate) fn points_mut(&mut self) -> Vec<&mut NamedPoint> {
        match self {
            Self::Depth { point, .. } | Self::Speed { point, .. } | Self::Present { point } => {
                vec![point]
            }
            Self::Distance { from, to, .. }
            | Self::Heading { from, to, .. }
            | Self::Turning { from, to, .. } => vec![from, to],
            Self::Animals => Vec::new(),
        }
    }

    /// Whether it depends on which animal is which.
    pub(crate) fn needs_identity(&self) -> bool {
        match self {
            Self::Speed { .. } | Self::Turning { .. } => true,
            Self::Distance { of: other, .. } | Self::Heading { towards: other, .. } => {
                matches!(other, Other::Named(_))
            }
            Self::Depth { .. } | Self::Present { .. } | Self::Animals => false,
        }
    }
}

impl Condition {
    /// Calls `visit` for each comparison in it.
    pub(crate) fn each_leaf_mut<E>(
        &mut self,
        visit: &mut impl FnMut(&mut Leaf) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Leaf(leaf) => visit(leaf),
            Self::And(all) | Self::Or(all) => {
                all.iter_mut().try_for_each(|one| one.each_leaf_mut(visit))
            }
            Self::Not(one) => one.each_leaf_mut(visit),
        }
    }

    /// Whether a comparison in it fulfils this.
    pub(crate) fn has(&self, wanted: &impl Fn(&Leaf) -> bool) -> bool {
        match self {
            Self::Leaf(leaf) => wanted(leaf),
            Self::And(all) | Self::Or(all) => all.iter().any(|one| one.has(wanted)),
            Self::Not(one) => one.has(wanted),
        }
    }
}

impl Condition {
    /// Whether it depends on this zone.
    pub(crate) fn uses_zone(&self, zone: usize) -> bool {
        self.has(&|leaf: &Leaf| match &leaf.quantity {
            Quantity::Depth { zone: of, .. } => *of == zone,
            Quantity::Distance { of: other, .. } | Quantity::Heading { towards: other, .. } => {
                *other == Other::Zone(zone)
            }
            _ => false,
        })
    }

    /// The zones in it, by their indices.
    pub(crate) fn zones(&self) -> Vec<usize> {
        match self {
            Self::Leaf(Leaf {
                quantity: Quantity::Depth { zone, .. },
                ..
            }) => vec![*zone],
            Self::Leaf(_) => Vec::new(),
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::zones).collect(),
            Self::Not(one) => one.zones(),
        }
    }
}
