//! Which points of an animal have names, and where on the animal they are.

use super::math::{Point, sin};
use super::walk::{LENGTH, Spine, TAIL_BASE};

/// The animal's left and right, as [`super::walk::SpinePosition::beside`] counts.
pub(super) const SIDES: [f64; 2] = [1.0, -1.0];
/// Where the head's middle lies, units behind the nose.
pub(super) const HEAD: f64 = 9.5;

/// Names of all points, in an order of which every skeleton is a beginning.
const ALL: [&str; 15] = [
    "nose",
    "head",
    "thorax",
    "tail_base",
    "tail_tip",
    "ear_left",
    "ear_right",
    "rump",
    "tail_middle",
    "paw_front_left",
    "paw_front_right",
    "paw_hind_left",
    "paw_hind_right",
    "eye_left",
    "eye_right",
];

/// With five nodes: a chain from the nose.
const CHAIN: [[u32; 2]; 4] = [[0, 1], [1, 2], [2, 3], [3, 4]];
/// With seven: a tree from the thorax.
const WITH_EARS: [[u32; 2]; 6] = [[2, 1], [1, 0], [2, 3], [3, 4], [1, 5], [1, 6]];
/// With thirteen or, all of it, fifteen: a tree from the thorax by way of the rump.
const WITH_PAWS: [[u32; 2]; 14] = [
    [2, 1],
    [1, 0],
    [1, 5],
    [1, 6],
    [2, 7],
    [7, 3],
    [3, 8],
    [8, 4],
    [2, 9],
    [2, 10],
    [7, 11],
    [7, 12],
    [1, 13],
    [1, 14],
];

/// A choice of named points and the tree that connects them.
///
/// The nodes of each are the first of the next, so a larger one serves for all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseSkeleton {
    /// The body's centre line: [`super::NODES`] and [`super::EDGES`].
    Five,
    /// And the ears.
    Seven,
    /// And the rump, the tail's middle and the paws.
    Thirteen,
    /// And the eyes.
    Fifteen,
}

impl MouseSkeleton {
    /// The smallest first.
    pub const ALL: [MouseSkeleton; 4] = [
        MouseSkeleton::Five,
        MouseSkeleton::Seven,
        MouseSkeleton::Thirteen,
        MouseSkeleton::Fifteen,
    ];

    /// The skeleton of exactly so many nodes, if there is one.
    pub fn with_nodes(count: usize) -> Option<MouseSkeleton> {
        let mut all = Self::ALL.into_iter();
        all.find(|skeleton| skeleton.nodes().len() == count)
    }

    /// Names of the nodes.
    pub const fn nodes(self) -> &'static [&'static str] {
        let count = match self {
            MouseSkeleton::Five => 5,
            MouseSkeleton::Seven => 7,
            MouseSkeleton::Thirteen => 13,
            MouseSkeleton::Fifteen => ALL.len(),
        };
        ALL.split_at(count).0
    }

    /// The connections, as indices into [`MouseSkeleton::nodes`].
    pub const fn edges(self) -> &'static [[u32; 2]] {
        match self {
            MouseSkeleton::Five => &CHAIN,
            MouseSkeleton::Seven => &WITH_EARS,
            MouseSkeleton::Thirteen => WITH_PAWS.split_at(12).0,
            MouseSkeleton::Fifteen => &WITH_PAWS,
        }
    }
}

/// The true places of all points, pixels, in the order of the largest skeleton.
pub(super) fn all(spine: &Spine, unit: f64) -> [Point; ALL.len()] {
    let on = |at| spine.place(at).point;
    let ears = SIDES.map(|side| ear(spine, unit, side));
    let paws = PAWS.map(|paw| paw.place(spine, unit, 0.0));
    let eyes = SIDES.map(|side| eye(spine, unit, side));
    [
        on(0.0),
        on(HEAD),
        on(23.0),
        on(TAIL_BASE),
        on(LENGTH),
        ears[0],
        ears[1],
        on(33.0),
        on(57.0),
        paws[0],
        paws[1],
        paws[2],
        paws[3],
        eyes[0],
        eyes[1],
    ]
}

/// The middle of an ear.
pub(super) fn ear(spine: &Spine, unit: f64, side: f64) -> Point {
    let head = spine.place(HEAD);
    head.beside(-1.2 * unit, side * 4.7 * unit)
}

/// The middle of an eye.
pub(super) fn eye(spine: &Spine, unit: f64, side: f64) -> Point {
    let brow = spine.place(4.6);
    brow.beside(0.0, side * 2.9 * unit)
}

/// How one paw is attached and moves; lengths in units.
pub(super) struct Paw {
    /// Behind the nose.
    at: f64,
    /// To the left of the spine.
    wide: f64,
    /// How far ahead and back it steps.
    swing: f64,
    /// When in the stride, in turns.
    turn: f64,
}

/// Front left and right, hind left and right. Diagonal pairs step together; the feet swing
/// further than the hands.
pub(super) const PAWS: [Paw; 4] = [
    Paw::new(14.5, 7.2, 2.6, 0.0),
    Paw::new(14.5, -7.2, 2.6, 0.5),
    Paw::new(34.0, 10.4, 3.2, 0.5),
    Paw::new(34.0, -10.4, 3.2, 0.0),
];

impl Paw {
    const fn new(at: f64, wide: f64, swing: f64, turn: f64) -> Paw {
        Paw {
            at,
            wide,
            swing,
            turn,
        }
    }

    /// A place on the paw, `ahead` units before its middle.
    pub(super) fn place(&self, spine: &Spine, unit: f64, ahead: f64) -> Point {
        let step = self.swing * sin(spine.stride + self.turn);
        let place = spine.place(self.at);
        place.beside((step + ahead) * unit, self.wide * unit)
    }
}
