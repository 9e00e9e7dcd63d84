//! The One-Euro filter: Casiez, Roussel, Vogel, "1€ Filter", CHI 2012.

use super::MAX_BRIDGE_S;
use crate::detection::is_visible;
use crate::error::{OptionsError, in_range};

/// Cutoff of the filter of the speed, Hz, as in the paper.
const SPEED_CUTOFF: f64 = 1.0;

/// Options of the One-Euro filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneEuroOptions {
    /// Cutoff at rest, Hz: lower is smoother and later.
    pub min_cutoff: f64,
    /// By how much the cutoff rises with the speed, Hz for each pixel a second: higher is sooner.
    pub beta: f64,
}

impl Default for OneEuroOptions {
    fn default() -> Self {
        Self {
            min_cutoff: 1.5,
            beta: 0.05,
        }
    }
}

impl OneEuroOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A number that is out of its range.
    pub fn check(&self) -> Result<(), OptionsError> {
        let fits = self.min_cutoff > 0.0 && self.min_cutoff <= 1000.0;
        in_range(
            "smooth_min_cutoff",
            self.min_cutoff,
            fits,
            "above 0 and up to 1000 Hz",
        )?;
        let fits = (0.0..=1000.0).contains(&self.beta);
        in_range("smooth_beta", self.beta, fits, "from 0 to 1000")
    }
}

/// The filters of a node's two coordinates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OneEuroNode {
    state: Option<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    time: f64,
    point: [f64; 2],
    speed: [f64; 2],
    /// The last measurement.
    measured: [f64; 2],
}

impl OneEuroNode {
    /// Takes the node in a frame; where it is, and whether it is not visible in this frame.
    pub(super) fn frame(
        &mut self,
        options: &OneEuroOptions,
        time: f64,
        point: [f64; 2],
    ) -> Option<([f64; 2], bool)> {
        let known = self.state.filter(|state| time - state.time <= MAX_BRIDGE_S);
        if !is_visible(&point) {
            self.state = known;
            return known.map(|state| (state.point, true));
        }
        let begin = State {
            time,
            point,
            speed: [0.0; 2],
            measured: point,
        };
        let state = known.map_or(begin, |state| state.next(options, time, point));
        self.state = Some(state);
        Some((state.point, false))
    }
}

impl State {
    fn next(self, options: &OneEuroOptions, time: f64, measured: [f64; 2]) -> Self {
        let seconds = time - self.time;
        if seconds <= 0.0 {
            return self;
        }
        let mut next = Self {
            time,
            measured,
            ..self
        };
        for (axis, value) in measured.into_iter().enumerate() {
            let speed = (value - self.measured[axis]) / seconds;
            next.speed[axis] += share(SPEED_CUTOFF, seconds) * (speed - self.speed[axis]);
            let cutoff = options.min_cutoff + options.beta * next.speed[axis].abs();
            next.point[axis] += share(cutoff, seconds) * (value - self.point[axis]);
        }
        next
    }
}

/// The share of a new value in the filtered one.
fn share(cutoff: f64, seconds: f64) -> f64 {
    let constant = 1.0 / (std::f64::consts::TAU * cutoff);
    1.0 / (1.0 + constant / seconds)
}
