//! Why options are not accepted.

use flow::FlowOptionsError;
use thiserror::Error;

/// Options that cannot be used, or not together.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OptionsError {
    /// A similarity that is not defined for these features.
    #[error(
        "features {features} cannot be scored by {scoring}: oks needs keypoints, iou needs bboxes; \
         euclidean_dist and cosine_sim go with centroids and bboxes"
    )]
    Scoring {
        /// The features.
        features: &'static str,
        /// The similarity.
        scoring: &'static str,
    },
    /// The Kalman filters of `classic` without a number of animals.
    #[error(
        "use_kalman needs to know how many animals there are: give tracking_target_instance_count \
         or max_tracks"
    )]
    KalmanCount,
    /// An option that needs the number of animals, which is not given.
    #[error("{option} needs the number of animals: give tracking_target_instance_count")]
    TargetCount {
        /// The option.
        option: &'static str,
    },
    /// Two motion models.
    #[error("use_flow and use_kalman both tell where a track is: give one of them")]
    TwoMotions,
    /// A number outside of its range.
    #[error("{option} is {given}; it has to be {range}")]
    Range {
        /// The option.
        option: &'static str,
        /// The number given.
        given: f64,
        /// What it may be.
        range: &'static str,
    },
}

impl From<FlowOptionsError> for OptionsError {
    fn from(error: FlowOptionsError) -> Self {
        Self::Range {
            option: error.option,
            given: error.given,
            range: error.range,
        }
    }
}

/// Checks a number against its range.
pub(crate) fn in_range(
    option: &'static str,
    given: f64,
    fits: bool,
    range: &'static str,
) -> Result<(), OptionsError> {
    if fits {
        return Ok(());
    }
    Err(OptionsError::Range {
        option,
        given,
        range,
    })
}
