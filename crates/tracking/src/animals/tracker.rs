//! The steps of a frame.

use crate::animals::animal::{Deviation, middle};
use crate::animals::likelihood::{log_ratio, position_variance};
use crate::animals::options::{AnimalsOptions, MAX_ANIMALS};
use crate::animals::population::Population;
use crate::animals::scales::Scales;
use crate::assign::hungarian;
use crate::detection::{Assignments, Detection, TrackAssignment, is_visible};
use crate::matrix::Matrix;
use crate::numeric::nan_median;

/// Deviations above this many standard deviations are jumps.
const JUMP: f64 = 6.0;
/// A detection whose score speaks more than this against an animal begins none.
const MIN_SCORE_RATIO: f64 = -1.5;

/// Follows a bounded number of animals.
pub(crate) struct AnimalsTracker {
    population: Population,
    scales: Option<Scales>,
    last_frame: Option<i64>,
    /// The middles of the first frame's detections.
    first: Vec<[f64; 2]>,
}

impl AnimalsTracker {
    /// The options have been checked.
    pub(crate) fn new(options: AnimalsOptions) -> Self {
        let most = options.max_tracks.unwrap_or(MAX_ANIMALS);
        Self {
            population: Population::new(most, options.max_tracks.is_some()),
            scales: None,
            last_frame: None,
            first: Vec::new(),
        }
    }

    /// The tracks of the detections of a frame.
    pub(crate) fn track(&mut self, frame: i64, detections: &[Detection]) -> Assignments {
        let passed = self
            .last_frame
            .map_or(1, |last| frame.saturating_sub(last).max(1));
        self.last_frame = Some(frame);
        for animal in &mut self.population.animals {
            animal.advance(u32::try_from(passed).unwrap_or(u32::MAX));
        }
        self.measure(detections);
        let Some(mut scales) = self.scales.take() else {
            return self.begin(detections);
        };
        let deviations = self.deviations(detections);
        let pairs = self.pairs(detections, &deviations, &scales);
        let mut found = vec![None; detections.len()];
        for (index, detection, fit) in pairs {
            let deviation = deviations[index][detection].as_ref();
            if let Some(deviation) = deviation {
                self.continue_animal(index, &detections[detection], deviation, &mut scales);
                found[detection] = Some((index, fit));
            }
        }
        self.begin_others(detections, &mut found, &scales);
        self.scales = Some(scales);
        self.population.settle();
        let assignments = found
            .into_iter()
            .map(|found| self.assignment(found?))
            .collect();
        self.population.forget();
        assignments
    }

    fn assignment(&self, (index, score): (usize, f64)) -> Option<TrackAssignment> {
        let track = self.population.animals[index].id?;
        Some(TrackAssignment { track, score })
    }

    /// Learns a first scale from the first two frames with detections.
    fn measure(&mut self, detections: &[Detection]) {
        if self.scales.is_some() || self.first.is_empty() {
            return;
        }
        let middles = detections.iter().filter_map(|d| middle(&d.points));
        let distance = |from: [f64; 2]| {
            let to = |at: &[f64; 2]| (at[0] - from[0]).hypot(at[1] - from[1]);
            self.first.iter().map(to).fold(f64::INFINITY, f64::min)
        };
        let nearest: Vec<f64> = middles.map(distance).collect();
        if !nearest.is_empty() {
            self.scales = Some(Scales::new(nan_median(&nearest).max(1.0)));
        }
    }

    /// The first frame: the best detections begin animals.
    fn begin(&mut self, detections: &[Detection]) -> Assignments {
        self.first = detections
            .iter()
            .filter_map(|d| middle(&d.points))
            .collect();
        let mut order: Vec<usize> = (0..detections.len()).collect();
        order.sort_by(|a, b| score(&detections[*b]).total_cmp(&score(&detections[*a])));
        order.truncate(self.population.most as usize);
        order.sort_unstable();
        let mut assignments = vec![None; detections.len()];
        for index in order {
            let begun = self.population.begin(&detections[index].points);
            assignments[index] = begun.and_then(|animal| self.assignment((animal, 1.0)));
        }
        assignments
    }

    /// `[animal][detection]`: how far it is from what is expected.
    fn deviations(&self, detections: &[Detection]) -> Vec<Vec<Option<Deviation>>> {
        let animals = self.population.animals.iter();
        animals
            .map(|animal| {
                detections
                    .iter()
                    .map(|d| animal.deviation(&d.points))
                    .collect()
            })
            .collect()
    }

    /// The pairs of animal and detection with the largest likelihood, and how well each fits.
    fn pairs(
        &self,
        detections: &[Detection],
        deviations: &[Vec<Option<Deviation>>],
        scales: &Scales,
    ) -> Vec<(usize, usize, f64)> {
        let animals = &self.population.animals;
        let mut cost = Matrix::zeros(animals.len(), detections.len());
        for (row, animal) in animals.iter().enumerate() {
            for (col, detection) in detections.iter().enumerate() {
                if let Some(deviation) = &deviations[row][col] {
                    let ratio = log_ratio(animal, deviation, score(detection), scales);
                    cost[(row, col)] = -ratio.max(0.0);
                }
            }
        }
        let mut pairs = hungarian(&cost);
        pairs.retain(|pair| cost[*pair] < 0.0);
        let fit = |pair: (usize, usize)| 1.0 - cost[pair].exp();
        pairs
            .into_iter()
            .map(|pair| (pair.0, pair.1, fit(pair)))
            .collect()
    }

    fn continue_animal(
        &mut self,
        index: usize,
        detection: &Detection,
        deviation: &Deviation,
        scales: &mut Scales,
    ) {
        let animal = &mut self.population.animals[index];
        let variance = position_variance(animal, scales);
        let jumped = deviation.predicted_squared > JUMP * JUMP * variance;
        let seen_before = animal.missed <= 1;
        let step = animal.update(&detection.points, deviation, jumped);
        scales.visit(animal.position);
        if seen_before {
            scales.learn(deviation, step, score(detection));
        }
    }

    /// Begins animals with the detections that none explains.
    fn begin_others(
        &mut self,
        detections: &[Detection],
        found: &mut [Option<(usize, f64)>],
        scales: &Scales,
    ) {
        for (detection, found) in detections.iter().zip(found) {
            let plausible = scales.scores.log_ratio(score(detection)) > MIN_SCORE_RATIO;
            if found.is_none() && plausible {
                *found = self
                    .population
                    .begin(&detection.points)
                    .map(|animal| (animal, 1.0));
            }
        }
    }
}

/// The mean score of the visible nodes, else that of the instance.
fn score(detection: &Detection) -> f64 {
    let scored = detection.points.iter().zip(&detection.point_scores);
    let visible = scored.filter(|(point, score)| is_visible(point) && score.is_finite());
    let (sum, count) = visible.fold((0.0, 0.0), |(sum, n), (_, score)| (sum + score, n + 1.0));
    if count > 0.0 {
        sum / count
    } else {
        detection.score
    }
}
