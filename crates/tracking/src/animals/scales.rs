//! What is usual in this video: steps, noise, scores, the extent of the arena.

use crate::animals::animal::Deviation;
use crate::animals::jumps::Jumps;
use crate::animals::scores::ScoreHistogram;

/// Weight of a new value in a running mean.
const RATE: f64 = 0.01;
/// Values that are averaged equally at first.
const WARM_UP: f64 = 20.0;
/// A single value counts at most this many times the mean.
const MAX_SHARE: f64 = 9.0;
/// The least variance of a coordinate, in square pixels.
const MIN_VARIANCE: f64 = 0.25;

/// A running mean of squares that single outliers do not move far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningSquare {
    mean: f64,
    count: f64,
}

impl RunningSquare {
    fn starting_at(mean: f64) -> Self {
        Self { mean, count: 1.0 }
    }

    fn add(&mut self, square: f64) {
        let bounded = square.min(MAX_SHARE * self.value());
        if !bounded.is_finite() {
            return;
        }
        self.count += 1.0;
        let rate = if self.count < WARM_UP {
            1.0 / self.count
        } else {
            RATE.max(1.0 / self.count)
        };
        self.mean += rate * (bounded - self.mean);
    }

    pub(crate) fn value(&self) -> f64 {
        self.mean.max(MIN_VARIANCE)
    }
}

/// What is usual in this video.
pub(crate) struct Scales {
    /// Variance of a coordinate about its prediction.
    pub(crate) motion: RunningSquare,
    /// Mean square of a node's deviation from the pose.
    pub(crate) pose: RunningSquare,
    /// Square of the distance that an animal goes in a frame.
    pub(crate) step: RunningSquare,
    pub(crate) scores: ScoreHistogram,
    pub(crate) jumps: Jumps,
    extent: Option<[f64; 4]>,
}

impl Scales {
    /// `distance`: a usual distance between a detection and the nearest one of the frame before.
    pub(crate) fn new(distance: f64) -> Self {
        let square = distance * distance;
        Self {
            motion: RunningSquare::starting_at(0.5 * square),
            pose: RunningSquare::starting_at(square),
            step: RunningSquare::starting_at(square),
            scores: ScoreHistogram::new(),
            jumps: Jumps::new(),
            extent: None,
        }
    }

    /// Takes a detection that continued an animal.
    pub(crate) fn learn(&mut self, deviation: &Deviation, step_squared: Option<f64>, score: f64) {
        self.motion.add(0.5 * deviation.predicted_squared);
        if let Some(pose) = deviation.pose_squared {
            self.pose.add(pose);
        }
        if let Some(step) = step_squared {
            self.step.add(step);
        }
        self.scores.add(score);
    }

    /// Takes a place where an animal was.
    pub(crate) fn visit(&mut self, [x, y]: [f64; 2]) {
        let [x1, y1, x2, y2] = self.extent.unwrap_or([x, y, x, y]);
        self.extent = Some([x1.min(x), y1.min(y), x2.max(x), y2.max(y)]);
    }

    /// Area in which animals were seen, in square pixels.
    pub(crate) fn area(&self) -> f64 {
        /// The least side, in standard deviations of the motion.
        const MIN_SIDE: f64 = 30.0;
        let least = MIN_SIDE * self.motion.value().sqrt();
        let [x1, y1, x2, y2] = self.extent.unwrap_or_default();
        (x2 - x1).max(least) * (y2 - y1).max(least)
    }

    /// How far a place is from the edge of the area, as a share of its side.
    pub(crate) fn edge(&self, [x, y]: [f64; 2]) -> f64 {
        let [x1, y1, x2, y2] = self.extent.unwrap_or_default();
        let share =
            |at: f64, low: f64, high: f64| (at - low).min(high - at) / (high - low).max(1.0);
        share(x, x1, x2).min(share(y, y1, y2)).max(0.0)
    }
}
