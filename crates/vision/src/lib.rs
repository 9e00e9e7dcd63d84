//! Camera and video capture, JPEG, drawing and windows.
//!
//! The only crate that names OpenCV; none of its types appear in the public interface.

mod image;
pub mod synthetic;

pub use image::{Image, ShapeError};
