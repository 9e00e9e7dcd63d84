#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod assign;
mod census;
mod colors;
mod detections;
mod final_names;
mod numbers;
mod whole_video;

pub use assign::PredictionTracker;
pub use census::{TrackCensus, TrackCounts};
pub use colors::TrackColors;
pub use numbers::TrackNumbers;
