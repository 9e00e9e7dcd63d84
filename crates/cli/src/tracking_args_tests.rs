use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    tracking: TrackingArgs,
}

fn options(line: &str) -> Result<Option<TrackerOptions>, TrackingArgsError> {
    let words = std::iter::once("program").chain(line.split_whitespace());
    Line::try_parse_from(words)
        .expect("a command line")
        .tracking
        .options()
}

#[test]
fn no_tracker_is_the_usual() {
    assert_eq!(options("").unwrap(), None);
    let animals = TrackerOptions::of(TrackerKind::Animals);
    assert_eq!(options("-t").unwrap(), Some(animals));
}

#[test]
fn options_are_sleap_nns() {
    let line = "-t --tracker classic --candidates-method local_queues --features bboxes \
        --scoring-method iou --max-tracks 3 --track-matching-method greedy";
    let Some(TrackerOptions::Classic(classic)) = options(line).unwrap() else {
        panic!("not classic");
    };
    assert_eq!(classic.candidates_method, CandidatesMethod::LocalQueues);
    assert_eq!(classic.features, Features::Bboxes);
    assert_eq!(classic.scoring_method, ScoringMethod::Iou);
    assert_eq!(classic.track_matching_method, MatchingMethod::Greedy);
    assert_eq!(classic.max_tracks, Some(3));
    assert!(classic.features_explicit && classic.scoring_method_explicit);
    let Some(TrackerOptions::Classic(usual)) = options("-t --tracker classic").unwrap() else {
        panic!("not classic");
    };
    assert!(!usual.features_explicit && !usual.scoring_method_explicit);
}

#[test]
fn trackers_of_boxes_have_a_number_of_animals_and_join_tracks() {
    for (line, expected) in [
        ("", (None, false)),
        ("--max-tracks 3", (Some(3), false)),
        ("--link-tracklets", (None, true)),
    ] {
        for tracker in ["sort", "bytetrack", "ocsort"] {
            let found = options(&format!("-t --tracker {tracker} {line}")).unwrap();
            let Some(TrackerOptions::Mot(boxes)) = found else {
                panic!("no boxes");
            };
            assert_eq!((boxes.max_tracks, boxes.link_tracklets), expected, "{line}");
        }
    }
}

#[test]
fn a_number_says_whether_detections_are_left_out_as_for_sleap_nn() {
    for (number, expected) in [("0", false), ("1", true)] {
        let line = format!(
            "-t --tracker classic --tracking-target-instance-count 2 --tracking-pre-cull-to-target {number}"
        );
        let Some(TrackerOptions::Classic(classic)) = options(&line).unwrap() else {
            panic!("not classic");
        };
        assert_eq!(classic.tracking_pre_cull_to_target, expected);
    }
}

#[test]
fn filters_have_sleap_nns_options() {
    let line = "-t --tracker classic --use-kalman --max-tracks 2 --kf-track-features keypoints \
        --kf-init-frame-count 12 --kf-node-indices 0,2 --kf-reset-gap-size 7 --oks-stddev 0.2";
    let Some(TrackerOptions::Classic(classic)) = options(line).unwrap() else {
        panic!("classic")
    };
    assert_eq!(classic.oks_stddev, Some(0.2));
    assert_eq!(classic.kalman.init_frame_count, 12);
    assert_eq!(classic.kalman.node_indices, Some(vec![0, 2]));
    assert_eq!(classic.kalman.reset_gap_size, 7);
    for words in [
        &["program", "-t", "--kf-init-frame-count", "12"][..],
        &[
            "program",
            "-t",
            "--tracker",
            "classic",
            "--use-kalman",
            "--kf-node-indices",
            "a",
        ],
    ] {
        assert!(Line::try_parse_from(words).is_err(), "{words:?}");
    }
}

#[test]
fn flow_and_cleaning_have_sleap_nns_options() {
    let line = "-t --tracker classic --use-flow --of-img-scale 0.5 --of-window-size 15 \
        --of-max-levels 2 --tracking-clean-instance-count 2 --tracking-clean-iou-threshold 0.4 \
        --tracking-target-instance-count 2 --post-connect-single-breaks";
    let Some(TrackerOptions::Classic(classic)) = options(line).unwrap() else {
        panic!("classic")
    };
    assert!(classic.use_flow && classic.post_connect_single_breaks && classic.looks_back());
    let flow = (classic.flow.img_scale, classic.flow.window_size);
    assert_eq!((flow, classic.flow.max_levels), ((0.5, 15), 2));
    assert_eq!(classic.tracking_clean_instance_count, 2);
    assert_eq!(classic.tracking_clean_iou_threshold, 0.4);
    for (line, words) in [
        ("-t --use-flow", "--use-flow is not for --tracker animals"),
        (
            "-t --tracker sort --tracking-clean-instance-count 2",
            "--tracking-clean-instance-count is not for --tracker sort",
        ),
        (
            "-t --tracker classic --use-flow --use-kalman --max-tracks 2",
            "give one of them",
        ),
        (
            "-t --tracker classic --use-flow --of-window-size 2",
            "of_window_size is 2; it has to be from 3 to 255",
        ),
    ] {
        let error = options(line).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for line in ["-t --of-img-scale 0.5", "-t --post-connect-single-breaks"] {
        let words = std::iter::once("program").chain(line.split_whitespace());
        assert!(Line::try_parse_from(words).is_err(), "{line}");
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    assert!(options("-t --tracker classic --scoring-method iou").is_err());
    assert!(options("-t --tracker classic --use-kalman").is_err());
    assert!(options("-t --max-tracks 0").is_err());
    assert!(options("-t --tracker sort --max-tracks 0").is_err());
    for (line, words) in [
        (
            "-t --scoring-method oks",
            "--scoring-method is not for --tracker animals",
        ),
        (
            "-t --tracker classic --link-tracklets",
            "--tracker sort, bytetrack or ocsort has it",
        ),
    ] {
        let error = options(line).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let words = ["program", "--tracker", "sort"];
    assert!(
        Line::try_parse_from(words).is_err(),
        "--tracker without --tracking"
    );
}
