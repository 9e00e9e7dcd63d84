//! The pixels of FFmpeg's frames: where they are, and their conversion.

mod layout;
mod scale;

pub(crate) use layout::{PixelLayout, PlaneShape, allocate, row, row_mut, significant_bits};
pub(crate) use scale::{PixelTarget, Scaler};
