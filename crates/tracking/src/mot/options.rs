//! Options of `sort`, `bytetrack` and `ocsort`.

use crate::choice::choice;
use crate::error::{OptionsError, in_range};

choice! {
    /// The tracker of boxes.
    enum MotKind {
        /// SORT.
        Sort = "sort",
        /// ByteTrack.
        ByteTrack = "bytetrack",
        /// OC-SORT.
        OcSort = "ocsort",
    }
}

choice! {
    /// How a predicted track and a detection are compared.
    enum Similarity {
        /// Boxes; centroids where a skeleton has one node.
        Auto = "auto",
        /// Intersection over union of boxes.
        Iou = "iou",
        /// Object keypoint similarity.
        Oks = "oks",
        /// Distance of centroids, against the size of the animals.
        Centroid = "centroid",
    }
}

choice! {
    /// What a detection's score is.
    enum ScoreMode {
        /// The mean of its nodes' scores.
        Auto = "auto",
        /// The instance's score.
        Instance = "instance",
        /// 1 for every detection.
        None = "none",
    }
}

choice! {
    /// What the Kalman filter holds.
    enum KalmanKind {
        /// Centre, width and height.
        Xywh = "xywh",
        /// Centre, width over height, and height.
        Xyah = "xyah",
        /// Centre, area, and width over height, which does not change.
        Xysr = "xysr",
    }
}

choice! {
    /// What a step of the filter is.
    enum TimeBase {
        /// Frames where they come regularly, steps otherwise.
        Auto = "auto",
        /// The frames' numbers, in their most common distance.
        Frames = "frames",
        /// One for each frame that is tracked.
        Steps = "steps",
    }
}

/// Options of the trackers of boxes. Defaults are sleap-nn's for animals.
#[derive(Debug, Clone, PartialEq)]
pub struct MotOptions {
    /// The tracker.
    pub kind: MotKind,
    /// How tracks and detections are compared.
    pub similarity: Similarity,
    /// Size of an animal in pixels; `None`: measured.
    pub body_size: Option<f64>,
    /// Tolerance of [`Similarity::Oks`].
    pub oks_stddev: f64,
    /// A box is wider than its pose by this share on each side.
    pub box_padding: f64,
    /// What a detection's score is.
    pub score_mode: ScoreMode,
    /// Scores are divided by it and cut at 1: what a good detection of the video has. 1 where that is not
    /// known.
    pub score_normalizer: f64,
    /// What the filter holds.
    pub kalman: KalmanKind,
    /// What a step of the filter is.
    pub time_base: TimeBase,
    /// Steps that a track lives without a detection.
    pub track_buffer: u32,
    /// Detections after which a track gets its number.
    pub min_hits: u32,
    /// Detections above it are matched first.
    pub track_high_threshold: f64,
    /// Detections up to it are not used.
    pub track_low_threshold: f64,
    /// Detections below it start no track.
    pub new_track_threshold: f64,
    /// The least similarity of a match.
    pub min_match_similarity: f64,
    /// The same for detections of low scores.
    pub low_stage_min_similarity: f64,
    /// The same for tracks without a number.
    pub unconfirmed_min_similarity: f64,
    /// Above it, two tracks are the same one.
    pub duplicate_similarity: f64,
    /// Whether a detection's score counts in the similarity.
    pub fuse_score: bool,
    /// Steps over which a direction is measured.
    pub delta_t: u32,
    /// Weight of the direction.
    pub inertia: f64,
    /// Whether `ocsort` matches detections of low scores too.
    pub use_byte: bool,
    /// How many animals there are: once all frames of a video are there, so many tracks stay, and the others
    /// join them. Live it changes nothing.
    pub max_tracks: Option<u32>,
    /// Whether tracks that end and begin again are joined once all frames of a video are there, as with
    /// `max_tracks`.
    pub link_tracklets: bool,
}

impl MotOptions {
    fn base(kind: MotKind, kalman: KalmanKind) -> Self {
        Self {
            kind,
            similarity: Similarity::Auto,
            body_size: None,
            oks_stddev: 0.1,
            box_padding: 0.1,
            score_mode: ScoreMode::Auto,
            score_normalizer: 1.0,
            kalman,
            time_base: TimeBase::Auto,
            track_buffer: 30,
            min_hits: 3,
            track_high_threshold: 0.6,
            track_low_threshold: 0.1,
            new_track_threshold: 0.6,
            min_match_similarity: 0.3,
            low_stage_min_similarity: 0.5,
            unconfirmed_min_similarity: 0.3,
            duplicate_similarity: 0.85,
            fuse_score: false,
            delta_t: 3,
            inertia: 0.2,
            use_byte: false,
            max_tracks: None,
            link_tracklets: false,
        }
    }

    /// SORT.
    pub fn sort() -> Self {
        Self {
            track_high_threshold: 0.1,
            new_track_threshold: 0.1,
            ..Self::base(MotKind::Sort, KalmanKind::Xysr)
        }
    }

    /// ByteTrack.
    pub fn bytetrack() -> Self {
        Self {
            min_hits: 2,
            track_high_threshold: 0.5,
            min_match_similarity: 0.2,
            fuse_score: true,
            ..Self::base(MotKind::ByteTrack, KalmanKind::Xywh)
        }
    }

    /// OC-SORT.
    pub fn ocsort() -> Self {
        Self::base(MotKind::OcSort, KalmanKind::Xysr)
    }

    /// Whether tracks are joined once all frames of a video are there.
    pub fn joins_tracks(&self) -> bool {
        self.link_tracklets || self.max_tracks.is_some()
    }

    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), OptionsError> {
        for (option, value) in [
            ("track_high_threshold", self.track_high_threshold),
            ("track_low_threshold", self.track_low_threshold),
            ("new_track_threshold", self.new_track_threshold),
            ("min_match_similarity", self.min_match_similarity),
            ("low_stage_min_similarity", self.low_stage_min_similarity),
            (
                "unconfirmed_min_similarity",
                self.unconfirmed_min_similarity,
            ),
            ("duplicate_similarity", self.duplicate_similarity),
        ] {
            in_range(option, value, (0.0..=1.0).contains(&value), "from 0 to 1")?;
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        for (option, value) in [
            ("oks_stddev", self.oks_stddev),
            ("score_normalizer", self.score_normalizer),
            ("body_size", self.body_size.unwrap_or(1.0)),
        ] {
            in_range(option, value, positive(value), "above 0")?;
        }
        let padding = self.box_padding;
        in_range(
            "box_padding",
            padding,
            (0.0..=10.0).contains(&padding),
            "from 0 to 10",
        )?;
        in_range(
            "inertia",
            self.inertia,
            self.inertia.is_finite(),
            "a finite number",
        )?;
        self.check_counts()?;
        let (low, high) = (self.track_low_threshold, self.track_high_threshold);
        in_range(
            "track_low_threshold",
            low,
            low <= high,
            "at most track_high_threshold",
        )
    }

    fn check_counts(&self) -> Result<(), OptionsError> {
        for (option, value) in [("min_hits", self.min_hits), ("delta_t", self.delta_t)] {
            in_range(
                option,
                f64::from(value),
                (1..=1000).contains(&value),
                "from 1 to 1000",
            )?;
        }
        if let Some(max) = self.max_tracks {
            in_range("max_tracks", f64::from(max), max > 0, "at least 1")?;
        }
        let buffer = self.track_buffer;
        in_range(
            "track_buffer",
            f64::from(buffer),
            buffer <= 100_000,
            "at most 100000",
        )
    }
}
