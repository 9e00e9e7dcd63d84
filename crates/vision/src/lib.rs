//! Camera and video capture, JPEG, drawing and windows.
//!
//! The only crate that names OpenCV; none of its types appear in the public interface.
//! Pixels travel as [`Image`]: 8 bits, gray, BGR or BGRA, rows packed.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod about;
pub mod cameras;
pub mod capture;
pub mod draw;
mod environment;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod image;
pub mod jpeg;
mod logs;
mod mat;
pub mod png;
pub mod record;
mod resize;
pub mod synthetic;
pub mod viewer;
pub mod window;

pub use about::{opencv_backends, opencv_version};
pub use image::{Image, ShapeError};
pub use logs::silence_native_logs;
pub use mat::ImageError;
pub use resize::resize;
