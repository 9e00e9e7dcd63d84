//! Names that people give tracks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text;

/// Tracks that have a name at the same time, at most.
pub const MAX_TRACK_NAMES: usize = 256;

/// Characters of such a name, at most.
pub const MAX_TRACK_NAME_CHARS: usize = 40;

/// Characters of a track that can have a name, at most.
const MAX_TRACK_CHARS: usize = 64;

/// How trackers name their tracks, before the number; as sleap-nn does.
const TRACK: &str = "track_";

/// Names that people gave tracks (`TRACK_NAMES`): as a message the ones that change, where an empty
/// name takes one away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackNames {
    /// The name of each track, by the track's own name in `PREDICTION`.
    pub names: BTreeMap<String, String>,
}

impl TrackNames {
    /// Takes changes over, and returns those that it took. Names come from people and peers: one that is
    /// too long, has characters without a glyph, belongs to another track, or looks like another
    /// track's own name changes nothing.
    pub fn change(&mut self, changes: &TrackNames) -> TrackNames {
        let mut taken = TrackNames::default();
        for (track, name) in &changes.names {
            let name = name.trim();
            let name = if name == track { "" } else { name };
            if self.change_one(track, name) {
                taken.names.insert(track.clone(), name.to_owned());
            }
        }
        taken
    }

    fn change_one(&mut self, track: &str, name: &str) -> bool {
        if name.is_empty() {
            return self.names.remove(track).is_some();
        }
        let is_known = self.names.contains_key(track);
        let is_room = is_known || self.names.len() < MAX_TRACK_NAMES;
        if !is_room || self.get(track) == Some(name) || !self.is_free(track, name) {
            return false;
        }
        self.names.insert(track.to_owned(), name.to_owned());
        true
    }

    fn is_free(&self, track: &str, name: &str) -> bool {
        let is_plain = |text: &str, most: usize| {
            text.chars().nth(most).is_none() && text::one_line(text) == text
        };
        let is_taken = self.names.contains_key(name)
            || self
                .names
                .iter()
                .any(|(of, given)| of != track && given == name);
        !is_taken
            && !track.is_empty()
            && track_number(name).is_none()
            && is_plain(track, MAX_TRACK_CHARS)
            && is_plain(name, MAX_TRACK_NAME_CHARS)
    }

    /// The name that a track was given.
    pub fn get(&self, track: &str) -> Option<&str> {
        self.names.get(track).map(String::as_str)
    }

    /// The names of these tracks; empty where none of them has one.
    pub fn of(&self, tracks: &[Option<String>]) -> Vec<Option<String>> {
        if self.names.is_empty() {
            return Vec::new();
        }
        let name = |track: &Option<String>| self.names.get(track.as_ref()?).cloned();
        let names: Vec<_> = tracks.iter().map(name).collect();
        match names.iter().any(Option::is_some) {
            true => names,
            false => Vec::new(),
        }
    }
}

/// What the track of the instance at `index` is called: by the name that it was given, else by its own. `given`: as
/// [`TrackNames::of`] has them.
pub fn track_called<'a>(
    tracks: &'a [Option<String>],
    given: &'a [Option<String>],
    index: usize,
) -> Option<&'a str> {
    let name = |names: &'a [Option<String>]| names.get(index)?.as_deref();
    name(given).or_else(|| name(tracks))
}

/// The own name of a tracker's track with this number.
pub fn track_name(number: u32) -> String {
    format!("{TRACK}{number}")
}

/// The number in a tracker's own name of a track; `None` for other names.
pub fn track_number(name: &str) -> Option<u32> {
    let number: u32 = name.strip_prefix(TRACK)?.parse().ok()?;
    // `track_007` and `track_+7` are names of people.
    (track_name(number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, &str)]) -> TrackNames {
        let owned = |(track, name): &(&str, &str)| ((*track).to_owned(), (*name).to_owned());
        TrackNames {
            names: pairs.iter().map(owned).collect(),
        }
    }

    #[test]
    fn names_are_given_changed_and_taken_away() {
        let mut names = TrackNames::default();
        let given = names.change(&changes(&[("track_0", " mouse A "), ("track_1", "B")]));
        assert_eq!(given, changes(&[("track_0", "mouse A"), ("track_1", "B")]));
        assert_eq!(names.get("track_0"), Some("mouse A"));
        let same = names.change(&changes(&[("track_1", "B")]));
        assert_eq!(same, TrackNames::default());
        // The track's own name is no name.
        let own = names.change(&changes(&[("track_1", "track_1")]));
        assert_eq!(own, changes(&[("track_1", "")]));
        assert_eq!(names.names.len(), 1);
        let tracks = [Some("track_1".to_owned()), None, Some("track_0".to_owned())];
        assert_eq!(names.of(&tracks), [None, None, Some("mouse A".to_owned())]);
        assert!(names.of(&tracks[..2]).is_empty());
    }

    #[test]
    fn names_that_mislead_are_left_out() {
        let mut names = TrackNames::default();
        names.change(&changes(&[("track_0", "A"), ("female", "Eve")]));
        let before = names.clone();
        for (track, name) in [
            ("track_1", "A"),
            ("track_1", "track_2"),
            ("track_1", "female"),
            ("track_1", "a\u{1b}[2J"),
            ("track_1", "a\u{202e}b"),
            ("track_1", &"x".repeat(MAX_TRACK_NAME_CHARS + 1)),
            ("", "B"),
            (&"t".repeat(65), "B"),
            ("track\n1", "B"),
        ] {
            let taken = names.change(&changes(&[(track, name)]));
            assert_eq!(taken, TrackNames::default(), "{track:?} {name:?}");
        }
        assert_eq!(names, before);
        assert!(
            !names
                .change(&changes(&[("track_1", "Mäuschen 🐭")]))
                .names
                .is_empty()
        );
    }

    #[test]
    fn their_number_is_bounded() {
        let mut names = TrackNames::default();
        let many = (0..1000).map(|n| (track_name(n), format!("mouse {n}")));
        let taken = names.change(&TrackNames {
            names: many.collect(),
        });
        assert_eq!(taken.names.len(), MAX_TRACK_NAMES);
        assert_eq!(names.names.len(), MAX_TRACK_NAMES);
    }

    #[test]
    fn a_trackers_own_names_have_numbers() {
        assert_eq!(track_number(&track_name(17)), Some(17));
        for name in [
            "track_",
            "track_+1",
            "track_01",
            "track_4294967296",
            "female",
        ] {
            assert_eq!(track_number(name), None, "{name}");
        }
    }
}
