//! JPEG with libjpeg-turbo.
//!
//! Bytes and pixels equal OpenCV's at the same quality (the same library is underneath),
//! but truncated and damaged input is an error here, where OpenCV answers with garbage.

mod camera;
mod decode;
mod encode;

pub use camera::Jpeg;
pub use decode::{Color, DecodeError, Decoder, Header, Limits, header};
pub use encode::{EncodeError, Encoder};
