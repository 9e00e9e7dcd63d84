//! Tracks that end where another one begins.

use std::collections::{BTreeSet, HashMap};

use super::FinalInstance;

/// Joins tracks: where one is missing and another one is new, the new one is the missing one.
pub(super) fn connect_single_breaks(frames: &mut [Vec<FinalInstance>]) {
    let mut joined: HashMap<u32, u32> = HashMap::new();
    let Some(first) = frames.first() else { return };
    let mut expected = tracks_of(first);
    for frame in frames {
        let mut present = tracks_of(frame);
        if present.iter().any(|track| joined.contains_key(track)) {
            rename_joined(frame, &joined, &mut present);
        }
        let new: Vec<u32> = present.difference(&expected).copied().collect();
        let missing: Vec<u32> = expected.difference(&present).copied().collect();
        if let ([new], [missing]) = (&new[..], &missing[..]) {
            joined.insert(*new, *missing);
            rename(frame, *new, *missing);
        } else if present.len() >= expected.len() {
            expected = present;
        }
    }
}

/// Gives instances of joined tracks the track that theirs was joined to, where the frame has not got it.
fn rename_joined(
    frame: &mut [FinalInstance],
    joined: &HashMap<u32, u32>,
    present: &mut BTreeSet<u32>,
) {
    for index in 0..frame.len() {
        let FinalInstance::Kept(Some(found)) = &mut frame[index] else {
            continue;
        };
        if let Some(target) = joined.get(&found.track)
            && !present.contains(target)
        {
            found.track = *target;
            *present = tracks_of(frame);
        }
    }
}

fn rename(frame: &mut [FinalInstance], from: u32, to: u32) {
    for instance in frame {
        if let FinalInstance::Kept(Some(found)) = instance
            && found.track == from
        {
            found.track = to;
            return;
        }
    }
}

fn tracks_of(frame: &[FinalInstance]) -> BTreeSet<u32> {
    let track = |instance: &FinalInstance| match instance {
        FinalInstance::Kept(Some(found)) => Some(found.track),
        _ => None,
    };
    frame.iter().filter_map(track).collect()
}
