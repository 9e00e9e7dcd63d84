//! The poses that rules are evaluated on.

/// x and y in pixels of the source.
pub type Position = [f64; 2];

/// `[node]`: x and y in pixels of the source; `None` where the node is not visible.
pub type InstancePoints = Vec<Option<[f32; 2]>>;

/// Which poses of a frame a rule uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PoseKind {
    /// As the model found them.
    #[default]
    Measured,
    /// Carried on to the moment of use (`--predict-ahead`).
    Ahead,
    /// Smoothed (`--smooth`).
    Smooth,
}

/// The poses of one frame.
#[derive(Debug, Clone, Copy)]
pub struct FramePoses<'a> {
    /// The frame's number; frames that are not newer than the last one are left out.
    pub frame_id: u64,
    /// When the frame was captured, microseconds.
    pub captured_us: u64,
    /// `[instance]`: the animal's name (its track); empty where animals are not told apart.
    pub names: &'a [Option<String>],
    /// `[instance]`: as the model found them.
    pub measured: &'a [InstancePoints],
    /// `[instance]`: at the moment of use; `None` where that is not computed.
    pub ahead: Option<&'a [InstancePoints]>,
    /// `[instance]`: smoothed; `None` where that is not computed.
    pub smooth: Option<&'a [InstancePoints]>,
}

impl<'a> FramePoses<'a> {
    /// The instances of a kind; the measured ones where the kind is not computed for this frame.
    pub(crate) fn of(&self, kind: PoseKind) -> &'a [InstancePoints] {
        match kind {
            PoseKind::Measured => self.measured,
            PoseKind::Ahead => self.ahead.unwrap_or(self.measured),
            PoseKind::Smooth => self.smooth.unwrap_or(self.measured),
        }
    }
}

/// A point of an animal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landmark {
    /// The mean of the visible nodes.
    Centroid,
    /// A node by its index.
    Node(usize),
}

impl Landmark {
    /// Where it is; `None` where it is not visible.
    pub(crate) fn of(self, points: &[Option<[f32; 2]>]) -> Option<Position> {
        match self {
            Self::Node(index) => usable(points.get(index).copied().flatten()),
            Self::Centroid => {
                let visible = points.iter().filter_map(|point| usable(*point));
                let (count, sum) = visible.fold((0u32, [0.0; 2]), |(count, sum), point| {
                    (count + 1, [sum[0] + point[0], sum[1] + point[1]])
                });
                (count > 0).then(|| sum.map(|value| value / f64::from(count)))
            }
        }
    }
}

fn usable(point: Option<[f32; 2]>) -> Option<Position> {
    point
        .filter(|xy| xy.iter().all(|value| value.is_finite()))
        .map(|xy| xy.map(f64::from))
}

pub(crate) fn distance(one: Position, other: Position) -> f64 {
    (one[0] - other[0]).hypot(one[1] - other[1])
}

/// The direction from one point to another, degrees; `None` where they are the same.
pub(crate) fn direction(from: Position, to: Position) -> Option<f64> {
    (distance(from, to) > 0.0).then(|| (to[1] - from[1]).atan2(to[0] - from[0]).to_degrees())
}

/// An angle as that of the same direction between -180 and 180 degrees.
pub(crate) fn wrapped(degrees: f64) -> f64 {
    let turned = (degrees + 180.0).rem_euclid(360.0);
    turned - 180.0
}
