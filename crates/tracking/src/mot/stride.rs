//! Steps between frames, from the frames' numbers.

use std::collections::BTreeMap;

use crate::mot::options::TimeBase;

/// Different distances that are kept: more are no stride.
const MAX_DISTANCES: usize = 64;
/// The largest number of steps between two frames: every track has ended long before.
const MAX_STEPS: f64 = 1000.0;

/// The distances between the frames so far.
#[derive(Clone)]
pub(crate) struct Stride {
    base: TimeBase,
    counts: BTreeMap<i64, u64>,
    /// Decided by all frames of a video.
    settled: Option<Pace>,
}

/// How frames' numbers become steps.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The most common distance.
    stride: i64,
    /// Whether distances count; each frame is one step otherwise.
    by_frames: bool,
}

impl Stride {
    pub(crate) fn new(base: TimeBase) -> Self {
        Self {
            base,
            counts: BTreeMap::new(),
            settled: None,
        }
    }

    /// The same once all frames have been noted: nothing changes it any more.
    pub(crate) fn settled(mut self) -> Self {
        self.settled = Some(self.pace());
        self
    }

    /// The steps to a frame whose number is higher by `delta`, at least one, which is noted.
    pub(crate) fn steps(&mut self, delta: i64) -> u32 {
        if self.settled.is_none() {
            self.note(delta);
        }
        self.steps_of(delta)
    }

    /// Notes the distance of two frames.
    pub(crate) fn note(&mut self, delta: i64) {
        if delta > 0 && (self.counts.len() < MAX_DISTANCES || self.counts.contains_key(&delta)) {
            *self.counts.entry(delta).or_default() += 1;
        }
    }

    fn pace(&self) -> Pace {
        let total: u64 = self.counts.values().sum();
        // The most common distance; of several the smallest.
        let most = self.counts.iter().rev().max_by_key(|(_, count)| **count);
        let (stride, regular) =
            most.map_or((1, true), |(delta, count)| (*delta, *count * 2 >= total));
        let by_frames = match self.base {
            TimeBase::Auto => regular,
            TimeBase::Frames => true,
            TimeBase::Steps => false,
        };
        Pace { stride, by_frames }
    }

    /// The steps to a frame whose number is higher by `delta`, at least one.
    pub(crate) fn steps_of(&self, delta: i64) -> u32 {
        self.all_steps_of(delta).min(MAX_STEPS) as u32
    }

    /// The same without the bound of a tracker.
    pub(crate) fn all_steps_of(&self, delta: i64) -> f64 {
        let Pace { stride, by_frames } = self.settled.unwrap_or_else(|| self.pace());
        if !by_frames {
            return 1.0;
        }
        (delta as f64 / stride as f64).round_ties_even().max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_common_distance_is_one_step() {
        let mut stride = Stride::new(TimeBase::Auto);
        assert_eq!(
            [2, 2, 2, 6, 2].map(|delta| stride.steps(delta)),
            [1, 1, 1, 3, 1]
        );
        assert_eq!(stride.steps(-5), 1);
    }

    #[test]
    fn frames_without_a_common_distance_are_one_step_each() {
        let mut stride = Stride::new(TimeBase::Auto);
        assert_eq!([1, 7, 30].map(|delta| stride.steps(delta)), [1, 7, 1]);
    }
}
