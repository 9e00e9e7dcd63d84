//! What holds for every tracker and all detections.

use std::collections::HashSet;

use proptest::prelude::*;
use tracking::{Detection, Tracker, TrackerKind, TrackerOptions};

use super::scene::{numbers, scenes};

/// Points anywhere, and some that are none.
fn point() -> impl Strategy<Value = [f64; 2]> {
    prop_oneof![
        20 => (-50.0..500.0, -50.0..500.0).prop_map(|(x, y)| [x, y]),
        2 => Just([f64::NAN, f64::NAN]),
        1 => (any::<f64>(), any::<f64>()).prop_map(|(x, y)| [x, y]),
    ]
}

fn detection() -> impl Strategy<Value = Detection> {
    let nodes = proptest::collection::vec((point(), 0.0..1.0), 0..4);
    (nodes, any::<f64>()).prop_map(|(nodes, score)| {
        let (points, point_scores) = nodes.into_iter().unzip();
        Detection {
            points,
            point_scores,
            score,
        }
    })
}

fn frames() -> impl Strategy<Value = Vec<Vec<Detection>>> {
    proptest::collection::vec(proptest::collection::vec(detection(), 0..6), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_track_is_given_twice_in_a_frame(frames in frames(), gap in 1_u64..4) {
        for kind in TrackerKind::ALL {
            let mut tracker = Tracker::new(TrackerOptions::of(*kind)).unwrap();
            for (index, frame) in (0..).zip(&frames) {
                let tracks = numbers(&tracker.track(index * gap, frame));
                prop_assert_eq!(tracks.len(), frame.len());
                let given: Vec<u32> = tracks.into_iter().flatten().collect();
                let different: HashSet<u32> = given.iter().copied().collect();
                prop_assert_eq!(different.len(), given.len(), "{}: {:?}", kind, given);
            }
        }
    }
}

/// Which detections of all frames have a track in common.
fn same_track(
    tracks: &[Vec<Option<u32>>],
    order: impl Fn(usize, usize) -> usize,
) -> Vec<Vec<Option<u32>>> {
    let mut names = std::collections::BTreeMap::new();
    let mut named = Vec::new();
    for (frame, tracks) in tracks.iter().enumerate() {
        let in_order = (0..tracks.len()).map(|index| tracks[order(frame, index)]);
        let name = |track: Option<u32>| {
            let next = names.len() as u32;
            track.map(|track| *names.entry(track).or_insert(next))
        };
        named.push(in_order.map(name).collect());
    }
    named
}

#[test]
fn detections_in_another_order_have_the_same_tracks() {
    for scene in scenes() {
        if scene.frames[0][0].points.len() < 3 {
            // Poses of one visible node have no extent: their similarities are 0, and ties.
            continue;
        }
        for kind in TrackerKind::ALL {
            let backwards: Vec<Vec<Detection>> = scene
                .frames
                .iter()
                .map(|frame| frame.iter().rev().cloned().collect())
                .collect();
            let mut tracker = Tracker::new(TrackerOptions::of(*kind)).unwrap();
            let found: Vec<_> = (0..)
                .zip(&backwards)
                .map(|(index, frame)| numbers(&tracker.track(index, frame)))
                .collect();
            let expected = scene.tracks(TrackerOptions::of(*kind));
            let turned = same_track(&found, |frame, index| found[frame].len() - 1 - index);
            assert_eq!(
                turned,
                same_track(&expected, |_, index| index),
                "{} {kind}",
                scene.name
            );
        }
    }
}
