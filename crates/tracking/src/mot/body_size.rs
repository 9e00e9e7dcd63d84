//! How large the animals are: measured from poses, or from how one-node animals stand and move.

use std::collections::VecDeque;

use crate::mot::boxes::{MIN_SIDE, intersection};
use crate::mot::detections::{BoxDetection, extent};
use crate::numeric::{nan_median, nan_quantile};

/// Values that are kept of each kind.
const HISTORY_LEN: usize = 2048;
const DEFAULT_SIZE: f64 = 50.0;
/// Size of an animal of one node, in its fastest steps, and the least.
const STEPS_A_BODY: f64 = 8.0;
const MIN_MOVING_SIZE: f64 = 16.0;
/// Boxes that share more than this of the smaller are one animal.
const DUPLICATE_SHARE: f64 = 0.5;
/// The second nearest has to be this many times as far away as the nearest.
const CLEAR_RATIO: f64 = 2.0;

/// What was measured so far.
#[derive(Default)]
pub(crate) struct BodySize {
    diagonals: VecDeque<f64>,
    spacings: VecDeque<f64>,
    steps: VecDeque<f64>,
    previous: Option<Vec<BoxDetection>>,
}

impl BodySize {
    /// The size in pixels.
    pub(crate) fn pixels(&self) -> f64 {
        let list = |values: &VecDeque<f64>| values.iter().copied().collect::<Vec<_>>();
        resolved(
            nan_median(&list(&self.diagonals)),
            nan_quantile(&list(&self.steps), 0.99),
            nan_median(&list(&self.spacings)),
        )
    }

    /// Takes a frame. `given`: the size is known and nothing has to be measured; `ordered`: the
    /// frame comes after the previous one, `steps` steps later.
    pub(crate) fn observe(
        &mut self,
        detections: &[BoxDetection],
        given: bool,
        ordered: bool,
        steps: u32,
    ) {
        let sized = detections.iter().filter(|detection| detection.visible >= 2);
        for bounds in sized.filter_map(|detection| extent(&detection.points)) {
            let (width, height) = (bounds[2] - bounds[0], bounds[3] - bounds[1]);
            if width >= MIN_SIDE && height >= MIN_SIDE {
                keep(&mut self.diagonals, width.hypot(height));
            }
        }
        if given || !self.diagonals.is_empty() {
            self.previous = None;
            return;
        }
        let current: Vec<_> = detections
            .iter()
            .filter(|detection| detection.is_valid())
            .cloned()
            .collect();
        let previous = self.previous.take().filter(|_| ordered);
        let known = (!self.spacings.is_empty())
            .then(|| 0.5 * nan_median(&self.spacings.iter().copied().collect::<Vec<_>>()));
        let pairs = Pairs::of(&current);
        for spacing in pairs.nearest.iter().filter(|distance| distance.is_finite()) {
            keep(&mut self.spacings, *spacing);
        }
        if let Some(previous) = &previous {
            let before = Pairs::of(previous);
            let reach = known.unwrap_or_else(|| reach(&before, &pairs));
            for link in links(previous, &before, &current, &pairs, reach) {
                if steps > 0 {
                    keep(&mut self.steps, link.distance / f64::from(steps));
                }
            }
        }
        self.previous = Some(current);
    }
}

/// The size by what is known: the extent of poses, how far animals go in their fastest steps, how far they
/// are from each other. NaN: not known.
pub(crate) fn resolved(diagonal: f64, step: f64, spacing: f64) -> f64 {
    if diagonal > 0.0 {
        return diagonal;
    }
    if step >= 0.0 {
        let size = (STEPS_A_BODY * step).max(MIN_MOVING_SIZE);
        return if spacing > 0.0 {
            size.min(spacing)
        } else {
            size
        };
    }
    if spacing > 0.0 { spacing } else { DEFAULT_SIZE }
}

fn keep(values: &mut VecDeque<f64>, value: f64) {
    if values.len() == HISTORY_LEN {
        values.pop_front();
    }
    values.push_back(value);
}

/// Half of the median distance between neighbours of two frames.
fn reach(before: &Pairs, now: &Pairs) -> f64 {
    let both = before.nearest.iter().chain(&now.nearest);
    let finite: Vec<f64> = both
        .copied()
        .filter(|distance| distance.is_finite())
        .collect();
    if finite.is_empty() {
        f64::INFINITY
    } else {
        0.5 * nan_median(&finite)
    }
}

/// Neighbours within a frame.
pub(crate) struct Pairs {
    /// Distance to the nearest other animal.
    pub(crate) nearest: Vec<f64>,
    /// Whether another detection covers the same place.
    duplicate: Vec<bool>,
}

impl Pairs {
    pub(crate) fn of(detections: &[BoxDetection]) -> Self {
        let mut pairs = Self {
            nearest: vec![f64::INFINITY; detections.len()],
            duplicate: vec![false; detections.len()],
        };
        let boxes: Vec<_> = detections.iter().map(pose_box).collect();
        for a in 0..detections.len() {
            for b in (0..detections.len()).filter(|b| *b != a) {
                let common = intersection(&boxes[a], &boxes[b]);
                let smaller = area(&boxes[a]).min(area(&boxes[b]));
                if smaller > 0.0 && common / smaller > DUPLICATE_SHARE {
                    pairs.duplicate[a] = true;
                } else {
                    let distance = distance(&detections[a], &detections[b]);
                    pairs.nearest[a] = pairs.nearest[a].min(distance);
                }
            }
        }
        pairs
    }
}

fn area(bounds: &[f64; 4]) -> f64 {
    (bounds[2] - bounds[0]).max(0.0) * (bounds[3] - bounds[1]).max(0.0)
}

/// The box around a pose, at least one pixel wide and high.
fn pose_box(detection: &BoxDetection) -> [f64; 4] {
    let [x1, y1, x2, y2] = extent(&detection.points).unwrap_or(detection.raw);
    let (cx, cy) = (0.5 * (x1 + x2), 0.5 * (y1 + y2));
    let (w, h) = (0.5 * (x2 - x1).max(MIN_SIDE), 0.5 * (y2 - y1).max(MIN_SIDE));
    [cx - w, cy - h, cx + w, cy + h]
}

fn distance(a: &BoxDetection, b: &BoxDetection) -> f64 {
    let (dx, dy) = (a.centroid[0] - b.centroid[0], a.centroid[1] - b.centroid[1]);
    (dx * dx + dy * dy).sqrt()
}

/// A detection and the one of the next frame that is clearly the same animal.
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Pixels.
    pub(crate) distance: f64,
}

/// The detections of two frames that are clearly the same animal.
pub(crate) fn links(
    previous: &[BoxDetection],
    before: &Pairs,
    current: &[BoxDetection],
    now: &Pairs,
    reach: f64,
) -> Vec<Link> {
    if previous.is_empty() || current.is_empty() {
        return Vec::new();
    }
    let between = |a: usize, b: usize| distance(&previous[a], &current[b]);
    let link = |a: usize| {
        let (b, nearest, second) = two_nearest((0..current.len()).map(|b| between(a, b)));
        let (back, _, second_back) = two_nearest((0..previous.len()).map(|a| between(a, b)));
        let clear = |second: f64| second >= CLEAR_RATIO * nearest && second > nearest;
        let linked = back == a
            && nearest.is_finite()
            && nearest < reach
            && clear(second)
            && clear(second_back)
            && !before.duplicate[a]
            && !now.duplicate[b];
        linked.then_some(Link {
            from: a,
            to: b,
            distance: nearest,
        })
    };
    (0..previous.len()).filter_map(link).collect()
}

/// The index of the smallest, the smallest, and the second smallest.
fn two_nearest(distances: impl Iterator<Item = f64>) -> (usize, f64, f64) {
    let start = (0, f64::INFINITY, f64::INFINITY);
    distances
        .enumerate()
        .fold(start, |(at, nearest, second), (index, distance)| {
            if distance < nearest {
                (index, distance, nearest)
            } else {
                (at, nearest, second.min(distance))
            }
        })
}
