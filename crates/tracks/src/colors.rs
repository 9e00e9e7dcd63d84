//! Which colour a track has.

use std::collections::HashMap;

use protocol::{track_called, track_number};

/// Names that are no numbered tracks and have a colour of their own; further ones share it.
const MAX_NAMES: usize = 256;

/// The colours of tracks, as numbers: the palette repeats after twelve.
#[derive(Debug, Default)]
pub struct TrackColors(HashMap<String, usize>);

impl TrackColors {
    /// The colour of this track: its number; identities of a model are numbered as they come.
    pub fn of(&mut self, track: &str) -> usize {
        if let Some(number) = track_number(track) {
            return number as usize;
        }
        let next = self.0.len();
        match self.0.get(track) {
            Some(color) => *color,
            None if next == MAX_NAMES => next,
            None => *self.0.entry(track.to_owned()).or_insert(next),
        }
    }

    /// Colour and name of each instance's track. `given`: the names that tracks were given, empty where there are
    /// none.
    pub fn marks(
        &mut self,
        tracks: &[Option<String>],
        given: &[Option<String>],
    ) -> Vec<Option<(usize, String)>> {
        let mark = |(index, track): (usize, &Option<String>)| {
            let color = self.of(track.as_ref()?);
            let name = track_called(tracks, given, index)?;
            Some((color, name.to_owned()))
        };
        tracks.iter().enumerate().map(mark).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_keeps_its_colour() {
        let mut colors = TrackColors::default();
        assert_eq!(colors.of("track_7"), 7);
        let named = ["female", "male", "female", "track_1"].map(|name| colors.of(name));
        assert_eq!(named, [0, 1, 0, 1]);
        for name in 0..2 * MAX_NAMES {
            colors.of(&format!("name {name}"));
        }
        assert_eq!(colors.0.len(), MAX_NAMES);
        assert_eq!(colors.of("male"), 1);
    }
}
