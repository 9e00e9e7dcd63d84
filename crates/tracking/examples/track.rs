//! Tracks the detections of a scene.
//!
//! `track SCENE.json NAME…` reads a scene (`frames`, each a list of detections with `points` and
//! `scores`; `n_animals`) and prints `{"NAME": [[track or null, …], …], …}`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tracking::{
    AnimalsOptions, CandidatesMethod, ClassicOptions, Detection, Features, KalmanFeatures,
    KalmanOptions, MatchingMethod, ScoringMethod, Tracker, TrackerKind, TrackerOptions,
};

#[derive(Deserialize)]
struct Scene {
    n_animals: u32,
    frames: Vec<Vec<SceneDetection>>,
}

#[derive(Deserialize)]
struct SceneDetection {
    points: Vec<[Option<f64>; 2]>,
    scores: Vec<f64>,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let path = args.next().context("usage: track SCENE.json NAME…")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let scene: Scene =
        serde_json::from_str(&text).with_context(|| format!("{path} is no scene"))?;
    let frames: Vec<Vec<Detection>> = scene
        .frames
        .iter()
        .map(|frame| frame.iter().map(detection).collect())
        .collect();
    let mut results = BTreeMap::new();
    for name in args {
        let mut tracker = Tracker::new(options(&name, scene.n_animals)?)?;
        let tracks: Vec<Vec<Option<u32>>> = (0..)
            .zip(&frames)
            .map(|(index, frame)| {
                let assigned = tracker.track(index, frame);
                assigned
                    .into_iter()
                    .map(|one| one.map(|one| one.track))
                    .collect()
            })
            .collect();
        results.insert(name, tracks);
    }
    println!("{}", serde_json::to_string(&results)?);
    Ok(())
}

fn detection(found: &SceneDetection) -> Detection {
    let point = |[x, y]: &[Option<f64>; 2]| [x.unwrap_or(f64::NAN), y.unwrap_or(f64::NAN)];
    Detection {
        points: found.points.iter().map(point).collect(),
        score: found.scores.iter().sum(),
        point_scores: found.scores.clone(),
    }
}

fn options(name: &str, animals: u32) -> Result<TrackerOptions> {
    let classic = ClassicOptions::default();
    let queues = ClassicOptions {
        candidates_method: CandidatesMethod::LocalQueues,
        ..ClassicOptions::default()
    };
    Ok(match name {
        "animals" => TrackerOptions::Animals(AnimalsOptions {
            max_tracks: Some(animals),
        }),
        "animals_unknown" => TrackerOptions::of(TrackerKind::Animals),
        "classic" => TrackerOptions::Classic(classic),
        "classic_local_queues" => TrackerOptions::Classic(queues),
        "classic_local_queues_max_tracks" => TrackerOptions::Classic(ClassicOptions {
            max_tracks: Some(animals),
            ..queues
        }),
        "classic_iou_bboxes_greedy" => TrackerOptions::Classic(ClassicOptions {
            features: Features::Bboxes,
            scoring_method: ScoringMethod::Iou,
            track_matching_method: MatchingMethod::Greedy,
            ..classic
        }),
        "classic_centroids_euclidean" => TrackerOptions::Classic(ClassicOptions {
            features: Features::Centroids,
            scoring_method: ScoringMethod::EuclideanDist,
            ..classic
        }),
        "classic_kalman" => TrackerOptions::Classic(ClassicOptions {
            use_kalman: true,
            tracking_target_instance_count: Some(animals as usize),
            max_tracks: Some(animals),
            ..queues
        }),
        "classic_kalman_keypoints" => TrackerOptions::Classic(ClassicOptions {
            use_kalman: true,
            kalman: KalmanOptions {
                track_features: KalmanFeatures::Keypoints,
                ..KalmanOptions::default()
            },
            tracking_target_instance_count: Some(animals as usize),
            max_tracks: Some(animals),
            ..queues
        }),
        "sort" => TrackerOptions::of(TrackerKind::Sort),
        "bytetrack" => TrackerOptions::of(TrackerKind::ByteTrack),
        "ocsort" => TrackerOptions::of(TrackerKind::OcSort),
        _ => bail!("{name} is no tracker of this example"),
    })
}
