//! ByteTrack: detections of high scores first, then those of low scores for the tracks left over.

use crate::detection::is_visible;
use crate::matrix::Matrix;
use crate::mot::associate::{Association, assign_below, select};
use crate::mot::boxes::{Box4, iou_matrix, widened};
use crate::mot::detections::{BoxDetection, MIN_BOX_SHARE};
use crate::mot::options::Similarity;
use crate::mot::similarity::{bounds, finish};
use crate::mot::track::TrackPhase;
use crate::mot::tracks::MotTracks;

/// Nodes that two poses have to share for their boxes to be compared over those alone.
const MIN_SHARED_NODES: usize = 2;
/// The extent that the shared nodes have to have, in pixels.
const MIN_SHARED_EXTENT: f64 = 1.0;

/// The matches of a frame.
pub(crate) fn associate(all: &MotTracks, frame: i64, detections: &[BoxDetection]) -> Association {
    all.associate_bytetrack(frame, detections)
}

impl MotTracks {
    fn associate_bytetrack(&self, frame: i64, detections: &[BoxDetection]) -> Association {
        let options = &self.options;
        let (low, high) = (options.track_low_threshold, options.track_high_threshold);
        let with_score = |keep: &dyn Fn(f64) -> bool| -> Vec<usize> {
            (0..detections.len())
                .filter(|i| detections[*i].is_valid() && keep(detections[*i].score))
                .collect()
        };
        let certain = with_score(&|score| score > high);
        let beginners = with_score(&|score| score > high && score >= options.new_track_threshold);
        let mut association = Association {
            no_begin: (0..detections.len())
                .filter(|i| !beginners.contains(i))
                .collect(),
            ..Association::default()
        };
        if self.tracks.is_empty() {
            return association;
        }
        let similarity = self.shared_similarity(detections);
        let in_phase = |keep: &dyn Fn(TrackPhase) -> bool| -> Vec<usize> {
            (0..self.tracks.len())
                .filter(|i| keep(self.tracks[*i].phase))
                .collect()
        };
        let mut stage = Stage {
            detections,
            similarity: &similarity,
            association: &mut association,
        };
        let numbered = in_phase(&|phase| phase != TrackPhase::Tentative);
        let fused = options.fuse_score;
        let (left, certain) =
            stage.run(numbered, certain, 1.0 - options.min_match_similarity, fused);
        let seen = left
            .into_iter()
            .filter(|i| self.tracks[*i].phase == TrackPhase::Confirmed);
        let uncertain = with_score(&|score| score > low && score < high);
        stage.run(
            seen.collect(),
            uncertain,
            1.0 - options.low_stage_min_similarity,
            false,
        );
        let tentative = in_phase(&|phase| phase == TrackPhase::Tentative);
        let (_, certain) = stage.run(
            tentative,
            certain,
            1.0 - options.unconfirmed_min_similarity,
            fused,
        );
        let new: Vec<usize> = certain
            .into_iter()
            .filter(|i| beginners.contains(i))
            .collect();
        self.remove_duplicates(&mut association, frame, detections, &similarity, &new);
        association
    }

    /// Similarity of boxes, or of boxes around the nodes that both poses show, where that is larger.
    fn shared_similarity(&self, detections: &[BoxDetection]) -> Matrix {
        let mut similarity = self.predicted_similarity(detections);
        if self.kind_of_similarity() != Similarity::Iou {
            return similarity;
        }
        let (padding, least) = (self.options.box_padding, MIN_BOX_SHARE * self.body_size());
        for (row, track) in self.tracks.iter().enumerate() {
            let pose = self.predicted_pose(track);
            for (col, detection) in detections.iter().enumerate() {
                let shared = shared_iou(&pose, &detection.points, padding, least);
                similarity[(row, col)] = similarity[(row, col)].max(shared.unwrap_or(0.0));
            }
        }
        finish(similarity, detections)
    }

    /// Ends lost tracks that lie where another one, or a detection that would begin one, is; the
    /// shorter of two goes.
    fn remove_duplicates(
        &self,
        association: &mut Association,
        frame: i64,
        detections: &[BoxDetection],
        similarity: &Matrix,
        new: &[usize],
    ) {
        let matched = |index: usize| association.matches.iter().any(|m| m.track == index);
        let lost: Vec<usize> = (0..self.tracks.len())
            .filter(|i| self.tracks[*i].phase != TrackPhase::Tentative && !matched(*i))
            .filter(|i| self.tracks[*i].steps_since_update <= self.options.track_buffer)
            .collect();
        let held = association.matches.iter().map(|m| {
            let age = frame.saturating_sub(self.tracks[m.track].start_frame);
            (Some(m.track), m.detection, age)
        });
        let held: Vec<_> = held
            .chain(new.iter().map(|index| (None, *index, 0)))
            .collect();
        let by_oks = self.kind_of_similarity() == Similarity::Oks;
        let overlap = (!by_oks).then(|| iou_matrix(&self.predicted_boxes(), &bounds(detections)));
        let overlap = overlap.as_ref().unwrap_or(similarity);
        let mut ended = Vec::new();
        for &index in &lost {
            let track = &self.tracks[index];
            let history = track.last_frame.saturating_sub(track.start_frame);
            for &(other, detection, age) in &held {
                if overlap[(index, detection)] <= self.options.duplicate_similarity {
                    continue;
                }
                if age > history {
                    ended.push(index);
                } else {
                    association.no_begin.push(detection);
                    ended.extend(other);
                }
            }
        }
        association
            .matches
            .retain(|found| !ended.contains(&found.track));
        association.ended = ended;
    }
}

/// One matching after the other over the same similarities.
struct Stage<'a> {
    detections: &'a [BoxDetection],
    similarity: &'a Matrix,
    association: &'a mut Association,
}

impl Stage<'_> {
    /// Matches tracks and detections; those that are left.
    fn run(
        &mut self,
        tracks: Vec<usize>,
        detections: Vec<usize>,
        max_cost: f64,
        fused: bool,
    ) -> (Vec<usize>, Vec<usize>) {
        if tracks.is_empty() || detections.is_empty() {
            return (tracks, detections);
        }
        let similarity = select(self.similarity, &tracks, &detections);
        let mut cost = similarity.clone();
        for row in 0..cost.rows() {
            for (col, detection) in detections.iter().enumerate() {
                let score = if fused {
                    self.detections[*detection].score
                } else {
                    1.0
                };
                cost[(row, col)] = 1.0 - similarity[(row, col)] * score;
            }
        }
        let pairs = assign_below(&cost, max_cost);
        self.association
            .record(&pairs, &tracks, &detections, &similarity)
    }
}

/// Intersection over union of the boxes around the nodes that both poses show.
fn shared_iou(a: &[[f64; 2]], b: &[[f64; 2]], padding: f64, least: f64) -> Option<f64> {
    let both: Vec<_> = a
        .iter()
        .zip(b)
        .filter(|(a, b)| is_visible(a) && is_visible(b))
        .collect();
    if both.len() < MIN_SHARED_NODES {
        return None;
    }
    let around = |points: &dyn Fn(usize) -> [f64; 2]| {
        (0..both.len())
            .map(points)
            .fold(None, |bounds: Option<Box4>, [x, y]| {
                let [x1, y1, x2, y2] = bounds.unwrap_or([x, y, x, y]);
                Some([x1.min(x), y1.min(y), x2.max(x), y2.max(y)])
            })
    };
    let (a, b) = (around(&|i| *both[i].0)?, around(&|i| *both[i].1)?);
    let wide = |bounds: &Box4| {
        bounds[2] - bounds[0] >= MIN_SHARED_EXTENT || bounds[3] - bounds[1] >= MIN_SHARED_EXTENT
    };
    if !wide(&a) || !wide(&b) {
        return None;
    }
    let padded = |[x1, y1, x2, y2]: Box4| {
        let by = padding * (x2 - x1).max(y2 - y1);
        widened([x1 - by, y1 - by, x2 + by, y2 + by], least)
    };
    let overlap = iou_matrix(&[padded(a)], &[padded(b)]);
    Some(overlap[(0, 0)])
}
