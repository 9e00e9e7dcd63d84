//! The numbers of tracks that a stream has had.

use protocol::{Prediction, track_number};

/// The number after the largest one of a stream's tracks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackNumbers(u32);

impl TrackNumbers {
    /// Numbers below `next` are in use.
    pub fn new(next: u32) -> Self {
        Self(next)
    }

    /// Notes the tracks of a prediction.
    pub fn add(&mut self, prediction: &Prediction) {
        let names = prediction.tracks.iter().flatten();
        let largest = names.filter_map(|name| track_number(name)).max();
        if let Some(largest) = largest {
            self.0 = self.0.max(largest.saturating_add(1));
        }
    }

    /// The next number that is free.
    pub fn next(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_is_after_the_largest() {
        let mut numbers = TrackNumbers::default();
        assert_eq!(numbers.next(), 0);
        let named = |names: &[&str]| Prediction {
            tracks: names.iter().map(|name| Some((*name).to_owned())).collect(),
            ..Prediction::default()
        };
        numbers.add(&named(&["track_7", "female", "track_2"]));
        assert_eq!(numbers.next(), 8);
        numbers.add(&named(&["track_1"]));
        assert_eq!(numbers.next(), 8);
        numbers.add(&named(&["track_4294967295"]));
        assert_eq!(numbers.next(), u32::MAX);
    }
}
