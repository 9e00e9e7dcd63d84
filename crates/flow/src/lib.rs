#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod level;
mod lucas_kanade;
mod options;
mod patch;
mod picture;
mod pyramid;
mod resize;
mod rows;

pub use lucas_kanade::ShiftedPoint;
pub use options::{FlowOptions, FlowOptionsError};
pub use picture::{Picture, PictureError};
pub use pyramid::Pyramid;
