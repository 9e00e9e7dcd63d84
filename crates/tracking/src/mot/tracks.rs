//! All tracks, and what their comparison with detections depends on.

use crate::mot::body_size::BodySize;
use crate::mot::detections::BoxDetection;
use crate::mot::options::{MotOptions, Similarity};
use crate::mot::track::MotTrack;

/// All tracks of a tracker.
pub(crate) struct MotTracks {
    pub(crate) options: MotOptions,
    pub(crate) tracks: Vec<MotTrack>,
    /// The step of the frame.
    pub(crate) step: i64,
    pub(crate) body: BodySize,
    /// `None` until a frame has shown the number of nodes.
    similarity: Option<Similarity>,
}

impl MotTracks {
    pub(crate) fn new(options: MotOptions) -> Self {
        Self {
            options,
            tracks: Vec::new(),
            step: -1,
            body: BodySize::default(),
            similarity: None,
        }
    }

    /// Size of an animal in pixels.
    pub(crate) fn body_size(&self) -> f64 {
        self.options.body_size.unwrap_or_else(|| self.body.pixels())
    }

    pub(crate) fn resolve_similarity(&mut self, detections: &[BoxDetection]) {
        let nodes = detections.iter().map(|d| d.points.len()).max().unwrap_or(0);
        let chosen = self.options.similarity;
        self.similarity.get_or_insert(match chosen {
            Similarity::Auto | Similarity::Oks if nodes == 1 => Similarity::Centroid,
            Similarity::Auto => Similarity::Iou,
            other => other,
        });
    }

    /// The similarity in use.
    pub(crate) fn kind_of_similarity(&self) -> Similarity {
        self.similarity.unwrap_or(Similarity::Iou)
    }
}
