//! How likely a detection is an animal.

use crate::animals::animal::{Animal, Deviation};
use crate::animals::kernel::{density, pose_penalty};
use crate::animals::scales::Scales;

/// Odds that an animal is seen in a frame, against that it hides.
const SEEN_ODDS: f64 = 100.0;
/// Invented detections a frame, in the whole arena.
const INVENTED: f64 = 0.1;
/// Frames in which an animal was seen after which it is certain that there is one.
const CERTAIN_HITS: u32 = 5;
/// Share of the usual step by which the place of a hidden animal becomes less certain each frame.
const DRIFT: f64 = 0.5;
/// Deviations above this many standard deviations are jumps.
const JUMP: f64 = 5.0;

/// The log-likelihood ratio of a pair; above 0 it is likelier than an invented detection while the
/// animal hides.
pub(crate) fn log_ratio(
    animal: &Animal,
    deviation: &Deviation,
    score: f64,
    scales: &Scales,
) -> f64 {
    let variance = position_variance(animal, scales);
    let area = scales.area();
    let walked = density(deviation.predicted_squared, variance);
    let length = deviation.stayed_squared.sqrt();
    let jumped = scales.jumps.density(length, variance.sqrt(), area);
    let share = scales.jumps.share(scales.edge(animal.position));
    let place = (1.0 - share) * walked + share * jumped;
    let pose = deviation
        .pose_squared
        .map_or(0.0, |squared| pose_penalty(squared, scales.pose.value()));
    let doubt = f64::from(CERTAIN_HITS.saturating_sub(animal.hits));
    (place * area * SEEN_ODDS / INVENTED).ln() - pose - doubt + scales.scores.log_ratio(score)
}

/// Variance of a coordinate of an animal that may have been hidden for some frames.
fn position_variance(animal: &Animal, scales: &Scales) -> f64 {
    let hidden = f64::from(animal.missed.saturating_sub(1));
    let drift = DRIFT * hidden * scales.step.value().sqrt();
    scales.motion.value() * (1.0 + hidden) + drift * drift
}

/// Whether a deviation is too large for a correction.
pub(crate) fn is_jump(animal: &Animal, deviation: &Deviation, scales: &Scales) -> bool {
    let nearest = deviation.predicted_squared.min(deviation.stayed_squared);
    nearest > JUMP * JUMP * position_variance(animal, scales)
}
