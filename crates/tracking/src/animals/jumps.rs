//! How far animals jump when they jump.
//!
//! A point may leap from one frame to the next where the animal does not: a tail that swings round,
//! a head taken for a tail. Such leaps have lengths of their own, and two animals that leap at once
//! are told apart by them.

use std::collections::VecDeque;

/// Jumps that are kept.
const MEMORY: usize = 200;
/// Width of the peak around each length, in standard deviations of the motion.
const WIDTH: f64 = 0.7;
/// Width of a zone, as a share of the arena's side.
const ZONE_SHARE: f64 = 0.08;
/// Steps for which the share of all zones counts in each.
const ZONE_PRIOR: f64 = 20.0;
/// Zones of the arena, from its edge inwards.
const ZONES: usize = 4;

/// The lengths of the last jumps.
pub(crate) struct Jumps {
    lengths: VecDeque<f64>,
    /// `[how near the edge]`: steps of all kinds, and jumps among them.
    steps: [f64; ZONES],
    counts: [f64; ZONES],
}

impl Jumps {
    pub(crate) fn new() -> Self {
        Self {
            lengths: VecDeque::new(),
            steps: [0.0; ZONES],
            counts: [0.0; ZONES],
        }
    }

    /// Takes a step of an animal; `length`: where it was a jump; `edge`: how near the edge, as a
    /// share of the arena's side.
    pub(crate) fn add(&mut self, length: Option<f64>, edge: f64) {
        self.steps[zone(edge)] += 1.0;
        if let Some(length) = length {
            self.counts[zone(edge)] += 1.0;
            if self.lengths.len() == MEMORY {
                self.lengths.pop_front();
            }
            self.lengths.push_back(length);
        }
    }

    /// The share of jumps among all steps at this distance from the edge.
    pub(crate) fn share(&self, edge: f64) -> f64 {
        let at = zone(edge);
        let all =
            (self.counts.iter().sum::<f64>() + 1.0) / (self.steps.iter().sum::<f64>() + 100.0);
        (self.counts[at] + ZONE_PRIOR * all) / (self.steps[at] + ZONE_PRIOR)
    }

    /// Density of a jump in two dimensions, at a distance; `spread`: a standard deviation of the
    /// motion; `area`: of the arena.
    pub(crate) fn density(&self, distance: f64, spread: f64, area: f64) -> f64 {
        use std::f64::consts::{PI, TAU};
        let distance = distance.max(spread);
        // Before any was seen: every order of magnitude alike, up to the size of the arena.
        let decades = (area.sqrt() / spread).max(std::f64::consts::E).ln();
        let any = 1.0 / (TAU * distance * distance * decades);
        let width = WIDTH * spread;
        let near = |length: &f64| {
            let z = (distance - length) / width;
            (-0.5 * z * z).exp()
        };
        let sum: f64 = self.lengths.iter().map(near).sum();
        let ring = sum / (width * (2.0 * PI).sqrt() * TAU * distance);
        (ring + any) / (self.lengths.len() as f64 + 1.0)
    }
}

/// `edge`: the distance from the edge, as a share of the arena's side.
fn zone(edge: f64) -> usize {
    ((edge / ZONE_SHARE) as usize).min(ZONES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_were_seen_are_likelier() {
        let mut jumps = Jumps::new();
        let before = jumps.density(90.0, 5.0, 1e6);
        for _ in 0..5 {
            jumps.add(Some(90.0), 0.01);
        }
        assert!(jumps.density(90.0, 5.0, 1e6) > 5.0 * before);
        assert!(jumps.density(60.0, 5.0, 1e6) < before);
    }

    #[test]
    fn jumps_are_likelier_where_they_happen() {
        let mut jumps = Jumps::new();
        for _ in 0..50 {
            jumps.add(Some(90.0), 0.01);
            jumps.add(None, 0.01);
            jumps.add(None, 0.4);
        }
        assert!(jumps.share(0.01) > 3.0 * jumps.share(0.4));
    }
}
