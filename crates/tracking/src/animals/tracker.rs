//! The steps of a frame.

use crate::animals::alternatives::{Alternatives, Seen};
use crate::animals::animal::middle;
use crate::animals::likelihood::{is_jump, log_ratio};
use crate::animals::options::{AnimalsOptions, MAX_ANIMALS};
use crate::animals::population::Population;
use crate::animals::scales::Scales;
use crate::assign::hungarian;
use crate::detection::{Assignments, Detection, TrackAssignment, is_visible};
use crate::matrix::Matrix;
use crate::numeric::nan_median;

/// A detection whose score has at least this log-likelihood ratio is an animal, where their number is
/// known and one is missing.
const MIN_LEFT_SCORE_RATIO: f64 = -0.7;
/// A detection whose score has a lower log-likelihood ratio begins no animal.
const MIN_SCORE_RATIO: f64 = -1.5;

/// What such a pair gains at most, and how fast with its likelihood.
const LEFT_GAIN: f64 = 0.01;
const LEFT_SLOPE: f64 = 0.1;

/// Follows a bounded number of animals.
pub(crate) struct AnimalsTracker {
    population: Population,
    alternatives: Alternatives,
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
            alternatives: Alternatives::default(),
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
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        for animal in &mut self.population.animals {
            animal.advance(passed);
        }
        self.alternatives.advance(passed);
        self.measure(detections);
        let Some(mut scales) = self.scales.take() else {
            return self.begin(detections);
        };
        let seen: Vec<Seen<'_>> = detections.iter().map(seen).collect();
        let ratios = self.ratios(&seen, &scales);
        let mut taken = self.choose(&ratios, &seen, &scales);
        let animals = &mut self.population.animals;
        self.alternatives
            .reconsider(animals, &mut taken, &ratios, &seen, &scales);
        let mut found = vec![None; detections.len()];
        for (index, detection) in taken.into_iter().enumerate() {
            let Some(detection) = detection else { continue };
            let fit = self.continue_animal(index, &seen[detection], &mut scales);
            found[detection] = Some((index, fit));
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

    /// `[animal][detection]`: the log-likelihood ratio.
    fn ratios(&self, seen: &[Seen<'_>], scales: &Scales) -> Matrix {
        let animals = &self.population.animals;
        let mut ratios = Matrix::filled(animals.len(), seen.len(), f64::NEG_INFINITY);
        for (row, animal) in animals.iter().enumerate() {
            for (col, seen) in seen.iter().enumerate() {
                if let Some(deviation) = animal.deviation(seen.points) {
                    ratios[(row, col)] = log_ratio(animal, &deviation, seen.score, scales);
                }
            }
        }
        ratios
    }

    /// The detection of each animal: the pairs with the largest sum.
    fn choose(&self, ratios: &Matrix, seen: &[Seen<'_>], scales: &Scales) -> Vec<Option<usize>> {
        let mut cost = Matrix::zeros(ratios.rows(), ratios.cols());
        for (col, seen) in seen.iter().enumerate() {
            // Of a known number of animals, one that is missing is the detection that is left, be
            // it ever so unlikely; any likely pair comes first.
            let score = scales.scores.log_ratio(seen.score);
            let is_left = self.population.known && score > MIN_LEFT_SCORE_RATIO;
            for row in 0..ratios.rows() {
                let ratio = ratios[(row, col)];
                let least = if is_left {
                    LEFT_GAIN / (1.0 + (-LEFT_SLOPE * ratio).exp())
                } else {
                    0.0
                };
                cost[(row, col)] = -ratio.max(least);
            }
        }
        let mut taken = vec![None; ratios.rows()];
        for (row, col) in hungarian(&cost) {
            if cost[(row, col)] < 0.0 {
                taken[row] = Some(col);
            }
        }
        taken
    }

    /// Takes a detection into an animal; how well it fits.
    fn continue_animal(&mut self, index: usize, seen: &Seen<'_>, scales: &mut Scales) -> f64 {
        let animal = &mut self.population.animals[index];
        let Some(deviation) = animal.deviation(seen.points) else {
            return 0.0;
        };
        let jumped = is_jump(animal, &deviation, scales);
        let fit = 1.0 - (-log_ratio(animal, &deviation, seen.score, scales).max(0.0)).exp();
        let seen_before = animal.missed <= 1;
        let before = animal.position;
        let step = animal.update(seen.points, &deviation, jumped);
        scales.visit(animal.position);
        if seen_before {
            scales.learn(&deviation, step, seen.score);
            let edge = scales.edge(before);
            scales
                .jumps
                .add(jumped.then(|| deviation.stayed_squared.sqrt()), edge);
        }
        fit
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

fn seen(detection: &Detection) -> Seen<'_> {
    Seen {
        points: &detection.points,
        score: score(detection),
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
