//! Which animal is which: track numbers for the instances of successive frames.
//!
//! A [`Tracker`] is given the [`Detection`]s of one frame after the other and the frames' numbers,
//! and returns a track for each, at once. It reads no clock and no file; with `use_flow` it looks at the pictures
//! that it is given. Where all frames of a video are there, [`final_tracks`] looks through the whole of it.
//!
//! ```
//! use tracking::{Detection, Tracker, TrackerKind, TrackerOptions};
//!
//! let mut tracker = Tracker::new(TrackerOptions::of(TrackerKind::Animals))?;
//! let mouse = |x: f64| Detection {
//!     points: vec![[x, 20.0], [x + 10.0, 20.0]],
//!     point_scores: vec![0.9, 0.9],
//!     score: 1.8,
//! };
//! for frame in 0..5 {
//!     let step = 3.0 * frame as f64;
//!     let tracks = tracker.track(frame, &[mouse(step), mouse(200.0 - step)]);
//!     assert_eq!(tracks.len(), 2);
//! }
//! # Ok::<(), tracking::OptionsError>(())
//! ```

#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod ahead;
mod animals;
mod assign;
mod choice;
mod classic;
mod detection;
mod error;
mod frame_picture;
mod matrix;
mod mot;
mod numeric;
mod options;
mod tracker;
mod video;

pub use ahead::{
    DerivedInstances, MAX_AHEAD_S, MAX_BRIDGE_S, Nodes, OneEuroOptions, PosePredictor, PoseSmoother,
};
pub use animals::AnimalsOptions;
pub use choice::ChoiceError;
pub use classic::{
    CandidatesMethod, ClassicOptions, Features, KalmanFeatures, KalmanOptions, MatchingMethod,
    ScoringMethod, ScoringReduction,
};
pub use detection::{Assignments, Detection, TrackAssignment};
pub use error::OptionsError;
pub use frame_picture::FramePicture;
pub use mot::{KalmanKind, MotKind, MotOptions, ScoreMode, Similarity, TimeBase};
pub use options::{TrackerKind, TrackerOptions};
pub use tracker::{MAX_DETECTIONS, Tracker};
pub use video::{FinalInstance, VideoFrame, VideoFrames, final_tracks};

/// Options and pictures of optical flow.
pub use flow;
