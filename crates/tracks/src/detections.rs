//! Predictions as trackers take them.

use protocol::Prediction;
use tracking::Detection;

/// The instances of a prediction as a tracker takes them.
pub(crate) fn detections(prediction: &Prediction) -> Vec<Detection> {
    let indices = 0..prediction.instances.len();
    indices.map(|index| detection(prediction, index)).collect()
}

/// An instance as a tracker takes it.
pub(crate) fn detection(prediction: &Prediction, index: usize) -> Detection {
    let wide = |value: Option<f32>| value.map_or(f64::NAN, f64::from);
    let points = prediction.instances[index].iter();
    let scores = prediction.confidence.get(index).into_iter().flatten();
    let point_scores: Vec<f64> = scores.map(|score| wide(*score)).collect();
    let score = prediction.instance_scores.get(index).copied().flatten();
    let known = point_scores.iter().filter(|score| score.is_finite());
    Detection {
        points: points
            .map(|point| point.map_or([f64::NAN; 2], |xy| xy.map(f64::from)))
            .collect(),
        score: score.map_or_else(|| known.sum(), f64::from),
        point_scores,
    }
}
