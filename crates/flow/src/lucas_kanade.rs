//! Points followed from one pyramid to another (Bouguet, 2001), step by step as OpenCV does it.

use crate::level::Level;
use crate::patch::{Gradients, Patch, Place};

/// Steps on each level at most.
const MAX_STEPS: u32 = 30;
/// A step that is shorter, in pixels, is the last one.
const SHORTEST_STEP: f64 = 0.01;
/// Windows that change less in one direction have no place that could be found.
const MIN_EIGENVALUE: f32 = 1e-4;

/// A point in the other picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftedPoint {
    /// Where it is, pixels; not to be used where it was not found.
    pub point: [f32; 2],
    /// Whether it was found: it is inside of both pictures, and its surroundings have a structure.
    pub found: bool,
    /// How much the pixels around it differ on average; 0 where it was not found.
    pub error: f32,
}

/// Where points are in the pyramid `next`, which has the same shape.
pub(crate) fn follow(
    previous: &[Level],
    next: &[Level],
    window: usize,
    points: &[[f32; 2]],
) -> Vec<ShiftedPoint> {
    let channels = previous.first().map_or(1, |level| level.channels);
    let mut follower = Follower {
        patch: Patch::new(window, channels),
        window,
        half: (window as f32 - 1.0) * 0.5,
    };
    let all = points.iter();
    all.map(|point| follower.point(previous, next, *point))
        .collect()
}

struct Follower {
    patch: Patch,
    window: usize,
    /// From the window's corner to its middle, pixels.
    half: f32,
}

/// What came of a level.
struct LevelOutcome {
    point: [f32; 2],
    /// The window has a structure, and stayed in the picture.
    found: bool,
    error: f32,
}

impl Follower {
    fn point(&mut self, previous: &[Level], next: &[Level], point: [f32; 2]) -> ShiftedPoint {
        let mut outcome = LevelOutcome {
            point: [0.0; 2],
            found: false,
            error: 0.0,
        };
        let levels = previous.iter().zip(next).enumerate();
        for (index, (from, to)) in levels.rev() {
            let scale = 1.0 / (1u32 << index) as f32;
            let origin = point.map(|value| value * scale);
            let guess = match index + 1 == previous.len() {
                true => origin,
                false => outcome.point.map(|value| value * 2.0),
            };
            outcome = self.level(from, to, origin, guess, index == 0);
        }
        ShiftedPoint {
            point: outcome.point,
            found: outcome.found,
            error: outcome.error,
        }
    }

    /// `is_last`: the difference of the pixels is measured too.
    fn level(
        &mut self,
        from: &Level,
        to: &Level,
        origin: [f32; 2],
        guess: [f32; 2],
        is_last: bool,
    ) -> LevelOutcome {
        let lost = LevelOutcome {
            point: guess,
            found: false,
            error: 0.0,
        };
        let corner = origin.map(|value| value - self.half);
        let Some(place) = Place::of(corner, from, self.window) else {
            return lost;
        };
        let gradients = self.patch.take(from, &place);
        let Some(inverse) = self.inverse(&gradients) else {
            return lost;
        };
        let mut outcome = self.steps(to, guess, &gradients, inverse);
        if is_last && outcome.found {
            let corner = outcome.point.map(|value| value - self.half);
            match Place::of(corner, to, self.window) {
                Some(place) => outcome.error = self.patch.difference(to, &place),
                None => outcome.found = false,
            }
        }
        outcome
    }

    /// 1 over the determinant; `None` where the window has no structure in one direction.
    fn inverse(&self, gradients: &Gradients) -> Option<f32> {
        let Gradients { xx, xy, yy } = *gradients;
        let determinant = xx * yy - xy * xy;
        let spread = ((xx - yy) * (xx - yy) + 4.0 * xy * xy).sqrt();
        let eigenvalue = (yy + xx - spread) / (2 * self.window * self.window) as f32;
        let is_flat = eigenvalue < MIN_EIGENVALUE || determinant < f32::EPSILON;
        (!is_flat).then(|| 1.0 / determinant)
    }

    fn steps(
        &mut self,
        to: &Level,
        guess: [f32; 2],
        gradients: &Gradients,
        inverse: f32,
    ) -> LevelOutcome {
        let Gradients { xx, xy, yy } = *gradients;
        let half = self.half;
        let mut outcome = LevelOutcome {
            point: guess,
            found: true,
            error: 0.0,
        };
        let mut corner = guess.map(|value| value - half);
        let mut last = [0.0f32; 2];
        for step in 0..MAX_STEPS {
            let Some(place) = Place::of(corner, to, self.window) else {
                outcome.found = false;
                break;
            };
            let [x, y] = self.patch.mismatch(to, &place);
            let delta = [(xy * y - yy * x) * inverse, (xy * x - xx * y) * inverse];
            corner = [corner[0] + delta[0], corner[1] + delta[1]];
            outcome.point = corner.map(|value| value + half);
            let [long_x, long_y] = delta.map(f64::from);
            if long_x * long_x + long_y * long_y <= SHORTEST_STEP * SHORTEST_STEP {
                break;
            }
            let returns = |axis: usize| f64::from((delta[axis] + last[axis]).abs()) < SHORTEST_STEP;
            if step > 0 && returns(0) && returns(1) {
                // It goes to and fro: the middle.
                outcome.point = [0, 1].map(|axis| outcome.point[axis] - delta[axis] * 0.5);
                break;
            }
            last = delta;
        }
        outcome
    }
}
