//! Densities with heavy tails.

/// Degrees of freedom of Student's t: near the middle almost a normal density, far out a power.
const FREEDOM: f64 = 3.0;

/// Log density in two dimensions at a squared distance, for a variance of each axis.
pub(crate) fn log_density(squared_distance: f64, variance: f64) -> f64 {
    -(std::f64::consts::TAU * variance).ln()
        - 0.5 * (FREEDOM + 2.0) * (squared_distance / (FREEDOM * variance)).ln_1p()
}

/// What a deviation costs: 0 where there is none.
pub(crate) fn penalty(squared: f64, variance: f64) -> f64 {
    0.5 * (FREEDOM + 1.0) * (squared / (FREEDOM * variance)).ln_1p()
}
