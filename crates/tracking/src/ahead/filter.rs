//! A Kalman filter for position and velocity in the plane, with a turn rate.
//!
//! Both axes have the same noise, so that one covariance of two by two serves both. It is in units of the
//! variance of the measurement.

/// Variance of the velocity of a node that was seen once, in units of the measurement's, per s².
const FIRST_VELOCITY_VARIANCE: f64 = 1e6;

/// Position and velocity of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct MotionFilter {
    /// Process noise: the spectral density of the acceleration, in units of the measurement's variance, s⁻³.
    noise: f64,
    pub(super) position: [f64; 2],
    pub(super) velocity: [f64; 2],
    /// Variances and covariance of position and velocity.
    pp: f64,
    pv: f64,
    vv: f64,
}

/// How far a measurement was from what was expected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Innovation {
    /// Mean square of both axes.
    pub(super) squared: f64,
    /// Its expectation, in units of the measurement's variance.
    pub(super) expected: f64,
}

impl MotionFilter {
    pub(super) fn new(noise: f64, position: [f64; 2]) -> Self {
        Self {
            noise,
            position,
            velocity: [0.0; 2],
            pp: 1.0,
            pv: 0.0,
            vv: FIRST_VELOCITY_VARIANCE,
        }
    }

    /// The state so many seconds later, while the velocity turns by `rate` radians a second.
    pub(super) fn later(&self, seconds: f64, rate: f64) -> Self {
        let (turned, mean) = turned(self.velocity, rate * seconds);
        let (dt, dt2) = (seconds, seconds * seconds);
        Self {
            position: [
                self.position[0] + mean[0] * dt,
                self.position[1] + mean[1] * dt,
            ],
            velocity: turned,
            pp: self.pp + 2.0 * dt * self.pv + dt2 * self.vv + self.noise * dt2 * dt / 3.0,
            pv: self.pv + dt * self.vv + self.noise * dt2 / 2.0,
            vv: self.vv + self.noise * dt,
            ..*self
        }
    }

    /// How far a measurement is from what is expected.
    pub(super) fn innovation(&self, [x, y]: [f64; 2]) -> Innovation {
        let (dx, dy) = (x - self.position[0], y - self.position[1]);
        Innovation {
            squared: (dx * dx + dy * dy) / 2.0,
            expected: self.pp + 1.0,
        }
    }

    /// Takes a measurement.
    pub(super) fn update(&mut self, measured: [f64; 2]) {
        let gain = [self.pp / (self.pp + 1.0), self.pv / (self.pp + 1.0)];
        let state = self.position.iter_mut().zip(&mut self.velocity);
        for ((position, velocity), measured) in state.zip(measured) {
            let off = measured - *position;
            *position += gain[0] * off;
            *velocity += gain[1] * off;
        }
        self.vv -= gain[1] * self.pv;
        self.pv *= 1.0 - gain[0];
        self.pp *= 1.0 - gain[0];
    }

    /// Variance of the position, in units of the measurement's.
    pub(super) fn position_variance(&self) -> f64 {
        self.pp
    }

    /// Variance of the velocity, likewise.
    pub(super) fn velocity_variance(&self) -> f64 {
        self.vv
    }
}

/// A velocity after it has turned by an angle, and its mean on the way.
fn turned([vx, vy]: [f64; 2], angle: f64) -> ([f64; 2], [f64; 2]) {
    let (sine, cosine) = angle.sin_cos();
    // Near zero the quotients are those of their series.
    let (along, across) = match angle.abs() < 1e-4 {
        true => (1.0 - angle * angle / 6.0, angle / 2.0),
        false => (sine / angle, (1.0 - cosine) / angle),
    };
    (
        [vx * cosine - vy * sine, vx * sine + vy * cosine],
        [vx * along - vy * across, vx * across + vy * along],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turning_velocity_goes_round_a_circle() {
        let (end, mean) = turned([1.0, 0.0], std::f64::consts::PI);
        assert!((end[0] + 1.0).abs() < 1e-12 && end[1].abs() < 1e-12);
        assert!(mean[0].abs() < 1e-12 && (mean[1] - 2.0 / std::f64::consts::PI).abs() < 1e-12);
        let (end, mean) = turned([3.0, 4.0], 0.0);
        assert_eq!((end, mean), ([3.0, 4.0], [3.0, 4.0]));
    }

    #[test]
    fn a_constant_velocity_is_found() {
        let mut filter = MotionFilter::new(1e3, [0.0, 0.0]);
        for frame in 1..30 {
            filter = filter.later(0.02, 0.0);
            filter.update([2.0 * f64::from(frame), -f64::from(frame)]);
        }
        assert!((filter.velocity[0] - 100.0).abs() < 0.5, "{filter:?}");
        assert!((filter.velocity[1] + 50.0).abs() < 0.5, "{filter:?}");
        assert!(filter.position_variance() < 1.0);
    }
}
