//! SORT: one matching of all tracks and detections.

use crate::matrix::Matrix;
use crate::mot::associate::{Association, assign_below, one_to_one, select};
use crate::mot::detections::BoxDetection;
use crate::mot::tracks::MotTracks;

/// The matches of a frame.
pub(crate) fn associate(all: &MotTracks, detections: &[BoxDetection]) -> Association {
    all.associate_sort(detections)
}

impl MotTracks {
    fn associate_sort(&self, detections: &[BoxDetection]) -> Association {
        let options = &self.options;
        let ignored = |index: &usize| detections[*index].score <= options.track_low_threshold;
        let mut association = Association {
            no_begin: (0..detections.len()).filter(ignored).collect(),
            ..Association::default()
        };
        let candidates: Vec<usize> = (0..detections.len())
            .filter(|index| detections[*index].is_valid() && !ignored(index))
            .collect();
        if self.tracks.is_empty() || candidates.is_empty() {
            return association;
        }
        let tracks: Vec<usize> = (0..self.tracks.len()).collect();
        let similarity = select(&self.predicted_similarity(detections), &tracks, &candidates);
        let least = options.min_match_similarity;
        let valid = |row: usize, col: usize| similarity[(row, col)] >= least;
        let pairs = one_to_one(tracks.len(), candidates.len(), valid).unwrap_or_else(|| {
            let mut cost = Matrix::filled(tracks.len(), candidates.len(), f64::INFINITY);
            for (cost, similarity) in cost.values_mut().iter_mut().zip(similarity.values()) {
                if *similarity >= least {
                    *cost = 1.0 - similarity;
                }
            }
            assign_below(&cost, 1.0 - least)
        });
        association.record(&pairs, &tracks, &candidates, &similarity);
        association
    }
}
