//! The same track number for every detection as sleap-nn's trackers give frame by frame.

use tracking::{
    CandidatesMethod, ClassicOptions, Features, KalmanFeatures, KalmanOptions, MatchingMethod,
    ScoringMethod, ScoringReduction, TrackerKind, TrackerOptions,
};

use super::scene::scenes;

/// The options of a name in the scenes.
fn options(name: &str, animals: u32) -> TrackerOptions {
    let classic = ClassicOptions::default();
    let queues = ClassicOptions {
        candidates_method: CandidatesMethod::LocalQueues,
        ..ClassicOptions::default()
    };
    let count = Some(animals as usize);
    let kalman = ClassicOptions {
        use_kalman: true,
        tracking_target_instance_count: count,
        max_tracks: Some(animals),
        ..queues.clone()
    };
    TrackerOptions::Classic(match name {
        "classic" => classic,
        "classic_local_queues" => queues,
        "classic_local_queues_max_tracks" => ClassicOptions {
            max_tracks: Some(animals),
            ..queues
        },
        "classic_iou_bboxes_greedy" => ClassicOptions {
            features: Features::Bboxes,
            scoring_method: ScoringMethod::Iou,
            track_matching_method: MatchingMethod::Greedy,
            ..classic
        },
        "classic_centroids_euclidean" => ClassicOptions {
            features: Features::Centroids,
            scoring_method: ScoringMethod::EuclideanDist,
            ..classic
        },
        "classic_kalman" => kalman,
        "classic_kalman_keypoints" => ClassicOptions {
            kalman: KalmanOptions {
                track_features: KalmanFeatures::Keypoints,
                ..KalmanOptions::default()
            },
            ..kalman
        },
        "classic_culled_max" => ClassicOptions {
            features: Features::Bboxes,
            scoring_method: ScoringMethod::Iou,
            scoring_reduction: ScoringReduction::Max,
            window_size: 8,
            min_match_points: 1,
            tracking_target_instance_count: count,
            tracking_pre_cull_to_target: true,
            tracking_pre_cull_iou_threshold: 0.5,
            ..classic
        },
        "classic_quantile_cosine" => ClassicOptions {
            features: Features::Bboxes,
            scoring_method: ScoringMethod::CosineSim,
            scoring_reduction: ScoringReduction::RobustQuantile,
            robust_best_instance: 0.7,
            ..queues
        },
        other => {
            let kind: TrackerKind = other.parse().expect("a tracker");
            return TrackerOptions::of(kind);
        }
    })
}

#[test]
fn every_assignment_is_that_of_sleap_nn() {
    let mut faults = Vec::new();
    let mut compared = 0;
    for scene in scenes() {
        for (name, expected) in &scene.trackers {
            let found = scene.tracks(options(name, scene.n_animals));
            compared += expected.iter().flatten().count();
            let differ = |(found, expected): &(_, _)| found != expected;
            let different = found.iter().flatten().zip(expected.iter().flatten());
            let count = different.filter(differ).count();
            let first = found
                .iter()
                .zip(expected)
                .position(|(found, expected)| found != expected);
            if let Some(frame) = first {
                faults.push(format!(
                    "{} {name}: {count}, first in frame {frame}",
                    scene.name
                ));
            }
            assert_eq!(found.len(), expected.len());
        }
    }
    assert!(
        compared > 15_000,
        "only {compared} assignments were compared"
    );
    assert!(faults.is_empty(), "{faults:#?}");
}
