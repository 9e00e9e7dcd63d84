//! Kalman filters of boxes.

use crate::mot::boxes::{Box4, MIN_SIDE, from_cxcywh, to_cxcywh};
use crate::mot::options::KalmanKind;

/// What is measured of a box.
const MEASURED: usize = 4;
/// The largest state: what is measured, and its velocities.
const STATES: usize = 8;

pub(crate) type Mean = [f64; STATES];
pub(crate) type Covariance = [[f64; STATES]; STATES];

/// Position and velocity of a box, with their covariance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoxState {
    pub(crate) mean: Mean,
    pub(crate) covariance: Covariance,
}

/// Standard deviations as shares of a box's sides.
const POSITION_SHARE: f64 = 1.0 / 20.0;
const VELOCITY_SHARE: f64 = 1.0 / 160.0;
const MIN_RATIO: f64 = 1e-6;

impl KalmanKind {
    fn states(self) -> usize {
        match self {
            Self::Xywh | Self::Xyah => 8,
            Self::Xysr => 7,
        }
    }

    /// States of sizes whose velocity (four states later) may not make them negative.
    fn sizes(self) -> &'static [usize] {
        match self {
            Self::Xywh | Self::Xyah => &[2, 3],
            Self::Xysr => &[2],
        }
    }

    fn measurement(self, bounds: &Box4) -> [f64; MEASURED] {
        let [cx, cy, width, height] = to_cxcywh(bounds);
        match self {
            Self::Xywh => [cx, cy, width, height],
            Self::Xyah => [cx, cy, width / height, height],
            Self::Xysr => [cx, cy, width * height, width / height],
        }
    }

    /// The box of a state.
    pub(crate) fn bounds(self, mean: &Mean) -> Box4 {
        let [cx, cy, third, fourth, ..] = *mean;
        let (width, height) = match self {
            Self::Xywh => (third, fourth),
            Self::Xyah => {
                let height = fourth.max(MIN_SIDE);
                (third * height, height)
            }
            Self::Xysr => {
                let (area, ratio) = (third.max(MIN_SIDE), fourth.max(MIN_RATIO));
                ((area * ratio).sqrt(), (area / ratio).sqrt())
            }
        };
        from_cxcywh([cx, cy, width.max(MIN_SIDE), height.max(MIN_SIDE)])
    }

    fn initial_variance(self, z: &[f64; MEASURED]) -> Mean {
        let (p, v) = (2.0 * POSITION_SHARE, 10.0 * VELOCITY_SHARE);
        match self {
            Self::Xywh => {
                let (w, h) = (z[2].max(MIN_SIDE), z[3].max(MIN_SIDE));
                [p * w, p * h, p * w, p * h, v * w, v * h, v * w, v * h].map(squared)
            }
            Self::Xyah => {
                let h = z[3].max(MIN_SIDE);
                [p * h, p * h, 0.01, p * h, v * h, v * h, 1e-5, v * h].map(squared)
            }
            Self::Xysr => [10.0, 10.0, 10.0, 10.0, 1e4, 1e4, 1e4, 0.0],
        }
    }

    fn process_variance(self, mean: &Mean) -> Mean {
        let (p, v) = (POSITION_SHARE, VELOCITY_SHARE);
        match self {
            Self::Xywh => {
                let (w, h) = (mean[2].max(MIN_SIDE), mean[3].max(MIN_SIDE));
                [p * w, p * h, p * w, p * h, v * w, v * h, v * w, v * h].map(squared)
            }
            Self::Xyah => {
                let h = mean[3].max(MIN_SIDE);
                [p * h, p * h, 0.01, p * h, v * h, v * h, 1e-5, v * h].map(squared)
            }
            Self::Xysr => [1.0, 1.0, 1.0, 1.0, 0.01, 0.01, 1e-4, 0.0],
        }
    }

    fn measurement_variance(self, mean: &Mean) -> [f64; MEASURED] {
        let p = POSITION_SHARE;
        match self {
            Self::Xywh => {
                let (w, h) = (mean[2].max(MIN_SIDE), mean[3].max(MIN_SIDE));
                [p * w, p * h, p * w, p * h].map(squared)
            }
            Self::Xyah => {
                let h = mean[3].max(MIN_SIDE);
                [p * h, p * h, 0.1, p * h].map(squared)
            }
            Self::Xysr => [1.0, 1.0, 10.0, 10.0],
        }
    }

    /// The state of a track that begins with a box.
    pub(crate) fn initiate(self, bounds: &Box4) -> BoxState {
        let z = self.measurement(bounds);
        let mut state = BoxState {
            mean: [0.0; STATES],
            covariance: [[0.0; STATES]; STATES],
        };
        state.mean[..MEASURED].copy_from_slice(&z);
        for (index, variance) in self.initial_variance(&z).into_iter().enumerate() {
            state.covariance[index][index] = variance;
        }
        state
    }

    /// One step later.
    pub(crate) fn predict(self, state: &BoxState) -> BoxState {
        let mut mean = state.mean;
        for size in self.sizes() {
            if mean[*size] + mean[size + MEASURED] <= 0.0 {
                mean[size + MEASURED] = 0.0;
            }
        }
        let noise = self.process_variance(&mean);
        let velocities = self.states() - MEASURED;
        for index in 0..velocities {
            mean[index] += mean[index + MEASURED];
        }
        let mut covariance = state.covariance;
        for row in &mut covariance {
            for index in 0..velocities {
                row[index] += row[index + MEASURED];
            }
        }
        for index in 0..velocities {
            let velocity = covariance[index + MEASURED];
            for (value, added) in covariance[index].iter_mut().zip(velocity) {
                *value += added;
            }
        }
        for (index, noise) in noise.into_iter().enumerate().take(self.states()) {
            covariance[index][index] += noise;
        }
        symmetrize(&mut covariance);
        BoxState { mean, covariance }
    }

    /// With a measured box. The state stays where the result would not be finite.
    pub(crate) fn update(self, state: &BoxState, bounds: &Box4) -> BoxState {
        let z = self.measurement(bounds);
        if z.iter().any(|value| !value.is_finite()) {
            return *state;
        }
        let noise = self.measurement_variance(&state.mean);
        let Some(gain) = gain(&state.covariance, &noise) else {
            return *state;
        };
        let mut updated = *state;
        for (index, mean) in updated.mean.iter_mut().enumerate().take(self.states()) {
            *mean += (0..MEASURED)
                .map(|k| gain[index][k] * (z[k] - state.mean[k]))
                .sum::<f64>();
        }
        updated.covariance = joseph(&state.covariance, &gain, &noise);
        let finite = updated.mean.iter().all(|value| value.is_finite())
            && updated
                .covariance
                .as_flattened()
                .iter()
                .all(|value| value.is_finite());
        if finite { updated } else { *state }
    }
}

fn squared(value: f64) -> f64 {
    value * value
}

fn symmetrize(covariance: &mut Covariance) {
    let values = *covariance;
    for (row, values_of_row) in covariance.iter_mut().enumerate() {
        for (col, value) in values_of_row.iter_mut().enumerate() {
            *value = 0.5 * (values[row][col] + values[col][row]);
        }
    }
}

/// `covariance · Hᵀ · (H · covariance · Hᵀ + noise)⁻¹`, by Cholesky's method.
fn gain(covariance: &Covariance, noise: &[f64; MEASURED]) -> Option<[[f64; MEASURED]; STATES]> {
    let mut factor = [[0.0; MEASURED]; MEASURED];
    for row in 0..MEASURED {
        for col in 0..=row {
            let known: f64 = (0..col).map(|k| factor[row][k] * factor[col][k]).sum();
            let value = covariance[row][col] + if row == col { noise[row] } else { 0.0 };
            let left = value - known;
            if row != col {
                factor[row][col] = left / factor[col][col];
            } else if left > 0.0 && left.is_finite() {
                factor[row][col] = left.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut gain = [[0.0; MEASURED]; STATES];
    for (row, gain) in gain.iter_mut().enumerate() {
        for k in 0..MEASURED {
            let known: f64 = (0..k).map(|j| factor[k][j] * gain[j]).sum();
            gain[k] = (covariance[row][k] - known) / factor[k][k];
        }
        for k in (0..MEASURED).rev() {
            let known: f64 = (k + 1..MEASURED).map(|j| factor[j][k] * gain[j]).sum();
            gain[k] = (gain[k] - known) / factor[k][k];
        }
    }
    Some(gain)
}

/// `(I - K H) P (I - K H)ᵀ + K R Kᵀ`, which stays positive definite.
fn joseph(
    covariance: &Covariance,
    gain: &[[f64; MEASURED]; STATES],
    noise: &[f64; MEASURED],
) -> Covariance {
    let mut left = *covariance;
    for (row, left) in left.iter_mut().enumerate() {
        for (k, measured) in covariance.iter().enumerate().take(MEASURED) {
            for (value, removed) in left.iter_mut().zip(measured) {
                *value -= gain[row][k] * removed;
            }
        }
    }
    let mut result = left;
    for (row, result) in result.iter_mut().enumerate() {
        for (col, value) in result.iter_mut().enumerate() {
            for k in 0..MEASURED {
                *value -= left[row][k] * gain[col][k];
                *value += gain[row][k] * noise[k] * gain[col][k];
            }
        }
    }
    symmetrize(&mut result);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_box_is_expected_ahead() {
        for kind in KalmanKind::ALL {
            let at = |t: f64| [4.0 * t, 10.0, 4.0 * t + 20.0, 40.0];
            let mut state = kind.initiate(&at(0.0));
            for t in 1..30 {
                state = kind.update(&kind.predict(&state), &at(f64::from(t)));
            }
            let expected = kind.bounds(&kind.predict(&state).mean);
            for (found, wanted) in expected.iter().zip(at(30.0)) {
                assert!((found - wanted).abs() < 1.5, "{kind}: {expected:?}");
            }
        }
    }

    #[test]
    fn a_box_that_is_not_finite_changes_nothing() {
        let state = KalmanKind::Xywh.initiate(&[0.0, 0.0, 10.0, 10.0]);
        let same = KalmanKind::Xywh.update(&state, &[f64::NAN; 4]);
        assert_eq!(same.mean, state.mean);
    }
}
