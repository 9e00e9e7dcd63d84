//! OC-SORT: the direction of motion counts, and tracks are found again where they were last seen.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::matrix::Matrix;
use crate::mot::associate::{Association, assign_valid, one_to_one, select};
use crate::mot::boxes::center;
use crate::mot::detections::BoxDetection;
use crate::mot::track::direction;
use crate::mot::tracks::MotTracks;

/// The matches of a frame.
pub(crate) fn associate(all: &MotTracks, detections: &[BoxDetection]) -> Association {
    all.associate_ocsort(detections)
}

impl MotTracks {
    fn associate_ocsort(&self, detections: &[BoxDetection]) -> Association {
        let options = &self.options;
        let (least_score, high) = (options.track_low_threshold, options.track_high_threshold);
        let usable = |keep: &dyn Fn(f64) -> bool| -> Vec<usize> {
            (0..detections.len())
                .filter(|i| detections[*i].is_valid() && keep(detections[*i].score))
                .collect()
        };
        let certain = usable(&|score| score > high);
        let mut association = Association {
            no_begin: (0..detections.len())
                .filter(|i| !certain.contains(i))
                .collect(),
            ..Association::default()
        };
        if self.tracks.is_empty() || (certain.is_empty() && !options.use_byte) {
            return association;
        }
        let similarity = self.predicted_similarity(detections);
        let least = options.min_match_similarity;
        let all: Vec<usize> = (0..self.tracks.len()).collect();
        let (mut tracks, mut free) = self.match_certain(
            &mut association,
            &select(&similarity, &all, &certain),
            (all, certain),
            detections,
        );
        if options.use_byte {
            let uncertain = usable(&|score| score > least_score && score <= high);
            let similarity = select(&similarity, &tracks, &uncertain);
            let pairs = assign_valid(&similarity, |row, col| similarity[(row, col)] >= least);
            (tracks, _) = association.record(&pairs, &tracks, &uncertain, &similarity);
        }
        if !tracks.is_empty() && !free.is_empty() {
            let seen = self.observed_similarity(&tracks, detections);
            let rows: Vec<usize> = (0..tracks.len()).collect();
            let similarity = select(&seen, &rows, &free);
            let pairs = assign_valid(&similarity, |row, col| similarity[(row, col)] >= least);
            (_, free) = association.record(&pairs, &tracks, &free, &similarity);
        }
        drop(free);
        association
    }

    /// The first matching: similarity and direction.
    fn match_certain(
        &self,
        association: &mut Association,
        similarity: &Matrix,
        (tracks, certain): (Vec<usize>, Vec<usize>),
        detections: &[BoxDetection],
    ) -> (Vec<usize>, Vec<usize>) {
        if certain.is_empty() {
            return (tracks, certain);
        }
        let least = self.options.min_match_similarity;
        let valid = |row: usize, col: usize| similarity[(row, col)] >= least;
        let pairs = one_to_one(tracks.len(), certain.len(), valid).unwrap_or_else(|| {
            let mut score = similarity.clone();
            for (row, track) in tracks.iter().enumerate() {
                for (col, detection) in certain.iter().enumerate() {
                    score[(row, col)] += self.momentum(*track, &detections[*detection]);
                }
            }
            assign_valid(&score, valid)
        });
        association.record(&pairs, &tracks, &certain, similarity)
    }

    /// How well the way to a detection goes with a track's direction.
    fn momentum(&self, track: usize, detection: &BoxDetection) -> f64 {
        let (options, track) = (&self.options, &self.tracks[track]);
        let previous = track.previous_box(self.step, options.delta_t);
        let (Some(along), Some(previous)) = (track.direction, previous) else {
            return 0.0;
        };
        let to = direction(center(&previous), center(&detection.bounds));
        let cosine = (along[0] * to[0] + along[1] * to[1]).clamp(-1.0, 1.0);
        let term = (FRAC_PI_2 - cosine.acos().abs()) / PI;
        options.inertia * term * detection.score
    }
}
