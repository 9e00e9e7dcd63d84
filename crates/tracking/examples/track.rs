//! Tracks the detections of a scene.
//!
//! `track SCENE.json NAME…` reads a scene (`frames`, each a list of detections with `points` and
//! `scores`; `n_animals`) and prints `{"NAME": [[track or null, …], …], …}`.
//!
//! `NAME_video`: the tracks once all frames are there; an instance that is left out is -1. Trackers that look at
//! pictures need `pictures` in the scene: `file` (the pixels of all frames, one after the other), `width`,
//! `height` and `channels`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tracking::{
    AnimalsOptions, Assignments, CandidatesMethod, ClassicOptions, Detection, Features,
    FinalInstance, FramePicture, KalmanFeatures, KalmanOptions, MatchingMethod, MotOptions,
    ScoringMethod, Tracker, TrackerKind, TrackerOptions, VideoFrame, VideoFrames, final_tracks,
    flow,
};

#[derive(Deserialize)]
struct Scene {
    n_animals: u32,
    frames: Vec<Vec<SceneDetection>>,
    pictures: Option<ScenePictures>,
}

#[derive(Deserialize)]
struct ScenePictures {
    file: String,
    width: u32,
    height: u32,
    channels: u8,
}

impl ScenePictures {
    fn bytes(&self) -> usize {
        (self.width * self.height * u32::from(self.channels)) as usize
    }
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
    let pixels = match &scene.pictures {
        Some(pictures) => std::fs::read(&pictures.file)
            .with_context(|| format!("cannot read {}", pictures.file))?,
        None => Vec::new(),
    };
    let mut results = BTreeMap::new();
    for name in args {
        let live = name.strip_suffix("_video").unwrap_or(&name);
        let options = options(live, scene.n_animals)?;
        let tracks = track(&options, &frames, &scene, &pixels)?;
        let numbers = match name.ends_with("_video") {
            false => numbers(&tracks),
            true => final_numbers(
                &options,
                Video {
                    frames: &frames,
                    tracks,
                },
            )?,
        };
        results.insert(name, numbers);
    }
    println!("{}", serde_json::to_string(&results)?);
    Ok(())
}

/// Frame by frame.
fn track(
    options: &TrackerOptions,
    frames: &[Vec<Detection>],
    scene: &Scene,
    pixels: &[u8],
) -> Result<Vec<Assignments>> {
    let mut tracker = Tracker::new(options.clone())?;
    let mut all = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let seen = match (&scene.pictures, options.flow()) {
            (Some(pictures), Some(flow)) => {
                let bytes = pictures.bytes();
                let pixels = &pixels[index * bytes..(index + 1) * bytes];
                let (width, height) = (pictures.width, pictures.height);
                let picture = flow::Picture::new(width, height, pictures.channels, pixels)?;
                Some(FramePicture::new(flow::Pyramid::new(&picture, flow)))
            }
            _ => None,
        };
        all.push(tracker.track_seen(index as u64, frame, seen));
    }
    Ok(all)
}

fn numbers(tracks: &[Assignments]) -> Vec<Vec<Option<i64>>> {
    let number = |frame: &Assignments| {
        let one = frame.iter().map(|one| one.map(|one| i64::from(one.track)));
        one.collect()
    };
    tracks.iter().map(number).collect()
}

struct Video<'a> {
    frames: &'a [Vec<Detection>],
    tracks: Vec<Assignments>,
}

impl VideoFrames for Video<'_> {
    fn count(&self) -> usize {
        self.frames.len()
    }

    fn frame(&self, index: usize) -> VideoFrame {
        VideoFrame {
            frame: index as u64,
            detections: self.frames[index].clone(),
            tracks: self.tracks[index].clone(),
        }
    }
}

/// Once all frames are there.
fn final_numbers(options: &TrackerOptions, video: Video<'_>) -> Result<Vec<Vec<Option<i64>>>> {
    let Some(all) = final_tracks(options, &video)? else {
        let mut all = numbers(&video.tracks);
        if options.leaves_out_untracked() {
            let untracked = all.iter_mut().flatten().filter(|one| one.is_none());
            untracked.for_each(|one| *one = Some(-1));
        }
        return Ok(all);
    };
    let number = |one: FinalInstance| match one {
        FinalInstance::Kept(found) => found.map(|found| i64::from(found.track)),
        FinalInstance::Removed => Some(-1),
    };
    let frames = all.into_iter();
    Ok(frames
        .map(|frame| frame.into_iter().map(number).collect())
        .collect())
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
        _ => return later_options(name, animals),
    })
}

/// Trackers that look at pictures, and those with something to do at the end.
fn later_options(name: &str, animals: u32) -> Result<TrackerOptions> {
    let classic = ClassicOptions::default();
    let queues = ClassicOptions {
        candidates_method: CandidatesMethod::LocalQueues,
        ..ClassicOptions::default()
    };
    Ok(match name {
        "classic_flow" => TrackerOptions::Classic(ClassicOptions {
            use_flow: true,
            ..classic
        }),
        "classic_flow_local_queues" => TrackerOptions::Classic(ClassicOptions {
            use_flow: true,
            max_tracks: Some(animals),
            ..queues
        }),
        "classic_flow_centroids" => TrackerOptions::Classic(ClassicOptions {
            use_flow: true,
            flow: flow::FlowOptions {
                img_scale: 0.5,
                window_size: 15,
                max_levels: 2,
            },
            features: Features::Centroids,
            scoring_method: ScoringMethod::EuclideanDist,
            ..queues
        }),
        "classic_unset" => TrackerOptions::Classic(ClassicOptions {
            features_explicit: false,
            scoring_method_explicit: false,
            ..classic
        }),
        "classic_culled" => TrackerOptions::Classic(ClassicOptions {
            tracking_target_instance_count: Some(animals as usize),
            tracking_pre_cull_to_target: true,
            ..classic
        }),
        "classic_culled_overlap" => TrackerOptions::Classic(ClassicOptions {
            tracking_target_instance_count: Some(animals as usize),
            tracking_pre_cull_to_target: true,
            tracking_pre_cull_iou_threshold: 0.3,
            ..queues
        }),
        "classic_cleaned" => TrackerOptions::Classic(ClassicOptions {
            tracking_clean_instance_count: animals as usize,
            tracking_clean_iou_threshold: 0.3,
            ..classic
        }),
        "classic_connected" => TrackerOptions::Classic(ClassicOptions {
            tracking_target_instance_count: Some(animals as usize),
            tracking_pre_cull_to_target: true,
            tracking_clean_instance_count: animals as usize,
            post_connect_single_breaks: true,
            ..queues
        }),
        _ => return joining_options(name, animals),
    })
}

/// Trackers of boxes that join tracks at the end.
fn joining_options(name: &str, animals: u32) -> Result<TrackerOptions> {
    let (kind, joined) = name.split_once('_').unwrap_or((name, ""));
    let options = match kind {
        "sort" => MotOptions::sort(),
        "bytetrack" => MotOptions::bytetrack(),
        "ocsort" => MotOptions::ocsort(),
        _ => bail!("{name} is no tracker of this example"),
    };
    let max_tracks = match joined {
        "linked" => None,
        "max_tracks" => Some(animals),
        "one_track" => Some(1),
        _ => bail!("{name} is no tracker of this example"),
    };
    Ok(TrackerOptions::Mot(MotOptions {
        link_tracklets: true,
        max_tracks,
        ..options
    }))
}
