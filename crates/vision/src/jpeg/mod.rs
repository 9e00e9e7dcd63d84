//! JPEG with libjpeg-turbo.
//!
//! Bytes and pixels equal OpenCV's at the same quality (the same library is underneath),
//! but truncated and damaged input is an error here, where OpenCV gives wrong pixels.

mod camera;
mod decode;
mod decode_planar;
mod encode;

pub use camera::CameraJpeg;
pub use decode::{Color, JpegDecodeError, JpegDecoder, JpegHeader, JpegLimits, header};
pub use encode::{JpegEncodeError, JpegEncoder};
