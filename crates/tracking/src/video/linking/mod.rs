//! Tracks of boxes that are joined once all frames of a video are there, as sleap-nn's `link_tracklets` does
//! without appearance:
//!
//! ```text
//!   tracks ─► join a track that ends with the one that clearly goes on with it
//!          ─► with a number of animals: that many tracks stay, the others' pieces join them
//! ```

mod anchors;
mod closed_set;
mod fit;
mod gaps;
mod gate;
mod heap;
mod identities;
mod pairs;

use crate::mot::{BoxDetection, Calibration};
use closed_set::ClosedSet;
use gate::Gate;
use identities::LinkedTracks;
use pairs::TrackPairs;

/// A detection with a track.
#[derive(Debug, Clone)]
pub(super) struct Linked {
    /// Place of its frame in the video.
    pub(super) frame: usize,
    /// Its place in the frame.
    pub(super) place: usize,
    /// The number of its track.
    pub(super) track: u32,
    /// The step of its frame.
    pub(super) step: f64,
    /// The box around its pose.
    raw: [f64; 4],
    centroid: [f64; 2],
    /// Whether two nodes or more are visible.
    is_sized: bool,
    score: f64,
}

impl Linked {
    pub(super) fn new(
        [frame, place]: [usize; 2],
        step: f64,
        track: u32,
        found: &BoxDetection,
    ) -> Self {
        Self {
            frame,
            place,
            track,
            step,
            raw: found.raw,
            centroid: found.centroid,
            is_sized: found.visible >= 2,
            score: found.score,
        }
    }
}

/// `[detection]`: its track once tracks are joined; `None` where it belongs to none of `max_tracks`.
///
/// `detections`: those with a track, in the order of their frames.
pub(super) fn link(detections: Vec<Linked>, calibration: &Calibration) -> Vec<Option<u32>> {
    if detections.is_empty() {
        return Vec::new();
    }
    let gate = Gate::new(calibration, &detections);
    let mut identities = LinkedTracks::new(detections, gate, calibration.options.track_buffer);
    let mut pairs = TrackPairs::new(&identities);
    while let Some((earlier, later)) = pairs.best(&identities) {
        pairs.merge(&mut identities, earlier, later);
    }
    let max_tracks = calibration.options.max_tracks.map(|max| max as usize);
    if let Some(max) = max_tracks.filter(|max| identities.alive_count() > *max) {
        ClosedSet::new(&mut identities, max).close();
    }
    identities.final_tracks()
}
