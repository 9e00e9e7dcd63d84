//! `sort`, `bytetrack` and `ocsort`: boxes and a Kalman filter for each track.
//!
//! ```text
//!   frame ─► boxes ─► predict ─► associate (each tracker its own) ─► update, begin, confirm, end
//! ```
//!
//! As sleap-nn's are. Fed frame by frame, the size of the animals is measured on the way, and scores are taken
//! as they are; with a look through the whole video ([`calibrated`]) both are known from the beginning.

mod associate;
mod body_size;
mod boxes;
mod bytetrack;
mod calibration;
mod detections;
mod kalman;
mod ocsort;
mod options;
mod replay;
mod similarity;
mod sort;
mod stride;
mod track;
mod tracker;
mod tracks;

pub use options::{KalmanKind, MotKind, MotOptions, ScoreMode, Similarity, TimeBase};

pub(crate) use calibration::{Calibration, calibrated};
pub(crate) use detections::BoxDetection;
pub(crate) use tracker::MotTracker;
