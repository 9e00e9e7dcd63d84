//! One animal: where it is, where it goes, how its nodes lie.

use crate::detection::is_visible;

/// Share of a deviation that moves the position, and the velocity a frame.
const POSITION_GAIN: f64 = 0.7;
const VELOCITY_GAIN: f64 = 0.15;
/// What is left of the velocity after each frame without a detection.
const VELOCITY_KEPT: f64 = 0.9;

/// One animal.
#[derive(Debug, Clone)]
pub(crate) struct Animal {
    /// The track's number; `None` until the animal has been seen often enough.
    pub(crate) id: Option<u32>,
    /// The middle of the pose, and its motion a frame.
    pub(crate) position: [f64; 2],
    velocity: [f64; 2],
    /// `[node]`: from the middle; NaN where it was never seen.
    offsets: Vec<[f64; 2]>,
    /// Frames with a detection.
    pub(crate) hits: u32,
    /// Frames since the last one.
    pub(crate) missed: u32,
    /// Where it is expected in this frame.
    predicted: [f64; 2],
}

/// How far a detection is from what an animal is expected to look like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deviation {
    /// From the predicted middle to the detection's, squared.
    pub(crate) predicted_squared: f64,
    /// From the last middle, squared.
    pub(crate) stayed_squared: f64,
    /// Mean square of the nodes about the pose; `None` where less than two are shared.
    pub(crate) pose_squared: Option<f64>,
    middle: [f64; 2],
}

impl Animal {
    /// An animal that is seen for the first time; `None` where no node is visible.
    pub(crate) fn begin(points: &[[f64; 2]], id: Option<u32>) -> Option<Self> {
        let middle = middle(points)?;
        let offset = |point: &[f64; 2]| [point[0] - middle[0], point[1] - middle[1]];
        Some(Self {
            id,
            position: middle,
            velocity: [0.0; 2],
            offsets: points.iter().map(offset).collect(),
            hits: 1,
            missed: 0,
            predicted: middle,
        })
    }

    /// The square of the distance to another animal.
    pub(crate) fn distance_squared(&self, other: &Self) -> f64 {
        let [dx, dy] = [0, 1].map(|axis| self.position[axis] - other.position[axis]);
        dx * dx + dy * dy
    }

    /// Some frames later.
    pub(crate) fn advance(&mut self, frames: u32) {
        let ahead = if self.missed == 0 {
            f64::from(frames)
        } else {
            let kept = VELOCITY_KEPT.powi(self.missed.min(1000) as i32);
            kept * (1.0 - VELOCITY_KEPT.powi(frames.min(1000) as i32)) / (1.0 - VELOCITY_KEPT)
        };
        for axis in [0, 1] {
            self.predicted[axis] += ahead * self.velocity[axis];
        }
        self.missed = self.missed.saturating_add(frames);
    }

    /// How far a pose is from what is expected; `None` where no node is visible.
    pub(crate) fn deviation(&self, points: &[[f64; 2]]) -> Option<Deviation> {
        let mut sum = [0.0; 2];
        let mut squares = 0.0;
        let mut shared = 0.0;
        for (point, offset) in points.iter().zip(&self.offsets) {
            if is_visible(point) && is_visible(offset) {
                let [dx, dy] = [0, 1].map(|a| point[a] - offset[a] - self.predicted[a]);
                sum = [sum[0] + dx, sum[1] + dy];
                squares += dx * dx + dy * dy;
                shared += 1.0;
            }
        }
        let (by, pose_squared) = if shared > 0.0 {
            let by = sum.map(|sum| sum / shared);
            let about = (squares / shared - by[0] * by[0] - by[1] * by[1]).max(0.0);
            (by, (shared > 1.0).then_some(about))
        } else {
            let middle = middle(points)?;
            ([0, 1].map(|axis| middle[axis] - self.predicted[axis]), None)
        };
        let middle = [0, 1].map(|axis| self.predicted[axis] + by[axis]);
        let squared = |from: [f64; 2]| {
            let [dx, dy] = [0, 1].map(|axis| middle[axis] - from[axis]);
            dx * dx + dy * dy
        };
        Some(Deviation {
            predicted_squared: squared(self.predicted),
            stayed_squared: squared(self.position),
            pose_squared,
            middle,
        })
    }

    /// Takes a detection; the square of the step since the frame before, where it was seen there.
    /// `jumped`: the deviation is too large for a correction, and the motion begins again.
    pub(crate) fn update(
        &mut self,
        points: &[[f64; 2]],
        deviation: &Deviation,
        jumped: bool,
    ) -> Option<f64> {
        let frames = f64::from(self.missed.max(1));
        let by = [0, 1].map(|axis| deviation.middle[axis] - self.predicted[axis]);
        let step = (self.missed <= 1).then_some(deviation.stayed_squared);
        for axis in [0, 1] {
            if jumped {
                self.position[axis] = deviation.middle[axis];
                self.velocity[axis] = 0.0;
            } else {
                self.position[axis] = self.predicted[axis] + POSITION_GAIN * by[axis];
                self.velocity[axis] += VELOCITY_GAIN * by[axis] / frames;
            }
        }
        self.predicted = self.position;
        self.offsets.resize(points.len(), [f64::NAN; 2]);
        for (offset, point) in self.offsets.iter_mut().zip(points) {
            if is_visible(point) {
                *offset = [0, 1].map(|axis| point[axis] - deviation.middle[axis]);
            }
        }
        self.hits = self.hits.saturating_add(1);
        self.missed = 0;
        step
    }
}

/// The mean of the visible nodes.
pub(crate) fn middle(points: &[[f64; 2]]) -> Option<[f64; 2]> {
    let visible = points.iter().filter(|point| is_visible(point));
    let (sum, count) = visible.fold(([0.0; 2], 0.0), |([x, y], count), point| {
        ([x + point[0], y + point[1]], count + 1.0)
    });
    (count > 0.0).then(|| sum.map(|sum| sum / count))
}
