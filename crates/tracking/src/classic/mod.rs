//! `classic`: each detection is compared with earlier ones of each track.
//!
//! The order of the steps is sleap-nn's, so that the numbers are:
//!
//! ```text
//!   cull ─► features ─► scores against the candidates of each track ─► matching ─► new tracks
//! ```

mod candidates;
pub(crate) mod cull;
mod features;
mod flow_motion;
mod id_set;
mod kalman;
mod options;

use std::sync::Arc;

pub use options::{
    CandidatesMethod, ClassicOptions, Features, KalmanFeatures, KalmanOptions, MatchingMethod,
    ScoringMethod, ScoringReduction,
};

use crate::assign::{greedy, hungarian};
use crate::detection::{Assignments, Detection, TrackAssignment, visible};
use crate::frame_picture::FramePicture;
use crate::matrix::Matrix;
use crate::numeric::{nan_mean, nan_quantile};
use candidates::{Candidates, FrameTracks, Observed};
use features::{Feature, similarity};
use flow_motion::FlowMotion;
use kalman::KalmanMotion;

/// Compares detections with those of the last frames.
pub(crate) struct ClassicTracker {
    options: ClassicOptions,
    candidates: Candidates,
    motion: Motion,
}

/// How earlier detections get to where they may be now.
enum Motion {
    /// They stay.
    None,
    Kalman(KalmanMotion),
    Flow(FlowMotion),
}

impl ClassicTracker {
    /// The options have been checked.
    pub(crate) fn new(options: ClassicOptions) -> Self {
        let window = options.window_size;
        let capped = options.max_tracks.is_some();
        let candidates = match options.candidates_method {
            CandidatesMethod::FixedWindow if !capped => Candidates::fixed_window(window),
            _ => Candidates::local_queues(window, options.max_tracks),
        };
        let motion = if options.use_kalman {
            Motion::Kalman(KalmanMotion::new(options.kalman.clone()))
        } else if options.use_flow {
            Motion::Flow(FlowMotion::default())
        } else {
            Motion::None
        };
        Self {
            motion,
            candidates,
            options,
        }
    }

    /// The tracks of the detections of a frame. `seen`: its picture, for `use_flow`.
    pub(crate) fn track(
        &mut self,
        frame: i64,
        detections: &[Detection],
        seen: Option<FramePicture>,
    ) -> Assignments {
        if let Some(first) = detections.first() {
            self.options.resolve(first.points.len());
        }
        let kept = self.cull(detections);
        if let (Motion::Flow(flow), Some(seen), false) = (&mut self.motion, seen, kept.is_empty()) {
            flow.see(frame, seen);
        }
        let observe = |index: &usize| self.observe(frame, &detections[*index].points);
        let mut current = FrameTracks::new(kept.iter().map(observe).collect());
        let begins = self.candidates.is_empty();
        if !begins {
            let earlier = self.earlier(frame);
            let cost = self.costs(&current.observed, &earlier);
            self.assign(&mut current, &cost);
        }
        let matched: Vec<bool> = current.tracks.iter().map(Option::is_some).collect();
        let scores = current.scores.clone();
        let tracks = self
            .candidates
            .update(current, self.options.min_new_track_points);
        match &mut self.motion {
            Motion::None => {}
            Motion::Kalman(motion) => motion.observe(&self.candidates),
            Motion::Flow(motion) => motion.forget(&self.candidates),
        }
        let mut assignments = vec![None; detections.len()];
        for (index, track) in kept
            .into_iter()
            .zip(tracks)
            .enumerate()
            .map(|(at, (i, t))| {
                let score = if matched[at] { scores[at] } else { 1.0 };
                (i, t.map(|track| TrackAssignment { track, score }))
            })
        {
            assignments[index] = track;
        }
        assignments
    }

    fn cull(&self, detections: &[Detection]) -> Vec<usize> {
        match self.options.tracking_target_instance_count {
            Some(count) if count > 0 && self.options.tracking_pre_cull_to_target => cull::cull(
                detections,
                count,
                self.options.tracking_pre_cull_iou_threshold,
            ),
            _ => (0..detections.len()).collect(),
        }
    }

    fn observe(&self, frame: i64, points: &[[f64; 2]]) -> Observed {
        Observed {
            frame,
            feature: Arc::new(Feature::of(points, self.options.features)),
            visible: visible(points),
            points: points.into(),
        }
    }

    /// What the detections of a frame are compared with, track by track.
    fn earlier(&mut self, frame: i64) -> Vec<Vec<Observed>> {
        match &mut self.motion {
            Motion::Kalman(motion) => {
                motion.candidates(frame, &self.candidates, self.options.features)
            }
            Motion::Flow(motion) => {
                motion.candidates(frame, &self.candidates, self.options.features)
            }
            Motion::None => {
                let tracks = self.candidates.tracks().into_iter();
                tracks
                    .map(|track| self.candidates.of_track(track))
                    .collect()
            }
        }
    }

    /// `[detection][track]`: the negative score; infinite where there is none.
    fn costs(&self, current: &[Observed], earlier: &[Vec<Observed>]) -> Matrix {
        let options = &self.options;
        let tolerance = options.oks_tolerance();
        let mut cost = Matrix::zeros(current.len(), earlier.len());
        for (row, new) in current.iter().enumerate() {
            for (col, track) in earlier.iter().enumerate() {
                let scores: Vec<f64> = track
                    .iter()
                    .filter(|observed| observed.visible > options.min_match_points)
                    .map(|earlier| {
                        similarity(
                            options.scoring_method,
                            tolerance,
                            &new.feature,
                            &earlier.feature,
                        )
                    })
                    .collect();
                let score = self.reduce(&scores);
                cost[(row, col)] = if score.is_nan() {
                    f64::INFINITY
                } else {
                    -score
                };
            }
        }
        cost
    }

    fn reduce(&self, scores: &[f64]) -> f64 {
        match self.options.scoring_reduction {
            ScoringReduction::Mean => nan_mean(scores),
            ScoringReduction::Max => scores.iter().copied().fold(f64::NAN, f64::max),
            ScoringReduction::RobustQuantile => {
                nan_quantile(scores, self.options.robust_best_instance)
            }
        }
    }

    /// Gives the detections the tracks that match them.
    fn assign(&self, current: &mut FrameTracks, cost: &Matrix) {
        let mut pairs = match self.options.track_matching_method {
            MatchingMethod::Hungarian => hungarian(cost),
            MatchingMethod::Greedy => greedy(cost),
        };
        self.drop_infeasible(current, cost, &mut pairs);
        let tracks = self.candidates.tracks();
        for (row, col) in pairs {
            current.tracks[row] = tracks[col];
            current.scores[row] = -cost[(row, col)];
        }
    }

    /// Drops the pairs that have no score where the detection can begin a track instead. Where it
    /// cannot, the pair stays: the detection would otherwise be left out.
    fn drop_infeasible(
        &self,
        current: &FrameTracks,
        cost: &Matrix,
        pairs: &mut Vec<(usize, usize)>,
    ) {
        let supported =
            |row: usize| current.observed[row].visible > self.options.min_new_track_points;
        let paired: Vec<usize> = pairs.iter().map(|(row, _)| *row).collect();
        let unpaired = (0..current.observed.len()).filter(|row| !paired.contains(row));
        let reserved = unpaired.filter(|row| supported(*row)).count();
        let available = self.candidates.available();
        let mut free = available.map_or(usize::MAX, |free| free.saturating_sub(reserved));
        pairs.retain(|&(row, col)| {
            let begins = !cost[(row, col)].is_finite() && supported(row) && free > 0;
            free -= usize::from(begins);
            !begins
        });
    }
}
