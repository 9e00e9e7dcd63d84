//! Camera and video capture, JPEG, drawing and windows.
//!
//! The only crate that uses OpenCV and FFmpeg; none of their types appear in the public interface.
//! Pixels travel as [`Image`]: 8 bits, gray, BGR or BGRA, rows packed; as [`DeepImage`] where the source has
//! more bits and the caller takes them.

#![warn(clippy::print_stdout, clippy::print_stderr)]
#![warn(missing_docs)]

mod about;
mod aravis;
mod avio;
pub mod cameras;
pub mod capture;
pub mod coded_clock;
mod deep_image;
pub mod draw;
mod frame_pixels;
pub mod frame_window;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gray;
mod image;
pub mod jpeg;
mod mat;
mod native_logs;
mod planar;
pub mod png;
mod pool;
pub mod record;
mod resize;
pub mod synthetic;
pub mod window;

pub use about::linked_libraries;
pub use deep_image::{DeepImage, DeepImageError, narrow_samples};
pub use gray::gray;
pub use image::{Image, ImageShapeError};
pub use mat::ImageError;
pub use native_logs::silence_native_logs;
pub use planar::{ChromaSampling, PlanarImage};
pub use resize::resize;
