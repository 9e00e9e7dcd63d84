//! Poses as the filters measure and move them.

use crate::classic::candidates::Observed;
use crate::classic::options::{KalmanFeatures, KalmanOptions};
use crate::detection::{is_visible, visible};
use crate::numeric::nan_mean;

/// The nodes that the filters follow.
pub(crate) struct TrackedNodes {
    indices: Vec<usize>,
    n_nodes: usize,
    per_node: bool,
}

const MISSING: [f64; 2] = [f64::NAN; 2];

impl TrackedNodes {
    pub(crate) fn new(options: &KalmanOptions, n_nodes: usize) -> Self {
        let chosen = options.node_indices.clone();
        let mut indices = chosen.unwrap_or_else(|| (0..n_nodes).collect());
        indices.retain(|index| *index < n_nodes);
        Self {
            indices,
            n_nodes,
            per_node: options.track_features == KalmanFeatures::Keypoints,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    fn tracked(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let point = |index: &usize| points.get(*index).copied().unwrap_or(MISSING);
        self.indices.iter().map(point).collect()
    }

    /// The mean of the followed nodes; NaN where less than half of them are visible.
    fn centroid(&self, points: &[[f64; 2]]) -> [f64; 2] {
        let tracked = self.tracked(points);
        let visible = visible(&tracked);
        if visible == 0 || visible * 2 < tracked.len() {
            return MISSING;
        }
        mean(&tracked)
    }

    /// What a filter is given of a pose.
    pub(crate) fn measurement(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        if self.per_node {
            self.tracked(points)
        } else {
            vec![self.centroid(points)]
        }
    }

    /// The distance a frame over a window, from its first to its last centroid.
    pub(crate) fn mean_step(&self, window: &[Observed]) -> f64 {
        let centroids = window.iter().map(|o| (o.frame, self.centroid(&o.points)));
        let seen: Vec<_> = centroids.filter(|(_, point)| is_visible(point)).collect();
        match (seen.first(), seen.last()) {
            (Some((first, from)), Some((last, to))) if last > first => {
                (to[0] - from[0]).hypot(to[1] - from[1]) / (last - first) as f64
            }
            _ => 0.0,
        }
    }

    /// From predicted points to a pose; NaN where the pose has no centroid.
    pub(crate) fn distance(&self, predicted: &[[f64; 2]], points: &[[f64; 2]]) -> f64 {
        let (expected, found) = (mean(predicted), self.centroid(points));
        (expected[0] - found[0]).hypot(expected[1] - found[1])
    }

    /// A pose, moved towards predicted points by the share `blend` of the way.
    pub(crate) fn moved(
        &self,
        points: &[[f64; 2]],
        predicted: &[[f64; 2]],
        blend: f64,
    ) -> Vec<[f64; 2]> {
        let (expected, last) = (mean(predicted), self.centroid(points));
        if !is_visible(&expected) || !is_visible(&last) {
            return points.to_vec();
        }
        if self.per_node {
            return self.moved_nodes(points, predicted, blend);
        }
        let by = [0, 1].map(|axis| blend * (expected[axis] - last[axis]));
        points
            .iter()
            .map(|point| [point[0] + by[0], point[1] + by[1]])
            .collect()
    }

    /// Every followed node goes towards its own prediction, the others along with them.
    fn moved_nodes(
        &self,
        points: &[[f64; 2]],
        predicted: &[[f64; 2]],
        blend: f64,
    ) -> Vec<[f64; 2]> {
        let mut moved = points.to_vec();
        let mut steps = Vec::new();
        for (index, predicted) in self.indices.iter().zip(predicted) {
            let Some(point) = moved.get_mut(*index) else {
                continue;
            };
            for axis in [0, 1] {
                let value = point[axis];
                let target = value + blend * (predicted[axis] - value);
                point[axis] = if target.is_nan() {
                    predicted[axis]
                } else {
                    target
                };
            }
            steps.push([0, 1].map(|axis| predicted[axis] - points[*index][axis]));
        }
        let by = mean(&steps);
        let followed = |index: usize| index < self.n_nodes && self.indices.contains(&index);
        if is_visible(&by) {
            for index in (0..moved.len()).filter(|index| !followed(*index)) {
                moved[index] = [0, 1].map(|axis| points[index][axis] + blend * by[axis]);
            }
        }
        moved
    }
}

fn mean(points: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|axis| {
        let values: Vec<f64> = points.iter().map(|point| point[axis]).collect();
        nan_mean(&values)
    })
}
