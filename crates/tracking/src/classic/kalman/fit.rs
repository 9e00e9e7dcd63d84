//! Fits a filter to the first positions of a track.
//!
//! Expectation maximisation of the three covariances, with Rauch, Tung and Striebel's smoother:
//! R. H. Shumway and D. S. Stoffer, "An approach to time series smoothing and forecasting using
//! the EM algorithm" (1982).

use crate::classic::kalman::filter::{Belief, PointFilter};
use crate::classic::kalman::inverse::pseudo_inverse;
use crate::matrix::Matrix;

const ITERATIONS: usize = 20;

/// The filter and its belief in the last frame; `None` where the positions do not suffice.
///
/// `rows`: the points of successive frames, NaN where one is missing.
pub(crate) fn fit(rows: &[Vec<[f64; 2]>], velocity_cap: f64) -> Option<(PointFilter, Belief)> {
    let points = rows.first()?.len();
    let mut filter = PointFilter::new(points);
    let mut first = Belief {
        mean: initial_state(rows, velocity_cap)?,
        covariance: Matrix::identity(4 * points),
    };
    for _ in 0..ITERATIONS {
        let run = Run::forward(&filter, &first, rows);
        let smoothed = run.backward(&filter);
        let next = smoothed.maximise(&filter, &first, rows);
        (filter, first.covariance) = next;
    }
    let mut last = Run::forward(&filter, &first, rows).filtered.pop()?;
    last.cap_velocity(velocity_cap);
    let usable = last.is_finite() && filter.transition_covariance.is_finite();
    usable.then_some((filter, last))
}

/// The first position of each point with its first step; missing ones are the mean of the others.
fn initial_state(rows: &[Vec<[f64; 2]>], velocity_cap: f64) -> Option<Vec<f64>> {
    let seen = |row: &&Vec<[f64; 2]>| row.as_flattened().iter().any(|value| !value.is_nan());
    if rows.iter().filter(seen).count() < 2 {
        return None;
    }
    let points = rows.first()?.len();
    let mut state = vec![0.0; 4 * points];
    for axis in [0, 1] {
        let series = |point: usize| rows.iter().map(move |row| row[point][axis]);
        let firsts: Vec<Option<f64>> = (0..points)
            .map(|point| series(point).find(|value| !value.is_nan()))
            .collect();
        let known: Vec<f64> = firsts.iter().copied().flatten().collect();
        let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
        for (point, first) in firsts.into_iter().enumerate() {
            let step = series(point).zip(series(point).skip(1)).map(|(a, b)| b - a);
            let velocity = step.clone().find(|step| !step.is_nan()).unwrap_or(0.0);
            state[4 * point + 2 * axis] = first.unwrap_or(mean);
            state[4 * point + 2 * axis + 1] = velocity.clamp(-velocity_cap, velocity_cap);
        }
    }
    Some(state)
}

/// Beliefs of every frame before and after its measurement.
struct Run {
    predicted: Vec<Belief>,
    filtered: Vec<Belief>,
}

impl Run {
    fn forward(filter: &PointFilter, first: &Belief, rows: &[Vec<[f64; 2]>]) -> Self {
        let mut run = Self {
            predicted: Vec::new(),
            filtered: Vec::<Belief>::new(),
        };
        for row in rows {
            let predicted = match run.filtered.last() {
                Some(before) => filter.predict(before),
                None => first.clone(),
            };
            run.filtered.push(filter.correct(&predicted, row));
            run.predicted.push(predicted);
        }
        run
    }

    fn backward(&self, filter: &PointFilter) -> Smoothed {
        let transition_t = filter.transition.transposed();
        let mut beliefs: Vec<Belief> = self.filtered.last().cloned().into_iter().collect();
        let mut gains = Vec::new();
        for (filtered, ahead) in self.filtered.iter().zip(&self.predicted[1..]).rev() {
            let next = &beliefs[beliefs.len() - 1];
            let gain = filtered
                .covariance
                .times(&transition_t.times(&pseudo_inverse(&ahead.covariance)));
            let surprise: Vec<f64> = next
                .mean
                .iter()
                .zip(&ahead.mean)
                .map(|(a, b)| a - b)
                .collect();
            let change = gain.apply(&surprise);
            let spread = next
                .covariance
                .plus(&ahead.covariance, -1.0)
                .times(&gain.transposed());
            beliefs.push(Belief {
                mean: filtered
                    .mean
                    .iter()
                    .zip(&change)
                    .map(|(mean, by)| mean + by)
                    .collect(),
                covariance: filtered.covariance.plus(&gain.times(&spread), 1.0),
            });
            gains.push(gain);
        }
        beliefs.reverse();
        gains.reverse();
        Smoothed { beliefs, gains }
    }
}

/// Beliefs of every frame, from all measurements.
struct Smoothed {
    beliefs: Vec<Belief>,
    gains: Vec<Matrix>,
}

impl Smoothed {
    /// The filter with the covariances that explain the measurements best, and that of the first
    /// state.
    fn maximise(
        &self,
        filter: &PointFilter,
        first: &Belief,
        rows: &[Vec<[f64; 2]>],
    ) -> (PointFilter, Matrix) {
        let next = PointFilter {
            observation_covariance: self.observation_covariance(filter, rows),
            transition_covariance: self.transition_covariance(filter),
            ..filter.clone()
        };
        let start = &self.beliefs[0];
        let covariance = start
            .covariance
            .plus_outer(&start.mean, &start.mean, 1.0)
            .plus_outer(&first.mean, &start.mean, -1.0)
            .plus_outer(&start.mean, &first.mean, -1.0)
            .plus_outer(&first.mean, &first.mean, 1.0);
        (next, covariance)
    }

    fn observation_covariance(&self, filter: &PointFilter, rows: &[Vec<[f64; 2]>]) -> Matrix {
        let size = filter.observation.rows();
        let mut total = Matrix::zeros(size, size);
        let mut count = 0.0;
        for (row, belief) in rows.iter().zip(&self.beliefs) {
            let row = row.as_flattened();
            if row.iter().any(|value| value.is_nan()) {
                continue;
            }
            let expected = filter.observation.apply(&belief.mean);
            let error: Vec<f64> = row.iter().zip(&expected).map(|(a, b)| a - b).collect();
            let spread = belief.covariance.times(&filter.observation.transposed());
            total = total
                .plus_outer(&error, &error, 1.0)
                .plus(&filter.observation.times(&spread), 1.0);
            count += 1.0;
        }
        if count > 0.0 {
            total.scaled(1.0 / count)
        } else {
            total
        }
    }

    fn transition_covariance(&self, filter: &PointFilter) -> Matrix {
        let size = filter.transition.rows();
        let transition_t = filter.transition.transposed();
        let mut total = Matrix::zeros(size, size);
        for ((before, after), gain) in self.beliefs.iter().zip(&self.beliefs[1..]).zip(&self.gains)
        {
            let expected = filter.transition.apply(&before.mean);
            let error: Vec<f64> = after
                .mean
                .iter()
                .zip(&expected)
                .map(|(a, b)| a - b)
                .collect();
            let common = after
                .covariance
                .times(&gain.transposed())
                .times(&transition_t);
            let moved = filter
                .transition
                .times(&before.covariance.times(&transition_t));
            total = total
                .plus_outer(&error, &error, 1.0)
                .plus(&moved, 1.0)
                .plus(&after.covariance, 1.0)
                .plus(&common, -1.0)
                .plus(&common.transposed(), -1.0);
        }
        total.scaled(1.0 / self.gains.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_walk_is_continued() {
        let rows: Vec<_> = (0..10).map(|t| vec![[3.0 * f64::from(t), 50.0]]).collect();
        let (filter, last) = fit(&rows, 15.0).unwrap();
        let [x, y] = filter.predict(&last).points()[0];
        assert!((x - 30.0).abs() < 0.1 && (y - 50.0).abs() < 0.1, "{x} {y}");
    }

    #[test]
    fn every_point_is_continued() {
        let row = |t: i32| {
            let at = 3.0 * f64::from(t) + 0.4 * f64::from(t * 7 % 5);
            vec![[at, 50.0], [at + 9.0, 52.0 - at], [at - 4.0, 40.0]]
        };
        let rows: Vec<_> = (0..10).map(row).collect();
        let (filter, last) = fit(&rows, 15.0).unwrap();
        let points = filter.predict(&last).points();
        for (found, wanted) in points.iter().zip(row(10)) {
            let distance = (found[0] - wanted[0]).hypot(found[1] - wanted[1]);
            assert!(distance < 4.0, "{points:?}");
        }
    }

    #[test]
    fn missing_positions_are_bridged() {
        let row = |t: i32| {
            if t == 4 {
                [f64::NAN; 2]
            } else {
                [3.0 * f64::from(t), 5.0]
            }
        };
        let rows: Vec<_> = (0..10).map(|t| vec![row(t)]).collect();
        let (filter, last) = fit(&rows, 15.0).unwrap();
        let [x, _] = filter.predict(&last).points()[0];
        assert!((x - 30.0).abs() < 0.2, "{x}");
        assert!(fit(&vec![vec![[f64::NAN; 2]]; 5], 15.0).is_none());
    }
}
