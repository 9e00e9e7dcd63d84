//! Candidates moved to where their pixels are in the new picture (`use_flow`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::classic::candidates::{Candidates, Observed, TrackId};
use crate::classic::features::Feature;
use crate::classic::options::Features;
use crate::frame_picture::FramePicture;

/// Memory of the pictures that are kept, bytes; the oldest go first. The newest two always stay.
const MAX_PICTURE_BYTES: usize = 256 << 20;

/// Moves earlier detections along with the pixels around their points.
#[derive(Default)]
pub(crate) struct FlowMotion {
    /// By the numbers of their frames.
    pictures: BTreeMap<i64, FramePicture>,
}

impl FlowMotion {
    /// Takes the picture of a frame.
    pub(crate) fn see(&mut self, frame: i64, seen: FramePicture) {
        let usable = |scale: f64| scale.is_finite() && scale > 0.0;
        if seen.scale.into_iter().all(usable) {
            self.pictures.insert(frame, seen);
        }
    }

    /// What the detections of a frame are compared with, track by track: earlier ones where the flow has
    /// carried them. Those whose picture is not there, or of another size, stay where they were.
    pub(crate) fn candidates(
        &self,
        frame: i64,
        candidates: &Candidates,
        features: Features,
    ) -> Vec<Vec<Observed>> {
        let mut of_track: HashMap<TrackId, Vec<Observed>> = HashMap::new();
        for (from, detections) in candidates.by_frame() {
            let moved = self.moved(from, frame, &detections, features);
            for ((track, _), observed) in detections.into_iter().zip(moved) {
                of_track.entry(track).or_default().push(observed);
            }
        }
        let tracks = candidates.tracks().into_iter();
        tracks
            .map(|track| of_track.remove(&track).unwrap_or_default())
            .collect()
    }

    fn moved(
        &self,
        from: i64,
        to: i64,
        detections: &[(TrackId, &Observed)],
        features: Features,
    ) -> Vec<Observed> {
        let unmoved = || detections.iter().map(|(_, one)| (*one).clone()).collect();
        let pictures = (self.pictures.get(&from), self.pictures.get(&to));
        let (Some(from), Some(to)) = pictures else {
            return unmoved();
        };
        let all = detections.iter().flat_map(|(_, one)| one.points.iter());
        let in_picture = |[x, y]: &[f64; 2]| {
            let [wide, high] = from.scale;
            [(x * wide) as f32, (y * high) as f32]
        };
        let points: Vec<[f32; 2]> = all.map(in_picture).collect();
        let Some(shifted) = from.pyramid.shifted(&to.pyramid, &points) else {
            return unmoved();
        };
        let mut shifted = shifted.into_iter().map(|one| match one.found {
            true => [0, 1].map(|axis| f64::from(one.point[axis]) / to.scale[axis]),
            false => [f64::NAN; 2],
        });
        let observed = |(_, one): &(TrackId, &Observed)| {
            let points: Vec<_> = shifted.by_ref().take(one.points.len()).collect();
            Observed {
                frame: one.frame,
                feature: Arc::new(Feature::of(&points, features)),
                visible: one.visible,
                points: points.into(),
            }
        };
        detections.iter().map(observed).collect()
    }

    /// Forgets the pictures of frames that no candidate is of, and the oldest where they are too many.
    pub(crate) fn forget(&mut self, candidates: &Candidates) {
        let used: BTreeSet<i64> = candidates.frames().collect();
        self.pictures.retain(|frame, _| used.contains(frame));
        let mut bytes: usize = self.pictures.values().map(|one| one.pyramid.bytes()).sum();
        while bytes > MAX_PICTURE_BYTES && self.pictures.len() > 2 {
            let Some((_, oldest)) = self.pictures.pop_first() else {
                break;
            };
            bytes -= oldest.pyramid.bytes();
        }
    }
}
