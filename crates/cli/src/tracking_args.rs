//! Options of `--tracking`, by sleap-nn's names.

use clap::Args;
use tracking::{
    AnimalsOptions, CandidatesMethod, ClassicOptions, Features, MatchingMethod, MotOptions,
    OptionsError, ScoringMethod, ScoringReduction, Tracker, TrackerKind, TrackerOptions,
};

use crate::cleaning_args::CleaningArgs;
use crate::flow_args::FlowArgs;
use crate::kalman_args::KalmanArgs;

/// Which animal is which.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tracking")]
pub struct TrackingArgs {
    /// Tell which animal is which: every instance gets a track.
    #[arg(short = 't', long)]
    pub tracking: bool,

    /// How: animals, classic, sort, bytetrack or ocsort.
    ///
    /// `animals` follows a known or unknown number of animals by motion and pose. The others are
    /// sleap-nn's, fed frame by frame. What sleap-nn does with a look through the whole video (calibration,
    /// cleaning, connecting breaks) is done for files of poses, once a video file has ended.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "animals",
        requires = "tracking"
    )]
    pub tracker: TrackerKind,

    /// How many animals there are: there are never more tracks (animals, classic), or not once a file has
    /// ended (sort, bytetrack, ocsort; files of poses only).
    #[arg(long, value_name = "N", requires = "tracking")]
    pub max_tracks: Option<u32>,

    /// Frames, or detections of a track, that a new detection is compared with (classic; default 5).
    #[arg(long, value_name = "N", requires = "tracking")]
    pub tracking_window_size: Option<usize>,

    /// What a new detection is compared with: fixed_window (the last frames) or local_queues (the
    /// last detections of each track; classic).
    #[arg(long, value_name = "NAME", requires = "tracking")]
    pub candidates_method: Option<CandidatesMethod>,

    /// What is compared: keypoints, centroids or bboxes (classic).
    #[arg(long, value_name = "NAME", requires = "tracking")]
    pub features: Option<Features>,

    /// How: oks, cosine_sim, iou or euclidean_dist (classic).
    #[arg(long, value_name = "NAME", requires = "tracking")]
    pub scoring_method: Option<ScoringMethod>,

    /// How far nodes may be from where they were, as a share of the animal's size, for oks (classic; default
    /// 0.025).
    #[arg(long, value_name = "SHARE", requires = "tracking")]
    pub oks_stddev: Option<f64>,

    /// How scores against several detections of a track become one: mean, max or robust_quantile
    /// (classic).
    #[arg(long, value_name = "NAME", requires = "tracking")]
    pub scoring_reduction: Option<ScoringReduction>,

    /// How detections and tracks are matched: hungarian or greedy (classic).
    #[arg(long, value_name = "NAME", requires = "tracking")]
    pub track_matching_method: Option<MatchingMethod>,

    /// Predict where each track is, with a Kalman filter (classic; needs the number of animals).
    #[arg(long, requires = "tracking")]
    pub use_kalman: bool,

    /// How the filters work.
    #[command(flatten)]
    pub kalman: KalmanArgs,

    /// Look at the pictures: optical flow carries earlier detections to where they are now (classic).
    #[arg(long, requires = "tracking")]
    pub use_flow: bool,

    /// How the flow is computed.
    #[command(flatten)]
    pub flow: FlowArgs,

    /// How many animals there are (classic).
    #[arg(long, value_name = "N", requires = "tracking")]
    pub tracking_target_instance_count: Option<usize>,

    /// 1: leave out the detections of the lowest scores above that number; 0: not (classic).
    #[arg(long, value_name = "N", requires = "tracking_target_instance_count")]
    pub tracking_pre_cull_to_target: Option<u32>,

    /// Of detections that overlap more than this, leave out the less certain one first (classic).
    #[arg(long, value_name = "SHARE", requires = "tracking_pre_cull_to_target")]
    pub tracking_pre_cull_iou_threshold: Option<f64>,

    /// What is done once all frames of a file are there.
    #[command(flatten)]
    pub cleaning: CleaningArgs,
}

/// The options make no tracker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackingArgsError {
    /// Values that do not go together.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The tracker has no such option.
    #[error("{option} is not for --tracker {tracker}: --tracker {of} has it")]
    Foreign {
        /// The option, as on the command line.
        option: &'static str,
        /// The tracker that was chosen.
        tracker: TrackerKind,
        /// Those that have it.
        of: &'static str,
    },
}

impl TrackingArgs {
    /// The tracker with its options; `None` without `--tracking`.
    ///
    /// # Errors
    ///
    /// When options do not go together, or with the tracker.
    pub fn options(&self) -> Result<Option<TrackerOptions>, TrackingArgsError> {
        if !self.tracking {
            return Ok(None);
        }
        if let Some((option, of)) = self.foreign() {
            let tracker = self.tracker;
            return Err(TrackingArgsError::Foreign {
                option,
                tracker,
                of,
            });
        }
        let options = match self.tracker {
            TrackerKind::Animals => TrackerOptions::Animals(AnimalsOptions {
                max_tracks: self.max_tracks,
            }),
            TrackerKind::Classic => TrackerOptions::Classic(self.classic()),
            TrackerKind::Sort => self.boxes(MotOptions::sort()),
            TrackerKind::ByteTrack => self.boxes(MotOptions::bytetrack()),
            TrackerKind::OcSort => self.boxes(MotOptions::ocsort()),
        };
        Tracker::new(options.clone())?;
        Ok(Some(options))
    }

    fn boxes(&self, options: MotOptions) -> TrackerOptions {
        TrackerOptions::Mot(MotOptions {
            max_tracks: self.max_tracks,
            link_tracklets: self.cleaning.link_tracklets,
            ..options
        })
    }

    /// An option that was given and that the tracker does not have, and the trackers that have it.
    fn foreign(&self) -> Option<(&'static str, &'static str)> {
        const BOXES: &str = "sort, bytetrack or ocsort";
        let is_of_boxes = !matches!(self.tracker, TrackerKind::Animals | TrackerKind::Classic);
        if self.cleaning.link_tracklets && !is_of_boxes {
            return Some(("--link-tracklets", BOXES));
        }
        let option = self
            .of_classic()
            .filter(|_| self.tracker != TrackerKind::Classic);
        option.map(|option| (option, "classic"))
    }

    /// An option that was given and that `classic` alone has.
    fn of_classic(&self) -> Option<&'static str> {
        let of_classic = [
            (
                "--tracking-window-size",
                self.tracking_window_size.is_some(),
            ),
            ("--candidates-method", self.candidates_method.is_some()),
            ("--features", self.features.is_some()),
            ("--scoring-method", self.scoring_method.is_some()),
            ("--oks-stddev", self.oks_stddev.is_some()),
            ("--scoring-reduction", self.scoring_reduction.is_some()),
            (
                "--track-matching-method",
                self.track_matching_method.is_some(),
            ),
            ("--use-kalman", self.use_kalman),
            (
                self.kalman.given().unwrap_or_default(),
                self.kalman.given().is_some(),
            ),
            ("--use-flow", self.use_flow),
            (
                self.cleaning.given().unwrap_or_default(),
                self.cleaning.given().is_some(),
            ),
            (
                "--tracking-target-instance-count",
                self.tracking_target_instance_count.is_some(),
            ),
            (
                "--tracking-pre-cull-to-target",
                self.tracking_pre_cull_to_target.is_some(),
            ),
            (
                "--tracking-pre-cull-iou-threshold",
                self.tracking_pre_cull_iou_threshold.is_some(),
            ),
        ];
        let mut given = of_classic.iter();
        given.find(|(_, is_given)| *is_given).map(|(name, _)| *name)
    }

    fn classic(&self) -> ClassicOptions {
        let usual = ClassicOptions::default();
        ClassicOptions {
            window_size: self.tracking_window_size.unwrap_or(usual.window_size),
            candidates_method: self.candidates_method.unwrap_or(usual.candidates_method),
            features: self.features.unwrap_or(usual.features),
            scoring_method: self.scoring_method.unwrap_or(usual.scoring_method),
            features_explicit: self.features.is_some(),
            scoring_method_explicit: self.scoring_method.is_some(),
            scoring_reduction: self.scoring_reduction.unwrap_or(usual.scoring_reduction),
            track_matching_method: self
                .track_matching_method
                .unwrap_or(usual.track_matching_method),
            max_tracks: self.max_tracks,
            use_kalman: self.use_kalman,
            kalman: self.kalman.options(),
            use_flow: self.use_flow,
            flow: self.flow.options(),
            oks_stddev: self.oks_stddev,
            tracking_target_instance_count: self.tracking_target_instance_count,
            tracking_pre_cull_to_target: self.tracking_pre_cull_to_target.unwrap_or(0) > 0,
            tracking_pre_cull_iou_threshold: self.tracking_pre_cull_iou_threshold.unwrap_or(0.0),
            tracking_clean_instance_count: self.cleaning.tracking_clean_instance_count.unwrap_or(0),
            tracking_clean_iou_threshold: self.cleaning.tracking_clean_iou_threshold.unwrap_or(0.0),
            post_connect_single_breaks: self.cleaning.post_connect_single_breaks,
            ..usual
        }
    }
}

#[cfg(test)]
#[path = "tracking_args_tests.rs"]
mod tests;
