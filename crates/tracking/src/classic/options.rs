//! Options of `classic`.

use flow::FlowOptions;

use crate::choice::choice;
use crate::error::{OptionsError, in_range};

choice! {
    /// Which earlier detections of a track a new one is compared with.
    enum CandidatesMethod {
        /// Those of the last frames.
        FixedWindow = "fixed_window",
        /// The last ones of each track, however long ago.
        LocalQueues = "local_queues",
    }
}

choice! {
    /// What of a detection is compared.
    enum Features {
        /// All points.
        Keypoints = "keypoints",
        /// The median of the points.
        Centroids = "centroids",
        /// The box around the points.
        Bboxes = "bboxes",
    }
}

choice! {
    /// How two detections are compared.
    enum ScoringMethod {
        /// Object keypoint similarity.
        Oks = "oks",
        /// Cosine of the angle between the features.
        CosineSim = "cosine_sim",
        /// Intersection over union of boxes.
        Iou = "iou",
        /// Distance in pixels, negative.
        EuclideanDist = "euclidean_dist",
    }
}

choice! {
    /// How the scores against several detections of a track become one.
    enum ScoringReduction {
        /// Their mean.
        Mean = "mean",
        /// The largest.
        Max = "max",
        /// The quantile `robust_best_instance`.
        RobustQuantile = "robust_quantile",
    }
}

choice! {
    /// How detections and tracks are matched.
    enum MatchingMethod {
        /// The largest sum of scores.
        Hungarian = "hungarian",
        /// The largest score first.
        Greedy = "greedy",
    }
}

choice! {
    /// What the Kalman filters of `classic` follow.
    enum KalmanFeatures {
        /// The centroid; the last pose moves along with it.
        Centroid = "centroid",
        /// Every node.
        Keypoints = "keypoints",
    }
}

/// Options of `classic`.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassicOptions {
    /// Frames, or detections of a track, that are compared.
    pub window_size: usize,
    /// A detection starts a track when it has more visible nodes than this.
    pub min_new_track_points: usize,
    /// Which earlier detections are compared.
    pub candidates_method: CandidatesMethod,
    /// Only earlier detections with more visible nodes than this are compared.
    pub min_match_points: usize,
    /// What is compared.
    pub features: Features,
    /// How it is compared.
    pub scoring_method: ScoringMethod,
    /// Whether the features were chosen. Where they were not, instances of one node are compared by centroids.
    pub features_explicit: bool,
    /// Whether the similarity was chosen. Where it was not, that of instances of one node is their distance.
    pub scoring_method_explicit: bool,
    /// How several scores become one.
    pub scoring_reduction: ScoringReduction,
    /// The quantile of [`ScoringReduction::RobustQuantile`].
    pub robust_best_instance: f64,
    /// Tolerance of [`ScoringMethod::Oks`]; `None`: 0.025, and 0.1 with
    /// [`KalmanFeatures::Keypoints`].
    pub oks_stddev: Option<f64>,
    /// How detections and tracks are matched.
    pub track_matching_method: MatchingMethod,
    /// The largest number of tracks. It makes `fixed_window` `local_queues`.
    pub max_tracks: Option<u32>,
    /// Kalman filters that predict where each track is.
    pub use_kalman: bool,
    /// How they do it.
    pub kalman: KalmanOptions,
    /// Optical flow carries earlier detections to where they are in the new picture.
    pub use_flow: bool,
    /// How it is computed.
    pub flow: FlowOptions,
    /// How many animals there are.
    pub tracking_target_instance_count: Option<usize>,
    /// Whether a frame with more detections loses the least ones before it is tracked.
    pub tracking_pre_cull_to_target: bool,
    /// Above 0: of detections whose boxes overlap more than this, the less certain one goes first.
    pub tracking_pre_cull_iou_threshold: f64,
    /// How many instances of a frame are left once all frames of a video are there; 0: all of them.
    pub tracking_clean_instance_count: usize,
    /// The same as [`Self::tracking_pre_cull_iou_threshold`], then.
    pub tracking_clean_iou_threshold: f64,
    /// Whether tracks that begin where another one ends are joined, once all frames are there.
    pub post_connect_single_breaks: bool,
}

impl Default for ClassicOptions {
    fn default() -> Self {
        Self {
            window_size: 5,
            min_new_track_points: 0,
            candidates_method: CandidatesMethod::FixedWindow,
            min_match_points: 0,
            features: Features::Keypoints,
            scoring_method: ScoringMethod::Oks,
            features_explicit: true,
            scoring_method_explicit: true,
            scoring_reduction: ScoringReduction::Mean,
            robust_best_instance: 1.0,
            oks_stddev: None,
            track_matching_method: MatchingMethod::Hungarian,
            max_tracks: None,
            use_kalman: false,
            kalman: KalmanOptions::default(),
            use_flow: false,
            flow: FlowOptions::default(),
            tracking_target_instance_count: None,
            tracking_pre_cull_to_target: false,
            tracking_pre_cull_iou_threshold: 0.0,
            tracking_clean_instance_count: 0,
            tracking_clean_iou_threshold: 0.0,
            post_connect_single_breaks: false,
        }
    }
}

/// Options of the Kalman filters of `classic`.
#[derive(Debug, Clone, PartialEq)]
pub struct KalmanOptions {
    /// What they follow.
    pub track_features: KalmanFeatures,
    /// Frames after which they are fitted.
    pub init_frame_count: usize,
    /// Nodes that they follow; `None`: all.
    pub node_indices: Option<Vec<usize>>,
    /// Frames without a detection after which a track's filter is fitted again.
    pub reset_gap_size: i64,
    /// Share of the prediction in the pose that is compared; the rest is the last pose.
    pub prediction_blend: f64,
    /// A detection farther away than this many steps of the track does not correct its filter.
    pub gate_step_mult: f64,
    /// The least of that distance, in pixels.
    pub min_gate_px: f64,
    /// The largest velocity, in steps of the track a frame.
    pub velocity_cap_mult: f64,
    /// The least of that velocity, in pixels a frame.
    pub min_velocity_cap_px: f64,
}

impl Default for KalmanOptions {
    fn default() -> Self {
        Self {
            track_features: KalmanFeatures::Centroid,
            init_frame_count: 10,
            node_indices: None,
            reset_gap_size: 5,
            prediction_blend: 0.5,
            gate_step_mult: 8.0,
            min_gate_px: 40.0,
            velocity_cap_mult: 3.0,
            min_velocity_cap_px: 15.0,
        }
    }
}

impl ClassicOptions {
    /// Whether something is done once all frames of a video are there.
    pub fn looks_back(&self) -> bool {
        self.tracking_clean_instance_count > 0 || self.post_connect_single_breaks
    }

    /// Takes what sleap-nn takes for instances of so many nodes, where nothing was chosen.
    pub(crate) fn resolve(&mut self, nodes: usize) {
        if nodes != 1 {
            return;
        }
        let mut resolved = self.clone();
        if !self.features_explicit {
            resolved.features = Features::Centroids;
        }
        if !self.scoring_method_explicit {
            resolved.scoring_method = ScoringMethod::EuclideanDist;
        }
        if resolved.check().is_ok() {
            *self = resolved;
        }
    }

    /// The tolerance of the object keypoint similarity.
    pub(crate) fn oks_tolerance(&self) -> f64 {
        let per_node = self.use_kalman && self.kalman.track_features == KalmanFeatures::Keypoints;
        self.oks_stddev
            .unwrap_or(if per_node { 0.1 } else { 0.025 })
    }

    /// Checks that the options go together.
    ///
    /// # Errors
    ///
    /// When they do not, or when a number is out of range.
    pub fn check(&self) -> Result<(), OptionsError> {
        let fits = match self.scoring_method {
            ScoringMethod::Oks => self.features == Features::Keypoints,
            ScoringMethod::Iou => self.features == Features::Bboxes,
            ScoringMethod::CosineSim | ScoringMethod::EuclideanDist => true,
        };
        if !fits {
            return Err(OptionsError::Scoring {
                features: self.features.name(),
                scoring: self.scoring_method.name(),
            });
        }
        let count = self.tracking_target_instance_count;
        if self.use_kalman && count.is_none() && self.max_tracks.is_none() {
            return Err(OptionsError::KalmanCount);
        }
        let option = match (
            self.tracking_pre_cull_to_target,
            self.post_connect_single_breaks,
        ) {
            (true, _) => Some("tracking_pre_cull_to_target"),
            (_, true) => Some("post_connect_single_breaks"),
            _ => None,
        };
        if let Some(option) = option.filter(|_| count.is_none_or(|count| count == 0)) {
            return Err(OptionsError::TargetCount { option });
        }
        if self.use_flow && self.use_kalman {
            return Err(OptionsError::TwoMotions);
        }
        self.flow.check()?;
        self.check_numbers()
    }

    fn check_numbers(&self) -> Result<(), OptionsError> {
        let (window, tolerance) = (self.window_size, self.oks_tolerance());
        let kalman = &self.kalman;
        in_range(
            "tracking_window_size",
            window as f64,
            (1..=MAX_WINDOW_SIZE).contains(&window),
            "from 1 to 1000",
        )?;
        in_range(
            "oks_stddev",
            tolerance,
            tolerance.is_finite() && tolerance > 0.0,
            "above 0",
        )?;
        let quantile = self.robust_best_instance;
        in_range(
            "robust_best_instance",
            quantile,
            (0.0..=1.0).contains(&quantile),
            "from 0 to 1",
        )?;
        let frames = kalman.init_frame_count;
        in_range(
            "kf_init_frame_count",
            frames as f64,
            (1..=MAX_WINDOW_SIZE).contains(&frames),
            "from 1 to 1000",
        )?;
        for (option, value) in [
            ("kf_prediction_blend", kalman.prediction_blend),
            ("kf_gate_step_mult", kalman.gate_step_mult),
            ("kf_min_gate_px", kalman.min_gate_px),
            ("kf_velocity_cap_mult", kalman.velocity_cap_mult),
            ("kf_min_velocity_cap_px", kalman.min_velocity_cap_px),
        ] {
            in_range(
                option,
                value,
                value.is_finite() && value >= 0.0,
                "0 or more",
            )?;
        }
        Ok(())
    }
}

/// The largest window: it bounds what is kept for each track.
const MAX_WINDOW_SIZE: usize = 1000;
