//! Which scores detections of animals have.

/// Steps from a score of 0 to one of 1.
const BINS: usize = 20;
/// Detections after which the oldest ones begin to count less.
const MEMORY: f64 = 4000.0;
/// Detections of each step that are assumed before any was seen.
const ASSUMED: f64 = 2.0;
/// The largest weight of a score in either direction.
const MAX_RATIO: f64 = 6.0;

/// A histogram of the scores of detections that were animals.
pub(crate) struct ScoreHistogram {
    counts: [f64; BINS],
    total: f64,
}

impl ScoreHistogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: [0.0; BINS],
            total: 0.0,
        }
    }

    /// Takes the score of a detection that was an animal.
    pub(crate) fn add(&mut self, score: f64) {
        if self.total >= MEMORY {
            self.counts.iter_mut().for_each(|count| *count *= 0.5);
            self.total *= 0.5;
        }
        self.counts[bin(score)] += 1.0;
        self.total += 1.0;
    }

    /// How much likelier an animal has this score than an invented detection, whose scores may be
    /// anything; a logarithm.
    pub(crate) fn log_ratio(&self, score: f64) -> f64 {
        let at = bin(score);
        // Half of the neighbours counts too: a few frames have to do.
        let near = |index: Option<&f64>| 0.5 * index.copied().unwrap_or(0.0);
        let count = self.counts[at]
            + near(at.checked_sub(1).and_then(|index| self.counts.get(index)))
            + near(self.counts.get(at + 1));
        let share = (0.5 * count + ASSUMED) / (self.total + ASSUMED * BINS as f64);
        (share * BINS as f64).ln().clamp(-MAX_RATIO, MAX_RATIO)
    }
}

fn bin(score: f64) -> usize {
    ((score * BINS as f64) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_no_animal_had_speak_against_one() {
        let mut scores = ScoreHistogram::new();
        assert!(scores.log_ratio(0.2).abs() < 0.1);
        for index in 0..1000 {
            scores.add(0.6 + 0.3 * f64::from(index) / 1000.0);
        }
        assert!(scores.log_ratio(0.2) < -3.0);
        assert!(scores.log_ratio(0.75) > 0.5);
        assert!(scores.log_ratio(f64::NAN).is_finite());
    }
}
