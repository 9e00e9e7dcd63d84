//! How many tracks there are.

use std::collections::{HashMap, HashSet};

use protocol::Prediction;

/// Predictions without a track after which it counts as lost: a second of most cameras.
const LOST_AFTER: u64 = 30;

/// Tracks that are remembered as begun; one beyond them that is found again begins again.
const MAX_KNOWN: usize = 65_536;

/// Tracks of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackCounts {
    /// Those that an instance had within the last 30 predictions.
    pub alive: u64,
    /// Those that began.
    pub begun: u64,
    /// How often one was lost: no instance had it in 30 predictions. It may be found again.
    pub lost: u64,
}

/// Counts the tracks of a stream.
#[derive(Debug, Default)]
pub struct TrackCensus {
    predictions: u64,
    /// When each track was seen last.
    alive: HashMap<String, u64>,
    known: HashSet<String>,
    begun: u64,
    lost: u64,
}

impl TrackCensus {
    /// Counts the tracks of a prediction.
    pub fn add(&mut self, prediction: &Prediction) {
        self.predictions += 1;
        for track in prediction.tracks.iter().flatten() {
            if let Some(seen) = self.alive.get_mut(track) {
                *seen = self.predictions;
                continue;
            }
            self.alive.insert(track.clone(), self.predictions);
            if self.known.contains(track) {
                continue;
            }
            self.begun += 1;
            if self.known.len() < MAX_KNOWN {
                self.known.insert(track.clone());
            }
        }
        let (now, before) = (self.predictions, self.alive.len());
        self.alive.retain(|_, seen| now - *seen < LOST_AFTER);
        self.lost += (before - self.alive.len()) as u64;
    }

    /// The counts so far.
    pub fn counts(&self) -> TrackCounts {
        TrackCounts {
            alive: self.alive.len() as u64,
            begun: self.begun,
            lost: self.lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(names: &[&str]) -> Prediction {
        Prediction {
            tracks: names.iter().map(|name| Some((*name).to_owned())).collect(),
            ..Prediction::default()
        }
    }

    fn counts(alive: u64, begun: u64, lost: u64) -> TrackCounts {
        TrackCounts { alive, begun, lost }
    }

    #[test]
    fn a_track_is_lost_after_a_while_and_may_be_found_again() {
        let mut census = TrackCensus::default();
        census.add(&seen(&["track_0", "track_1"]));
        assert_eq!(census.counts(), counts(2, 2, 0));
        for _ in 1..LOST_AFTER {
            census.add(&seen(&["track_0"]));
        }
        assert_eq!(census.counts(), counts(2, 2, 0));
        census.add(&seen(&["track_0"]));
        assert_eq!(census.counts(), counts(1, 2, 1));
        census.add(&seen(&["track_1"]));
        assert_eq!(census.counts(), counts(2, 2, 1));
    }
}
