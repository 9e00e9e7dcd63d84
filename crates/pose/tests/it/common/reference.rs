//! Predictions that sleap-nn made, and the comparison with ours.

use std::{collections::BTreeMap, fs, path::Path};

use pose::{FramePrediction, Instance, Model};
use serde::Deserialize;

use super::Picture;

#[derive(Deserialize)]
struct Document {
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    frame_idx: u32,
    instances: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    /// null or a null coordinate where the node was not found.
    points: Vec<Option<[Option<f32>; 2]>>,
    point_scores: Vec<Option<f32>>,
    score: f32,
    /// The identity; null where sleap-nn's labels leave it out.
    track: Option<String>,
}

/// sleap-nn's predictions by frame number.
pub struct Reference(BTreeMap<u32, Vec<Expected>>);

/// How far our predictions are from the reference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Difference {
    /// Compared frames.
    pub frames: usize,
    /// Compared points, those found by neither left out.
    pub points: usize,
    /// Frames, instances or points that only one side has.
    pub only_one_side: usize,
    /// Instances of another identity than sleap-nn's.
    pub identities: usize,
    /// The longest distance along an axis, in pixels of the frame.
    pub pixels: f32,
    /// The largest difference of a point's or an instance's score.
    pub score: f32,
}

impl Reference {
    pub fn read(path: &Path) -> Self {
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let document: Document = serde_json::from_str(&text).expect("sleap-nn's predictions");
        Self(
            document
                .frames
                .into_iter()
                .map(|frame| (frame.frame_idx, frame.instances))
                .collect(),
        )
    }

    /// Whether sleap-nn predicted the numbered frame.
    pub fn has(&self, number: u32) -> bool {
        self.0.contains_key(&number)
    }

    /// How many frames sleap-nn predicted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Compares the predictions of the numbered frames.
    pub fn compare<'a>(
        &self,
        ours: impl IntoIterator<Item = (u32, &'a FramePrediction)>,
    ) -> Difference {
        let mut difference = Difference::default();
        for (number, prediction) in ours {
            let expected = self.0.get(&number).map(Vec::as_slice).unwrap_or_default();
            let ours = &prediction.instances;
            difference.frames += 1;
            difference.only_one_side += ours.len().abs_diff(expected.len());
            for (ours, expected) in ours.iter().zip(expected) {
                difference.instance(ours, expected);
            }
        }
        difference
    }
}

impl Difference {
    fn instance(&mut self, ours: &Instance, expected: &Expected) {
        self.only_one_side += ours.points.len().abs_diff(expected.points.len());
        self.identities += usize::from(expected.track.is_some() && ours.track != expected.track);
        for (ours, expected) in ours.points.iter().zip(&expected.points) {
            let expected = expected.and_then(|[x, y]| Some([x?, y?]));
            match (ours, expected) {
                (Some(ours), Some(expected)) => {
                    self.points += 1;
                    for axis in 0..2 {
                        raise(&mut self.pixels, ours[axis] - expected[axis]);
                    }
                }
                (None, None) => {}
                _ => self.only_one_side += 1,
            }
        }
        let (confidence, scores) = (&ours.confidence, &expected.point_scores);
        self.only_one_side += confidence.len().abs_diff(scores.len());
        self.only_one_side += confidence.len().abs_diff(ours.points.len());
        for (point, (value, expected)) in ours.points.iter().zip(confidence.iter().zip(scores)) {
            // Both give this where there is no peak at all.
            let none = point.is_none() && value.is_nan();
            let value = if none { 0.0 } else { *value };
            raise(&mut self.score, value - expected.unwrap_or(0.0));
        }
        raise(&mut self.score, ours.score - expected.score);
    }
}

/// Raises `most` to a difference; one that is not a number is beyond every limit.
fn raise(most: &mut f32, difference: f32) {
    let size = difference.abs();
    *most = most.max(if size.is_nan() { f32::INFINITY } else { size });
}

/// The numbered PNGs of a folder, in order, at most `limit`.
pub fn pictures(dir: &Path, limit: usize) -> Vec<(u32, Picture)> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    paths.sort();
    paths
        .iter()
        .take(limit)
        .map(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let number = stem.and_then(|stem| stem.parse().ok());
            (
                number.expect("a frame number for a name"),
                Picture::read(path),
            )
        })
        .collect()
}

/// Predicts all pictures in batches.
pub fn predict(
    model: &mut Model,
    pictures: &[(u32, Picture)],
    batch: usize,
) -> Vec<FramePrediction> {
    let predict = |batch: &[(u32, Picture)]| {
        let frames: Vec<_> = batch.iter().map(|(_, picture)| picture.view()).collect();
        model.predict(&frames).expect("a prediction")
    };
    pictures.chunks(batch).flat_map(predict).collect()
}
