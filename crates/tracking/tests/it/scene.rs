//! Scenes: detections of animals whose identities are known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tracking::{Detection, Tracker, TrackerOptions};

/// Track numbers, frame by frame.
pub(crate) type Tracks = Vec<Vec<Option<u32>>>;

/// Frames with the animal that each detection shows, and what sleap-nn's trackers answered.
pub(crate) struct Scene {
    pub(crate) name: String,
    pub(crate) n_animals: u32,
    pub(crate) frames: Vec<Vec<Detection>>,
    /// -1 where a detection is invented.
    pub(crate) animals: Vec<Vec<i32>>,
    pub(crate) trackers: BTreeMap<String, Tracks>,
}

#[derive(Deserialize)]
struct File {
    n_animals: u32,
    frames: Vec<Vec<Found>>,
    trackers: BTreeMap<String, Tracks>,
}

#[derive(Deserialize)]
struct Found {
    animal: i32,
    points: Vec<[Option<f64>; 2]>,
    scores: Vec<f64>,
}

impl Found {
    fn detection(&self) -> Detection {
        let point = |[x, y]: &[Option<f64>; 2]| [x.unwrap_or(f64::NAN), y.unwrap_or(f64::NAN)];
        Detection {
            points: self.points.iter().map(point).collect(),
            score: self.scores.iter().sum(),
            point_scores: self.scores.clone(),
        }
    }
}

impl Scene {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a scene");
        let file: File = serde_json::from_str(&text).expect("a scene");
        let frames = file.frames.iter();
        Self {
            name: path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned(),
            n_animals: file.n_animals,
            animals: frames
                .clone()
                .map(|f| f.iter().map(|found| found.animal).collect())
                .collect(),
            frames: frames
                .map(|f| f.iter().map(Found::detection).collect())
                .collect(),
            trackers: file.trackers,
        }
    }

    /// What a tracker answers.
    pub(crate) fn tracks(&self, options: TrackerOptions) -> Tracks {
        let mut tracker = Tracker::new(options).expect("options that go together");
        let frames = (0..).zip(&self.frames);
        frames
            .map(|(index, frame)| numbers(&tracker.track(index, frame)))
            .collect()
    }

    /// Identity switches, and the share of detections that carry their animal's main track.
    pub(crate) fn switches_and_purity(&self, tracks: &Tracks) -> (usize, f64) {
        let mut last: BTreeMap<i32, u32> = BTreeMap::new();
        let mut counts: BTreeMap<i32, BTreeMap<u32, usize>> = BTreeMap::new();
        let (mut switches, mut total) = (0, 0);
        let all = self.animals.iter().flatten().zip(tracks.iter().flatten());
        for (animal, track) in all.filter(|(animal, _)| **animal >= 0) {
            total += 1;
            let Some(track) = *track else { continue };
            *counts.entry(*animal).or_default().entry(track).or_default() += 1;
            let before = last.insert(*animal, track);
            switches += usize::from(before.is_some_and(|before| before != track));
        }
        let main: usize = counts
            .values()
            .filter_map(|tracks| tracks.values().max())
            .sum();
        (switches, main as f64 / total as f64)
    }
}

pub(crate) fn numbers(assigned: &[Option<tracking::TrackAssignment>]) -> Vec<Option<u32>> {
    assigned
        .iter()
        .map(|one| one.map(|one| one.track))
        .collect()
}

/// The scenes of this crate, and those that lie beside the repository.
pub(crate) fn scenes() -> Vec<Scene> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let own = here.join("tests/scenes");
    let shared = here.join("../../../shared/tracking");
    if !shared.is_dir() {
        eprintln!("skipped: no scenes beside the repository");
    }
    let files = [own, shared]
        .into_iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok());
    let mut paths: Vec<PathBuf> = files
        .flatten()
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    let scenes: Vec<Scene> = paths.iter().map(|path| Scene::read(path)).collect();
    assert!(scenes.len() >= 4, "only {} scenes", scenes.len());
    scenes
}
