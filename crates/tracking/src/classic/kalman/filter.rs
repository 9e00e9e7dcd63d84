//! A Kalman filter over the positions and velocities of points.

use crate::classic::kalman::inverse::pseudo_inverse;
use crate::matrix::Matrix;

/// What a filter believes: for each point x, its velocity, y, its velocity; and the covariance.
#[derive(Debug, Clone)]
pub(crate) struct Belief {
    pub(crate) mean: Vec<f64>,
    pub(crate) covariance: Matrix,
}

impl Belief {
    /// The positions.
    pub(crate) fn points(&self) -> Vec<[f64; 2]> {
        self.mean
            .chunks_exact(4)
            .map(|state| [state[0], state[2]])
            .collect()
    }

    pub(crate) fn cap_velocity(&mut self, cap: f64) {
        for velocity in self.mean.iter_mut().skip(1).step_by(2) {
            *velocity = velocity.clamp(-cap, cap);
        }
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.mean.iter().all(|value| value.is_finite()) && self.covariance.is_finite()
    }
}

/// The model: what moves how, and how uncertain that and the measurements are.
#[derive(Debug, Clone)]
pub(crate) struct PointFilter {
    pub(crate) transition: Matrix,
    pub(crate) observation: Matrix,
    pub(crate) transition_covariance: Matrix,
    pub(crate) observation_covariance: Matrix,
}

impl PointFilter {
    /// Constant velocity, and unit covariances.
    pub(crate) fn new(points: usize) -> Self {
        let (states, observed) = (4 * points, 2 * points);
        let mut transition = Matrix::identity(states);
        let mut observation = Matrix::zeros(observed, states);
        for axis in 0..observed {
            transition[(2 * axis, 2 * axis + 1)] = 1.0;
            observation[(axis, 2 * axis)] = 1.0;
        }
        Self {
            transition,
            observation,
            transition_covariance: Matrix::identity(states),
            observation_covariance: Matrix::identity(observed),
        }
    }

    /// One frame later.
    pub(crate) fn predict(&self, belief: &Belief) -> Belief {
        let moved = belief.covariance.times(&self.transition.transposed());
        Belief {
            mean: self.transition.apply(&belief.mean),
            covariance: self
                .transition
                .times(&moved)
                .plus(&self.transition_covariance, 1.0),
        }
    }

    /// With a measurement. One with a missing point changes nothing.
    pub(crate) fn correct(&self, predicted: &Belief, measured: &[[f64; 2]]) -> Belief {
        let measured = measured.as_flattened();
        if measured.iter().any(|value| !value.is_finite()) {
            return predicted.clone();
        }
        let observation_t = self.observation.transposed();
        let spread = predicted.covariance.times(&observation_t);
        let expected_covariance = self
            .observation
            .times(&spread)
            .plus(&self.observation_covariance, 1.0);
        let gain = predicted
            .covariance
            .times(&observation_t.times(&pseudo_inverse(&expected_covariance)));
        let expected = self.observation.apply(&predicted.mean);
        let surprise: Vec<f64> = measured.iter().zip(&expected).map(|(m, e)| m - e).collect();
        let change = gain.apply(&surprise);
        Belief {
            mean: predicted
                .mean
                .iter()
                .zip(&change)
                .map(|(mean, by)| mean + by)
                .collect(),
            covariance: predicted.covariance.plus(
                &gain.times(&self.observation.times(&predicted.covariance)),
                -1.0,
            ),
        }
    }
}
