//! Options of `--tracking`, by sleap-nn's names.

use clap::Args;
use tracking::{
    AnimalsOptions, CandidatesMethod, ClassicOptions, Features, MatchingMethod, OptionsError,
    ScoringMethod, ScoringReduction, Tracker, TrackerKind, TrackerOptions,
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

    /// How many animals there are: there are never more tracks (animals, classic).
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

    /// Leave out the detections of the lowest scores above that number (classic).
    #[arg(long, requires = "tracking_target_instance_count")]
    pub tracking_pre_cull_to_target: bool,

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
    #[error(
        "{option} is not for --tracker {tracker}: --tracker classic has it{}",
        if *.option == "--max-tracks" { ", and --tracker animals" } else { "" }
    )]
    Foreign {
        /// The option, as on the command line.
        option: &'static str,
        /// The tracker that was chosen.
        tracker: TrackerKind,
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
        if let Some(option) = self.foreign() {
            let tracker = self.tracker;
            return Err(TrackingArgsError::Foreign { option, tracker });
        }
        let options = match self.tracker {
            TrackerKind::Animals => TrackerOptions::Animals(AnimalsOptions {
                max_tracks: self.max_tracks,
            }),
            TrackerKind::Classic => TrackerOptions::Classic(self.classic()),
            boxes => TrackerOptions::of(boxes),
        };
        Tracker::new(options.clone())?;
        Ok(Some(options))
    }

    /// An option that was given and that the tracker does not have.
    fn foreign(&self) -> Option<&'static str> {
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
                self.tracking_pre_cull_to_target,
            ),
            (
                "--tracking-pre-cull-iou-threshold",
                self.tracking_pre_cull_iou_threshold.is_some(),
            ),
        ];
        let has_max_tracks = matches!(self.tracker, TrackerKind::Animals | TrackerKind::Classic);
        let of_classic = of_classic
            .iter()
            .filter(|_| self.tracker != TrackerKind::Classic);
        let max_tracks = ("--max-tracks", self.max_tracks.is_some() && !has_max_tracks);
        let mut given = of_classic.chain([&max_tracks]);
        given.find(|(_, is_given)| *is_given).map(|(name, _)| *name)
    }

    fn classic(&self) -> ClassicOptions {
        let usual = ClassicOptions::default();
        ClassicOptions {
            window_size: self.tracking_window_size.unwrap_or(usual.window_size),
            candidates_method: self.candidates_method.unwrap_or(usual.candidates_method),
            features: self.features.unwrap_or(usual.features),
            scoring_method: self.scoring_method.unwrap_or(usual.scoring_method),
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
            tracking_pre_cull_to_target: self.tracking_pre_cull_to_target,
            tracking_pre_cull_iou_threshold: self.tracking_pre_cull_iou_threshold.unwrap_or(0.0),
            tracking_clean_instance_count: self.cleaning.tracking_clean_instance_count.unwrap_or(0),
            tracking_clean_iou_threshold: self.cleaning.tracking_clean_iou_threshold.unwrap_or(0.0),
            post_connect_single_breaks: self.cleaning.post_connect_single_breaks,
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        tracking: TrackingArgs,
    }

    fn options(line: &str) -> Result<Option<TrackerOptions>, TrackingArgsError> {
        let words = std::iter::once("program").chain(line.split_whitespace());
        Line::try_parse_from(words)
            .expect("a command line")
            .tracking
            .options()
    }

    #[test]
    fn no_tracker_is_the_usual() {
        assert_eq!(options("").unwrap(), None);
        let animals = TrackerOptions::of(TrackerKind::Animals);
        assert_eq!(options("-t").unwrap(), Some(animals));
    }

    #[test]
    fn options_are_sleap_nns() {
        let line = "-t --tracker classic --candidates-method local_queues --features bboxes \
            --scoring-method iou --max-tracks 3 --track-matching-method greedy";
        let Some(TrackerOptions::Classic(classic)) = options(line).unwrap() else {
            panic!("not classic");
        };
        assert_eq!(classic.candidates_method, CandidatesMethod::LocalQueues);
        assert_eq!(classic.features, Features::Bboxes);
        assert_eq!(classic.scoring_method, ScoringMethod::Iou);
        assert_eq!(classic.track_matching_method, MatchingMethod::Greedy);
        assert_eq!(classic.max_tracks, Some(3));
    }

    #[test]
    fn filters_have_sleap_nns_options() {
        let line = "-t --tracker classic --use-kalman --max-tracks 2 --kf-track-features keypoints \
            --kf-init-frame-count 12 --kf-node-indices 0,2 --kf-reset-gap-size 7 --oks-stddev 0.2";
        let Some(TrackerOptions::Classic(classic)) = options(line).unwrap() else {
            panic!("classic")
        };
        assert_eq!(classic.oks_stddev, Some(0.2));
        assert_eq!(classic.kalman.init_frame_count, 12);
        assert_eq!(classic.kalman.node_indices, Some(vec![0, 2]));
        assert_eq!(classic.kalman.reset_gap_size, 7);
        for words in [
            &["program", "-t", "--kf-init-frame-count", "12"][..],
            &[
                "program",
                "-t",
                "--tracker",
                "classic",
                "--use-kalman",
                "--kf-node-indices",
                "a",
            ],
        ] {
            assert!(Line::try_parse_from(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn flow_and_cleaning_have_sleap_nns_options() {
        let line = "-t --tracker classic --use-flow --of-img-scale 0.5 --of-window-size 15 \
            --of-max-levels 2 --tracking-clean-instance-count 2 --tracking-clean-iou-threshold 0.4 \
            --tracking-target-instance-count 2 --post-connect-single-breaks";
        let Some(TrackerOptions::Classic(classic)) = options(line).unwrap() else {
            panic!("classic")
        };
        assert!(classic.use_flow && classic.post_connect_single_breaks && classic.looks_back());
        let flow = (classic.flow.img_scale, classic.flow.window_size);
        assert_eq!((flow, classic.flow.max_levels), ((0.5, 15), 2));
        assert_eq!(classic.tracking_clean_instance_count, 2);
        assert_eq!(classic.tracking_clean_iou_threshold, 0.4);
        for (line, words) in [
            ("-t --use-flow", "--use-flow is not for --tracker animals"),
            (
                "-t --tracker sort --tracking-clean-instance-count 2",
                "--tracking-clean-instance-count is not for --tracker sort",
            ),
            (
                "-t --tracker classic --use-flow --use-kalman --max-tracks 2",
                "give one of them",
            ),
            (
                "-t --tracker classic --use-flow --of-window-size 2",
                "of_window_size is 2; it has to be from 3 to 255",
            ),
        ] {
            let error = options(line).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for line in ["-t --of-img-scale 0.5", "-t --post-connect-single-breaks"] {
            let words = std::iter::once("program").chain(line.split_whitespace());
            assert!(Line::try_parse_from(words).is_err(), "{line}");
        }
    }

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        assert!(options("-t --tracker classic --scoring-method iou").is_err());
        assert!(options("-t --tracker classic --use-kalman").is_err());
        assert!(options("-t --max-tracks 0").is_err());
        for (line, words) in [
            (
                "-t --scoring-method oks",
                "--scoring-method is not for --tracker animals",
            ),
            (
                "-t --tracker sort --max-tracks 2",
                "classic has it, and --tracker animals",
            ),
        ] {
            let error = options(line).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let words = ["program", "--tracker", "sort"];
        assert!(
            Line::try_parse_from(words).is_err(),
            "--tracker without --tracking"
        );
    }
}
