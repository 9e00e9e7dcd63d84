//! What a tracker is given and what it returns.

/// Coordinates beyond this are treated as missing: sums of their squares stay finite.
const MAX_COORDINATE: f64 = 1e9;

/// One instance of a frame, as a tracker receives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detection {
    /// `[node]`: x and y in pixels; NaN where the node is not visible.
    pub points: Vec<[f64; 2]>,
    /// `[node]`: the node's score; may be empty.
    pub point_scores: Vec<f64>,
    /// The instance's score.
    pub score: f64,
}

impl Detection {
    /// The same with every coordinate either finite and of a possible size, or missing.
    pub(crate) fn sanitized(&self) -> Self {
        let usable = |value: f64| value.abs() <= MAX_COORDINATE;
        let point = |point: &[f64; 2]| match point {
            [x, y] if usable(*x) && usable(*y) => *point,
            _ => [f64::NAN; 2],
        };
        Self {
            points: self.points.iter().map(point).collect(),
            point_scores: self.point_scores.clone(),
            score: if self.score.is_finite() {
                self.score
            } else {
                0.0
            },
        }
    }

    /// Number of visible nodes.
    pub(crate) fn visible(&self) -> usize {
        visible(&self.points)
    }
}

/// Whether a node is visible.
pub(crate) fn is_visible(point: &[f64; 2]) -> bool {
    point[0].is_finite() && point[1].is_finite()
}

/// Number of visible nodes.
pub(crate) fn visible(points: &[[f64; 2]]) -> usize {
    points.iter().filter(|point| is_visible(point)).count()
}

/// The track of a detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackAssignment {
    /// The track's number; numbers begin at 0 and are never used again.
    pub track: u32,
    /// How well the detection fits the track: 1 is the best for all measures but distances, which
    /// are negative pixels.
    pub score: f64,
}

/// `[detection]`: its track; `None` where it has none.
pub type Assignments = Vec<Option<TrackAssignment>>;
