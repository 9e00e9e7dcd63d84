//! Numbers and sizes that no animal has.

use tracking::{
    CandidatesMethod, ClassicOptions, Detection, MAX_DETECTIONS, Tracker, TrackerKind,
    TrackerOptions,
};

/// Every tracker, and `classic` with all that it has.
fn trackers() -> Vec<Tracker> {
    let kalman = TrackerOptions::Classic(ClassicOptions {
        use_kalman: true,
        tracking_target_instance_count: Some(3),
        tracking_pre_cull_to_target: true,
        tracking_pre_cull_iou_threshold: 0.3,
        candidates_method: CandidatesMethod::LocalQueues,
        ..ClassicOptions::default()
    });
    let all = TrackerKind::ALL
        .iter()
        .map(|kind| TrackerOptions::of(*kind));
    all.chain([kalman])
        .map(|options| Tracker::new(options).unwrap())
        .collect()
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    const VALUES: [f64; 9] = [
        0.0,
        -1.0,
        1e300,
        -1e300,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for mut tracker in trackers() {
        for frame in 0..60_u64 {
            let value = |index: u64| VALUES[((frame * 31 + index * 7) % 9) as usize];
            let detection = |index: u64| Detection {
                points: (0..index % 4)
                    .map(|node| [value(node), value(index + node)])
                    .collect(),
                point_scores: (0..index % 3).map(value).collect(),
                score: value(index),
            };
            let detections: Vec<_> = (0..frame % 7).map(detection).collect();
            assert_eq!(tracker.track(frame, &detections).len(), detections.len());
        }
    }
}

#[test]
fn frame_numbers_in_any_order_do_no_harm() {
    let one = [Detection {
        points: vec![[5.0, 5.0], [9.0, 9.0]],
        point_scores: vec![0.9, 0.9],
        score: 1.8,
    }];
    for mut tracker in trackers() {
        for frame in [
            0,
            1,
            2,
            3,
            4,
            4,
            3,
            u64::MAX,
            0,
            u64::MAX - 1,
            7,
            8,
            9,
            10,
            11,
            12,
            13,
        ] {
            assert_eq!(tracker.track(frame, &one).len(), 1);
        }
    }
}

#[test]
fn ten_thousand_instances_are_bounded() {
    let crowd: Vec<Detection> = (0..10_000)
        .map(|index| Detection {
            points: vec![[f64::from(index % 100) * 9.0, f64::from(index / 100) * 9.0]; 2],
            point_scores: vec![0.9; 2],
            score: f64::from(index),
        })
        .collect();
    for mut tracker in trackers() {
        for frame in 0..3 {
            let tracks = tracker.track(frame, &crowd);
            assert_eq!(tracks.len(), crowd.len());
            assert!(tracks.iter().flatten().count() <= MAX_DETECTIONS);
        }
    }
}
