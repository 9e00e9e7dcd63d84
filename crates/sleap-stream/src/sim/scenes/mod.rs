//! What the policies guarantee, scene by scene.

mod adaptation;
mod deadline;
mod files;
mod live;

use super::outcome::SimOutcome;
use super::simulation::run;

/// Numbers that are the same in every run.
fn scattered(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[track_caller]
fn accounts_are_square(outcome: &SimOutcome) {
    assert_eq!(
        outcome.captured,
        outcome.poses.len() as u64 + outcome.dropped
    );
    assert!(
        outcome.ids().is_sorted(),
        "poses come in the order of frames"
    );
}
