//! How far an animal can have gone while it was not seen.

use crate::mot::Calibration;

use super::Linked;

/// The reach grows with so many fast steps a step,
const STEP_FACTOR: f64 = 3.0;
/// up to so many steps; beyond, it grows as that of a random walk.
const LINEAR_STEPS: f64 = 10.0;
/// The least of a fast step, as a share of the animals' size: they may have rested while it was measured.
const MIN_STEP_SHARE: f64 = 0.05;
/// After more steps than these an animal may be anywhere.
const GATED_STEPS: f64 = 300.0;

/// What two ends of tracks are measured by.
pub(super) struct Gate {
    /// Size of an animal, pixels.
    pub(super) body: f64,
    /// Length of a fast step, pixels; NaN where it is not known.
    step: f64,
    /// Diagonal of the area in which animals were seen, pixels.
    arena: f64,
}

impl Gate {
    pub(super) fn new(calibration: &Calibration, detections: &[Linked]) -> Self {
        let body = calibration.options.body_size.unwrap_or(f64::NAN);
        let fast = calibration.step_p95;
        let step = match fast.is_finite() {
            true => fast.max(MIN_STEP_SHARE * body),
            false => f64::NAN,
        };
        let none = [f64::INFINITY, f64::NEG_INFINITY];
        let centroids = detections.iter().map(|one| one.centroid);
        let ranges = centroids.fold([none; 2], |ranges, centroid| {
            [0, 1].map(|axis: usize| {
                let [low, high] = ranges[axis];
                [low.min(centroid[axis]), high.max(centroid[axis])]
            })
        });
        let [width, height] = ranges.map(|[low, high]| high - low);
        let arena = width.hypot(height).max(body);
        Self { body, step, arena }
    }

    /// How far an animal may be after so many steps.
    fn radius(&self, gap: f64) -> f64 {
        let steps = match gap <= LINEAR_STEPS {
            true => gap,
            false => (LINEAR_STEPS * gap.max(0.0)).sqrt(),
        };
        self.body + STEP_FACTOR * self.step * steps
    }

    /// Whether an animal can have gone so far in so many steps.
    pub(super) fn allows(&self, gap: f64, distance: f64) -> bool {
        let is_gated = gap <= GATED_STEPS && self.step.is_finite();
        !is_gated || distance <= self.radius(gap.max(0.0))
    }

    /// How unlikely it is that one end goes on with the other.
    pub(super) fn cost(&self, gap: f64, distance: f64) -> f64 {
        let gap = gap.max(1.0);
        let squared = |ratio: f64| ratio * ratio;
        let cost = match self.step.is_finite() {
            true => {
                let radius = self.radius(gap).min(self.arena);
                4.5 * squared(distance / radius) + 2.0 * radius.ln()
            }
            false => 4.5 * squared(distance / self.body) + gap.ln(),
        };
        if cost.is_finite() {
            cost
        } else {
            f64::INFINITY
        }
    }
}

/// Distance of two points.
pub(super) fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let [dx, dy] = [a[0] - b[0], a[1] - b[1]];
    (dx * dx + dy * dy).sqrt()
}
