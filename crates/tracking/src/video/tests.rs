use super::*;
use crate::options::TrackerKind;
use crate::tracker::Tracker;

/// Frames with what a tracker gave them.
struct Recorded(Vec<VideoFrame>);

impl VideoFrames for Recorded {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn frame(&self, index: usize) -> VideoFrame {
        self.0[index].clone()
    }
}

fn at(x: f64, score: f64) -> Detection {
    Detection {
        points: vec![[x, 10.0], [x + 20.0, 30.0]],
        point_scores: vec![score; 2],
        score: 2.0 * score,
    }
}

fn given(track: Option<u32>) -> Option<TrackAssignment> {
    track.map(|track| TrackAssignment { track, score: 0.5 })
}

/// Where, score, track.
type Found = (f64, f64, Option<u32>);

fn video(frames: &[&[Found]]) -> Recorded {
    let frame = |(index, found): (u64, &&[Found])| VideoFrame {
        frame: index,
        detections: found.iter().map(|(x, score, _)| at(*x, *score)).collect(),
        tracks: found.iter().map(|(_, _, track)| given(*track)).collect(),
    };
    Recorded((0..).zip(frames).map(frame).collect())
}

/// -1: no track; `None`: removed.
fn finals(options: ClassicOptions, video: &Recorded) -> Vec<Vec<Option<i64>>> {
    let all = final_tracks(&TrackerOptions::Classic(options), video).unwrap();
    let one = |instance: FinalInstance| match instance {
        FinalInstance::Kept(found) => Some(found.map_or(-1, |found| i64::from(found.track))),
        FinalInstance::Removed => None,
    };
    let frames = all.expect("it looks back").into_iter();
    frames
        .map(|frame| frame.into_iter().map(one).collect())
        .collect()
}

fn connecting() -> ClassicOptions {
    ClassicOptions {
        tracking_target_instance_count: Some(2),
        post_connect_single_breaks: true,
        ..ClassicOptions::default()
    }
}

#[test]
fn trackers_without_anything_to_do_at_the_end_change_nothing() {
    let video = video(&[&[(1.0, 0.9, Some(0))]]);
    for kind in [TrackerKind::Animals, TrackerKind::Classic] {
        let options = TrackerOptions::of(kind);
        assert!(!options.looks_back());
        assert_eq!(final_tracks(&options, &video).unwrap(), None);
    }
    assert!(TrackerOptions::of(TrackerKind::Sort).looks_back());
    assert!(!TrackerOptions::of(TrackerKind::Sort).needs_whole_video());
    assert!(TrackerOptions::Classic(connecting()).needs_whole_video());
}

#[test]
fn a_track_that_begins_where_one_is_missing_is_that_one() {
    let both: &[_] = &[(0.0, 0.9, Some(0)), (100.0, 0.9, Some(1))];
    let broken: &[_] = &[(0.0, 0.9, Some(0)), (100.0, 0.9, Some(2))];
    let video = video(&[both, broken, broken, both]);
    let connected = finals(connecting(), &video);
    assert_eq!(connected, vec![vec![Some(0), Some(1)]; 4]);
}

#[test]
fn breaks_of_two_tracks_at_once_stay() {
    let both: &[_] = &[(0.0, 0.9, Some(0)), (100.0, 0.9, Some(1))];
    let broken: &[_] = &[(0.0, 0.9, Some(2)), (100.0, 0.9, Some(3))];
    let connected = finals(connecting(), &video(&[both, broken]));
    assert_eq!(connected[1], [Some(2), Some(3)]);
}

#[test]
fn cleaning_removes_the_least_certain_and_those_without_a_track() {
    let options = ClassicOptions {
        tracking_clean_instance_count: 2,
        ..ClassicOptions::default()
    };
    let frame: &[_] = &[
        (0.0, 0.2, Some(0)),
        (100.0, 0.9, Some(1)),
        (200.0, 0.8, Some(2)),
        (300.0, 0.99, None),
    ];
    let cleaned = finals(options, &video(&[frame]));
    assert_eq!(cleaned, [vec![None, Some(1), Some(2), None]]);
}

#[test]
fn with_the_whole_video_tracks_of_boxes_begin_with_their_first_detection() {
    let frames = (0..12u64).map(|frame| VideoFrame {
        frame,
        detections: vec![at(3.0 * frame as f64, 0.3), at(200.0, 0.3)],
        tracks: Vec::new(),
    });
    let video = Recorded(frames.collect());
    for kind in [
        TrackerKind::Sort,
        TrackerKind::ByteTrack,
        TrackerKind::OcSort,
    ] {
        let options = TrackerOptions::of(kind);
        let mut live = Tracker::new(options.clone()).unwrap();
        let first = live.track(0, &video.frame(0).detections);
        assert_eq!(
            first,
            [None, None],
            "{kind}: live, the first frame has none"
        );
        let all = final_tracks(&options, &video).unwrap().unwrap();
        for frame in &all {
            let numbers: Vec<_> = frame
                .iter()
                .map(|one| match one {
                    FinalInstance::Kept(Some(found)) => Some(found.track),
                    _ => None,
                })
                .collect();
            assert_eq!(numbers, [Some(0), Some(1)], "{kind}");
        }
    }
}

#[test]
fn a_video_without_frames_has_no_tracks() {
    let none = Recorded(Vec::new());
    let all = final_tracks(&TrackerOptions::of(TrackerKind::ByteTrack), &none).unwrap();
    assert_eq!(all, Some(Vec::new()));
    assert!(finals(connecting(), &none).is_empty());
}
