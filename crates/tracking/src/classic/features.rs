//! What of a pose is compared, and how.

use crate::classic::options::{Features, ScoringMethod};
use crate::detection::is_visible;
use crate::numeric::{nan_median, sum};

/// What of a pose is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Feature {
    Keypoints(Vec<[f64; 2]>),
    /// Centroid or box, one number after the other.
    Vector(Vec<f64>),
}

impl Feature {
    pub(crate) fn of(points: &[[f64; 2]], features: Features) -> Self {
        match features {
            Features::Keypoints => Self::Keypoints(points.to_vec()),
            Features::Centroids => Self::Vector(median_point(points).to_vec()),
            Features::Bboxes => Self::Vector(bounding_box(points).to_vec()),
        }
    }

    fn flat(&self) -> Vec<f64> {
        match self {
            Self::Keypoints(points) => points.as_flattened().to_vec(),
            Self::Vector(values) => values.clone(),
        }
    }
}

/// The similarity of a new detection and an earlier one; NaN where there is none.
pub(crate) fn similarity(
    method: ScoringMethod,
    tolerance: f64,
    new: &Feature,
    earlier: &Feature,
) -> f64 {
    match (method, new, earlier) {
        (ScoringMethod::Oks, Feature::Keypoints(new), Feature::Keypoints(earlier)) => {
            object_keypoint_similarity(new, earlier, tolerance)
        }
        (ScoringMethod::Iou, Feature::Vector(new), Feature::Vector(earlier)) => {
            intersection_over_union(new, earlier)
        }
        (ScoringMethod::EuclideanDist, new, earlier) => distance(&new.flat(), &earlier.flat()),
        (ScoringMethod::CosineSim, new, earlier) => cosine(&new.flat(), &earlier.flat()),
        _ => f64::NAN,
    }
}

fn axis(points: &[[f64; 2]], axis: usize) -> Vec<f64> {
    points.iter().map(|point| point[axis]).collect()
}

/// The median of each coordinate.
pub(crate) fn median_point(points: &[[f64; 2]]) -> [f64; 2] {
    [nan_median(&axis(points, 0)), nan_median(&axis(points, 1))]
}

/// The least x and y, then the largest; NaN where no node is visible.
pub(crate) fn bounding_box(points: &[[f64; 2]]) -> [f64; 4] {
    // `min` and `max` take the other value where one is NaN.
    points
        .iter()
        .fold([f64::NAN; 4], |[x1, y1, x2, y2], [x, y]| {
            [x1.min(*x), y1.min(*y), x2.max(*x), y2.max(*y)]
        })
}

/// Object keypoint similarity as COCO defines it, with the area of the new detection's box.
fn object_keypoint_similarity(new: &[[f64; 2]], earlier: &[[f64; 2]], tolerance: f64) -> f64 {
    let [x1, y1, x2, y2] = bounding_box(new);
    let area = (x2 - x1) * (y2 - y1);
    let spread = (2.0 * tolerance) * (2.0 * tolerance) * (2.0 * (area + f64::EPSILON));
    let node = |(new, earlier): (&[f64; 2], &[f64; 2])| {
        if !is_visible(new) || !is_visible(earlier) {
            return 0.0;
        }
        let (dx, dy) = (new[0] - earlier[0], new[1] - earlier[1]);
        (-((dx * dx + dy * dy) / spread)).exp()
    };
    let nodes: Vec<f64> = new.iter().zip(earlier).map(node).collect();
    let visible = new.iter().filter(|point| is_visible(point)).count();
    if new.len() != earlier.len() {
        return f64::NAN;
    }
    sum(&nodes) / visible as f64
}

/// Of boxes whose last pixels belong to them.
fn intersection_over_union(a: &[f64], b: &[f64]) -> f64 {
    let ([ax1, ay1, ax2, ay2], [bx1, by1, bx2, by2]) = (a, b) else {
        return f64::NAN;
    };
    if a.iter().chain(b).any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let side = |low: f64, high: f64| (high - low + 1.0).max(0.0);
    let common = side(ax1.max(*bx1), ax2.min(*bx2)) * side(ay1.max(*by1), ay2.min(*by2));
    let area_a = (ax2 - ax1 + 1.0) * (ay2 - ay1 + 1.0);
    let area_b = (bx2 - bx1 + 1.0) * (by2 - by1 + 1.0);
    common / (area_a + area_b - common)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || a.len() != b.len() {
        return f64::NAN;
    }
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    -squares.sqrt()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    if a.is_empty() || a.len() != b.len() {
        return f64::NAN;
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = dot(a, a).sqrt() * dot(b, b).sqrt();
    if lengths == 0.0 || !lengths.is_finite() {
        return f64::NAN;
    }
    dot(a, b) / lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: [f64; 2] = [f64::NAN; 2];

    #[test]
    fn boxes_and_centroids_leave_missing_nodes_out() {
        let points = [[1.0, 8.0], NAN, [3.0, 2.0], [2.0, 4.0]];
        assert_eq!(bounding_box(&points), [1.0, 2.0, 3.0, 8.0]);
        assert_eq!(median_point(&points), [2.0, 4.0]);
        assert!(bounding_box(&[NAN]).iter().all(|value| value.is_nan()));
    }

    #[test]
    fn similarities_are_largest_for_equal_detections() {
        let (here, there) = ([[0.0, 0.0], [10.0, 10.0]], [[5.0, 5.0], [15.0, 15.0]]);
        for (method, features) in [
            (ScoringMethod::Oks, Features::Keypoints),
            (ScoringMethod::Iou, Features::Bboxes),
            (ScoringMethod::EuclideanDist, Features::Centroids),
            (ScoringMethod::CosineSim, Features::Bboxes),
        ] {
            let [a, b] = [here, there].map(|points| Feature::of(&points, features));
            let best = if method == ScoringMethod::EuclideanDist {
                0.0
            } else {
                1.0
            };
            assert!(
                (similarity(method, 0.025, &a, &a) - best).abs() < 1e-12,
                "{method}"
            );
            assert!(similarity(method, 0.025, &a, &b) < best, "{method}");
        }
    }

    #[test]
    fn nothing_to_compare_is_not_a_number() {
        let none = Feature::of(&[NAN], Features::Keypoints);
        let one = Feature::of(&[[1.0, 1.0]], Features::Keypoints);
        assert!(similarity(ScoringMethod::Oks, 0.025, &none, &one).is_nan());
        let [none, one] = [NAN, [1.0, 1.0]].map(|point| Feature::of(&[point], Features::Bboxes));
        assert!(similarity(ScoringMethod::Iou, 0.025, &none, &one).is_nan());
        assert!(similarity(ScoringMethod::EuclideanDist, 0.025, &none, &one).is_nan());
    }
}
