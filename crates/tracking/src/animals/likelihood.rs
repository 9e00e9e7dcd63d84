//! How likely a detection is an animal.

use crate::animals::animal::{Animal, Deviation};
use crate::animals::kernel::{log_density, penalty};
use crate::animals::scales::Scales;

/// Odds that an animal is seen in a frame, against that it hides.
const SEEN_ODDS: f64 = 100.0;
/// Invented detections a frame, in the whole arena.
const INVENTED: f64 = 0.1;
/// Frames in which an animal was seen after which it is certain that there is one.
const CERTAIN_HITS: u32 = 5;
/// Weight of the pose against the distance.
const POSE_WEIGHT: f64 = 1.0;
/// Share of the usual step by which the place of a hidden animal becomes less certain each frame.
const DRIFT: f64 = 0.7;

/// The log-likelihood ratio of a pair; above 0 it is likelier than an invented detection while the
/// animal hides.
pub(crate) fn log_ratio(
    animal: &Animal,
    deviation: &Deviation,
    score: f64,
    scales: &Scales,
) -> f64 {
    let variance = position_variance(animal, scales);
    let predicted = log_density(deviation.predicted_squared, variance);
    let stayed = log_density(deviation.stayed_squared, variance);
    let pose = deviation
        .pose_squared
        .map_or(0.0, |squared| penalty(squared, scales.pose.value()));
    let doubt = f64::from(CERTAIN_HITS.saturating_sub(animal.hits));
    predicted.max(stayed) - POSE_WEIGHT * pose - doubt
        + scales.scores.log_ratio(score)
        + SEEN_ODDS.ln()
        + (scales.area() / INVENTED).ln()
}

/// Variance of a coordinate of an animal that may have been hidden for some frames.
pub(crate) fn position_variance(animal: &Animal, scales: &Scales) -> f64 {
    let hidden = f64::from(animal.missed.saturating_sub(1));
    let drift = DRIFT * hidden * scales.step.value().sqrt();
    scales.motion.value() * (1.0 + hidden) + drift * drift
}
