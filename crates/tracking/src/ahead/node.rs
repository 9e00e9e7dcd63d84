//! One node: several filters that differ in how fast its motion changes, of which the likeliest counts.

use super::filter::MotionFilter;
use super::turn::TurnRate;
use super::{DerivedNode, MAX_BRIDGE_S};
use crate::detection::is_visible;

/// Process noises of the filters, in units of the measurement's variance, s⁻³: from slow motion that is
/// measured badly to fast motion that is measured well.
const NOISES: [f64; 8] = [1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/// Where nothing is known yet.
const FIRST_FILTER: usize = 4;

/// Time over which innovations are averaged, seconds.
const AVERAGED_S: f64 = 1.5;

/// The measurement's variance at least, and before anything is known, px².
const MIN_VARIANCE: f64 = 1e-4;
const FIRST_VARIANCE: f64 = 1.0;

/// How many standard deviations a node may be from where it is expected before it has jumped.
const JUMP_DEVIATIONS: f64 = 8.0;

/// Pixels beyond which it has jumped only.
const MIN_JUMP: f64 = 5.0;

/// A node of an animal.
#[derive(Debug, Default)]
pub(super) struct NodeTrack {
    /// Empty until the node was seen.
    filters: Vec<ScoredFilter>,
    /// Index of the filter that counts.
    best: usize,
    /// When the filters' state is from, seconds.
    time: f64,
    /// When the node was seen last.
    seen: f64,
}

#[derive(Debug)]
struct ScoredFilter {
    filter: MotionFilter,
    /// The measurement's variance, px²: the mean of squared innovations over what is expected.
    variance: f64,
    /// The mean logarithm of what is expected.
    log_expected: f64,
    /// How much time the means are over, seconds.
    span: f64,
}

impl NodeTrack {
    /// Takes the node in a frame. `rate`: the animal's turn rate, to which the node's is added in `turn`.
    pub(super) fn frame(&mut self, time: f64, point: [f64; 2], rate: f64, turn: &mut TurnRate) {
        if time - self.seen > MAX_BRIDGE_S {
            self.filters.clear();
        }
        if self.filters.is_empty() {
            if is_visible(&point) {
                self.begin(time, point);
            }
            return;
        }
        let seconds = (time - self.time).max(0.0);
        self.time = time;
        for scored in &mut self.filters {
            scored.filter = scored.filter.later(seconds, rate);
        }
        if !is_visible(&point) {
            return;
        }
        if self.has_jumped(point) {
            self.begin(time, point);
            return;
        }
        self.seen = time;
        let before = self.filters[self.best].filter.velocity;
        for scored in &mut self.filters {
            scored.take(point, seconds);
        }
        let best = &self.filters[self.best];
        let variance = best.variance * best.filter.velocity_variance();
        // As it was before the turn that was expected.
        let unturned = rotated(before, -rate * seconds);
        turn.node(unturned, best.filter.velocity, seconds, variance);
        self.choose();
    }

    /// Where the node is `by` seconds after the frame.
    pub(super) fn ahead(&self, time: f64, by: f64, rate: f64) -> Option<DerivedNode> {
        let best = self.filters.get(self.best)?;
        if time - self.seen > MAX_BRIDGE_S {
            return None;
        }
        let later = best.filter.later(by, rate);
        let sd = (best.variance * later.position_variance()).sqrt();
        let is_usable = is_visible(&later.position) && sd.is_finite();
        is_usable.then_some(DerivedNode {
            point: later.position,
            sd: Some(sd),
            is_bridged: self.seen < time,
        })
    }

    fn begin(&mut self, time: f64, point: [f64; 2]) {
        (self.time, self.seen) = (time, time);
        // What was learned of the noise stays.
        let known = std::mem::take(&mut self.filters);
        self.filters = NOISES
            .iter()
            .enumerate()
            .map(|(index, noise)| {
                let known = known.get(index);
                ScoredFilter {
                    filter: MotionFilter::new(*noise, point),
                    variance: known.map_or(FIRST_VARIANCE, |known| known.variance),
                    log_expected: known.map_or(0.0, |known| known.log_expected),
                    span: known.map_or(0.0, |known| known.span),
                }
            })
            .collect();
        if known.is_empty() {
            self.best = FIRST_FILTER;
        }
    }

    fn has_jumped(&self, point: [f64; 2]) -> bool {
        let best = &self.filters[self.best];
        let innovation = best.filter.innovation(point);
        let expected = best.variance * innovation.expected;
        innovation.squared > MIN_JUMP * MIN_JUMP
            && innovation.squared > JUMP_DEVIATIONS * JUMP_DEVIATIONS * expected
    }

    /// The filter under which the measurements are likeliest counts.
    fn choose(&mut self) {
        let scores = self.filters.iter().map(ScoredFilter::badness);
        let best = scores
            .enumerate()
            .min_by(|(_, one), (_, other)| one.total_cmp(other));
        if let Some((best, _)) = best {
            self.best = best;
        }
    }
}

impl ScoredFilter {
    fn take(&mut self, point: [f64; 2], seconds: f64) {
        let innovation = self.filter.innovation(point);
        self.filter.update(point);
        // What is expected of a velocity that is not known yet tells nothing.
        if innovation.expected > 1e4 {
            return;
        }
        self.span = (self.span + seconds).min(AVERAGED_S);
        let share = (seconds / self.span.max(1e-6)).clamp(0.0, 1.0);
        let ratio = innovation.squared / innovation.expected;
        // One measurement that is far off does not decide for seconds.
        let ratio = ratio.min(25.0 * self.variance.max(MIN_VARIANCE));
        self.variance = (self.variance + share * (ratio - self.variance)).max(MIN_VARIANCE);
        self.log_expected += share * (innovation.expected.ln() - self.log_expected);
    }

    /// Twice the negative mean logarithm of the likelihood, with the best variance.
    fn badness(&self) -> f64 {
        self.variance.ln() + self.log_expected
    }
}

fn rotated([x, y]: [f64; 2], angle: f64) -> [f64; 2] {
    let (sine, cosine) = angle.sin_cos();
    [x * cosine - y * sine, x * sine + y * cosine]
}
