//! The detections of a frame as boxes.

use crate::detection::{Detection, is_visible};
use crate::mot::boxes::{Box4, MIN_SIDE, NO_BOX, widened};
use crate::mot::options::{MotOptions, ScoreMode};
use crate::numeric::sum;

/// A box is at least this share of the animals' size wide and high.
pub(crate) const MIN_BOX_SHARE: f64 = 0.25;

/// A detection as a box.
#[derive(Debug, Clone)]
pub(crate) struct BoxDetection {
    /// The box around the pose, padded.
    pub(crate) bounds: Box4,
    /// The box around the pose.
    pub(crate) raw: Box4,
    /// The middle of the pose.
    pub(crate) centroid: [f64; 2],
    pub(crate) points: Vec<[f64; 2]>,
    pub(crate) score: f64,
    pub(crate) visible: usize,
}

impl BoxDetection {
    /// Whether a node is visible.
    pub(crate) fn is_valid(&self) -> bool {
        self.visible > 0
    }

    /// `body_size`: size of an animal, the box of a single point.
    pub(crate) fn of(detection: &Detection, options: &MotOptions, body_size: f64) -> Self {
        let extent = extent(&detection.points);
        let visible = detection.visible();
        let mut found = Self {
            bounds: NO_BOX,
            raw: NO_BOX,
            centroid: [f64::NAN; 2],
            points: detection.points.clone(),
            score: (score(detection, options.score_mode) / options.score_normalizer)
                .clamp(0.0, 1.0),
            visible,
        };
        let Some(raw) = extent else {
            return found;
        };
        found.centroid = [0.5 * (raw[0] + raw[2]), 0.5 * (raw[1] + raw[3])];
        let (width, height) = (raw[2] - raw[0], raw[3] - raw[1]);
        if visible == 1 || width < MIN_SIDE || height < MIN_SIDE {
            let half = 0.5 * body_size.max(MIN_SIDE);
            let [x, y] = found.centroid;
            found.raw = [x - half, y - half, x + half, y + half];
            found.bounds = found.raw;
        } else {
            let padding = options.box_padding * width.max(height);
            found.raw = raw;
            found.bounds = [
                raw[0] - padding,
                raw[1] - padding,
                raw[2] + padding,
                raw[3] + padding,
            ];
        }
        found.bounds = widened(found.bounds, MIN_BOX_SHARE * body_size);
        found
    }
}

/// The box around the visible nodes.
pub(crate) fn extent(points: &[[f64; 2]]) -> Option<Box4> {
    let visible = points.iter().filter(|point| is_visible(point));
    visible.fold(None, |bounds: Option<Box4>, [x, y]| {
        let [x1, y1, x2, y2] = bounds.unwrap_or([*x, *y, *x, *y]);
        Some([x1.min(*x), y1.min(*y), x2.max(*x), y2.max(*y)])
    })
}

fn score(detection: &Detection, mode: ScoreMode) -> f64 {
    let score = match mode {
        ScoreMode::None => 1.0,
        ScoreMode::Instance => detection.score,
        ScoreMode::Auto => mean_point_score(detection).unwrap_or(detection.score),
    };
    if score.is_finite() {
        score.clamp(0.0, 1.0)
    } else {
        1.0
    }
}

/// The mean score of the visible nodes; `None` where none has one.
fn mean_point_score(detection: &Detection) -> Option<f64> {
    let scored = detection.points.iter().zip(&detection.point_scores);
    let scores: Vec<Option<f64>> = scored
        .map(|(point, score)| (is_visible(point) && score.is_finite()).then_some(*score))
        .collect();
    let count = scores.iter().flatten().count();
    let zeroed: Vec<f64> = scores.iter().map(|score| score.unwrap_or(0.0)).collect();
    let informative = zeroed.iter().any(|score| *score != 0.0);
    informative.then(|| sum(&zeroed) / count as f64)
}
