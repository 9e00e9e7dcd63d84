//! Names that people gave tracks, once these have changed.

use std::collections::{HashMap, HashSet};

use labels::PredictionRecord;

/// Gives every track the name that most of its named instances had when they came: those of one animal may have
/// had several tracks then. A name goes to one track.
pub(crate) fn rename(records: &mut [PredictionRecord]) {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for record in records.iter() {
        let tracks = record.prediction.tracks.iter();
        for (track, name) in tracks.zip(&record.derived.names) {
            if let (Some(track), Some(name)) = (track, name) {
                *counts.entry((track, name)).or_default() += 1;
            }
        }
    }
    if counts.is_empty() {
        return;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut names: HashMap<String, String> = HashMap::new();
    let mut taken = HashSet::new();
    for ((track, name), _) in counts {
        if !names.contains_key(track) && taken.insert(name) {
            names.insert(track.to_owned(), name.to_owned());
        }
    }
    for record in records {
        let tracks = record.prediction.tracks.iter();
        let named: Vec<_> = tracks
            .map(|track| names.get(track.as_ref()?).cloned())
            .collect();
        let is_named = named.iter().any(Option::is_some);
        record.derived.names = if is_named { named } else { Vec::new() };
    }
}

#[cfg(test)]
mod tests {
    use protocol::{DerivedPoses, Prediction};

    use super::*;

    fn record(tracks: &[Option<&str>], names: &[Option<&str>]) -> PredictionRecord {
        let owned = |all: &[Option<&str>]| all.iter().map(|one| one.map(str::to_owned)).collect();
        PredictionRecord {
            prediction: Prediction {
                instances: vec![Vec::new(); tracks.len()],
                tracks: owned(tracks),
                ..Prediction::default()
            },
            derived: DerivedPoses {
                names: owned(names),
                ..DerivedPoses::default()
            },
            ..PredictionRecord::default()
        }
    }

    #[test]
    fn a_track_has_one_name_in_all_frames() {
        let (zero, one, a, b) = (Some("track_0"), Some("track_1"), Some("A"), Some("B"));
        let mut records = [
            record(&[zero, one, None], &[]),
            record(&[zero, one], &[a, None]),
            record(&[one, zero], &[None, b]),
            record(&[zero], &[a]),
            record(&[one], &[a]),
        ];
        rename(&mut records);
        let expected = [
            record(&[zero, one, None], &[a, None, None]),
            record(&[zero, one], &[a, None]),
            record(&[one, zero], &[None, a]),
            record(&[zero], &[a]),
            record(&[one], &[]),
        ];
        assert_eq!(records, expected);
    }
}
