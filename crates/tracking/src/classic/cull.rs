//! Detections over the number of animals, left out before a frame is tracked.

use std::cmp::Reverse;

use crate::classic::features::bounding_box;
use crate::detection::Detection;

/// The indices of the detections that stay, in their order.
///
/// With a threshold above 0, detections that overlap a better one go first; then those of the
/// lowest scores.
pub(crate) fn cull(detections: &[Detection], count: usize, iou_threshold: f64) -> Vec<usize> {
    let all: Vec<usize> = (0..detections.len()).collect();
    if detections.len() <= count {
        return all;
    }
    let mut kept = if iou_threshold > 0.0 {
        apart(detections, count, iou_threshold)
    } else {
        all
    };
    kept.sort_unstable();
    // A stable sort: of equal scores the first goes, as in sleap-nn.
    kept.sort_by(|a, b| detections[*a].score.total_cmp(&detections[*b].score));
    let surplus = kept.len().saturating_sub(count);
    kept.drain(..surplus);
    kept.sort_unstable();
    kept
}

/// Greedy non-maximum suppression, filled up to `count` with the best of those suppressed.
fn apart(detections: &[Detection], count: usize, iou_threshold: f64) -> Vec<usize> {
    let boxes: Vec<_> = detections.iter().map(|d| bounding_box(&d.points)).collect();
    let mut waiting: Vec<usize> = (0..detections.len()).collect();
    waiting.sort_by(|a, b| detections[*a].score.total_cmp(&detections[*b].score));
    let (mut picked, mut suppressed) = (Vec::new(), Vec::new());
    while let Some(best) = waiting.pop() {
        picked.push(best);
        let (over, left): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|other| covered(&boxes[*other], &boxes[best]) > iou_threshold);
        suppressed.extend(over);
        waiting = left;
    }
    suppressed.sort_by_key(|index| Reverse(OrderedScore(detections[*index].score)));
    picked.extend(
        suppressed
            .into_iter()
            .take(count.saturating_sub(picked.len())),
    );
    picked
}

#[derive(PartialEq)]
struct OrderedScore(f64);

impl Eq for OrderedScore {}

impl PartialOrd for OrderedScore {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderedScore {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The share of the first box that the second covers.
fn covered(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let side = |low: f64, high: f64| (high - low + 1.0).max(0.0);
    let common = side(a[0].max(b[0]), a[2].min(b[2])) * side(a[1].max(b[1]), a[3].min(b[3]));
    common / ((a[2] - a[0] + 1.0) * (a[3] - a[1] + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(at: f64, score: f64) -> Detection {
        Detection {
            points: vec![[at, at], [at + 10.0, at + 10.0]],
            point_scores: Vec::new(),
            score,
        }
    }

    #[test]
    fn the_lowest_scores_go() {
        let detections = [square(0.0, 0.2), square(50.0, 0.9), square(90.0, 0.5)];
        assert_eq!(cull(&detections, 2, 0.0), [1, 2]);
        assert_eq!(cull(&detections, 3, 0.0), [0, 1, 2]);
    }

    #[test]
    fn of_two_that_overlap_the_lower_goes_even_with_a_higher_score_than_others() {
        let detections = [square(0.0, 0.9), square(1.0, 0.8), square(90.0, 0.5)];
        assert_eq!(cull(&detections, 2, 0.5), [0, 2]);
        assert_eq!(cull(&detections, 2, 0.0), [0, 1]);
    }

    #[test]
    fn suppressed_detections_return_where_too_few_are_left() {
        let detections = [square(0.0, 0.9), square(1.0, 0.8), square(2.0, 0.7)];
        assert_eq!(cull(&detections, 2, 0.5), [0, 1]);
    }
}
