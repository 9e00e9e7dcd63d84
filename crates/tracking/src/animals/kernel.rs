//! Densities with heavy tails.

/// Degrees of freedom of Student's t: near the middle almost a normal density, far out a power.
const PLACE_FREEDOM: f64 = 8.0;
const POSE_FREEDOM: f64 = 3.0;

/// Density in two dimensions at a squared distance, for a variance of each axis.
pub(crate) fn density(squared_distance: f64, variance: f64) -> f64 {
    let freedom = PLACE_FREEDOM;
    let tail = (squared_distance / (freedom * variance)).ln_1p();
    (-0.5 * (freedom + 2.0) * tail).exp() / (std::f64::consts::TAU * variance)
}

/// What the deviation of a pose costs: 0 where there is none. An animal that turns on the spot
/// costs little more than one that turns half.
pub(crate) fn pose_penalty(squared: f64, variance: f64) -> f64 {
    0.5 * (POSE_FREEDOM + 1.0) * (squared / (POSE_FREEDOM * variance)).ln_1p()
}
