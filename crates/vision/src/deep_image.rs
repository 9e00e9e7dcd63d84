//! Images of more than 8 bits a sample.

use std::fmt;

use bytes::Bytes;
use opencv::core::{self, Mat, MatTraitConst, MatTraitConstManual};

use crate::mat::ImageError;
use crate::resize::scaled;
use crate::{Image, ImageShapeError};

/// An image of 16-bit samples: gray, BGR or BGRA, rows packed without padding.
///
/// Cameras and files of 10, 12 or 14 bits leave the upper bits of each sample zero. Cloning shares the
/// samples.
#[derive(Clone, PartialEq, Eq)]
pub struct DeepImage {
    width: u32,
    height: u32,
    channels: u8,
    significant_bits: u8,
    data: Bytes,
}

/// Why there is no such image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeepImageError {
    /// Size, channels and bytes do not fit each other.
    #[error(transparent)]
    Shape(#[from] ImageShapeError),
    /// More or fewer bits than a sample of this kind has.
    #[error("{0} significant bits: samples of 16 bits have 8 to 16")]
    SignificantBits(u8),
}

impl DeepImage {
    /// An image over `data`: `width * height * channels` little-endian samples of 2 bytes, of which the
    /// lower `significant_bits` (8 to 16) are used.
    ///
    /// # Errors
    /// The shape is not possible, `data` does not have its size, or the bits are out of range.
    pub fn new(
        (width, height): (u32, u32),
        channels: u8,
        significant_bits: u8,
        data: impl Into<Bytes>,
    ) -> Result<DeepImage, DeepImageError> {
        let data = data.into();
        if !(8..=16).contains(&significant_bits) {
            return Err(DeepImageError::SignificantBits(significant_bits));
        }
        if data.len() % 2 != 0 {
            let expected = u64::from(width) * u64::from(height) * u64::from(channels) * 2;
            let got = data.len() as u64;
            return Err(ImageShapeError::Bytes { expected, got }.into());
        }
        // The shape of an image with half of the bytes: one for each sample.
        let samples = data.slice(..data.len() / 2);
        Image::new(width, height, channels, samples)?;
        Ok(DeepImage {
            width,
            height,
            channels,
            significant_bits,
            data,
        })
    }

    /// Columns and rows, pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// 1 (gray), 3 (BGR) or 4 (BGRA).
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// Bits of each sample that are used, 8 to 16.
    pub fn significant_bits(&self) -> u8 {
        self.significant_bits
    }

    /// The samples: little-endian, 2 bytes each, row by row.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The image in 8 bits, scaled to the full range.
    pub fn narrow(&self) -> Image {
        Image {
            width: self.width,
            height: self.height,
            channels: self.channels,
            data: narrow_samples(&self.data, self.significant_bits).collect(),
        }
    }

    /// The image scaled to `width` x `height` pixels, as [`crate::resize`] does it, in its own depth.
    ///
    /// # Errors
    /// The size is not possible, or OpenCV fails.
    pub fn resize(&self, width: u32, height: u32) -> Result<DeepImage, ImageError> {
        if self.size() == (width, height) {
            return Ok(self.clone());
        }
        let sample = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
        let samples: Vec<u16> = self.data.chunks_exact(2).map(sample).collect();
        let what = ImageError::opencv;
        let flat = Mat::from_slice(&samples).map_err(what("view an image"))?;
        // `new` bounds both sides to 65,535.
        let source = flat
            .reshape(i32::from(self.channels), self.height as i32)
            .map_err(what("view an image"))?;
        let mat = scaled(&source, self.size(), (width, height))?;
        debug_assert_eq!(mat.depth(), core::CV_16U);
        let bytes = mat.data_bytes().map_err(what("read pixels"))?;
        let native = bytes.chunks_exact(2);
        let data = native.flat_map(|s| u16::from_ne_bytes([s[0], s[1]]).to_le_bytes());
        Ok(DeepImage {
            width,
            height,
            data: data.collect(),
            ..*self
        })
    }
}

/// Little-endian 16-bit samples in 8 bits: the upper 8 of those that are significant. Samples above the
/// range become the largest value.
pub fn narrow_samples(samples: &[u8], significant_bits: u8) -> impl Iterator<Item = u8> {
    let bits = u32::from(significant_bits.clamp(8, 16));
    samples.chunks_exact(2).map(move |sample| {
        let value = u32::from(u16::from_le_bytes([sample[0], sample[1]])) >> (bits - 8);
        value.min(0xff) as u8
    })
}

impl fmt::Debug for DeepImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height, channels) = (self.width, self.height, self.channels);
        let bits = self.significant_bits;
        write!(f, "DeepImage({width}x{height}x{channels}, {bits} bits)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(size: (u32, u32), channels: u8, bits: u8, samples: &[u16]) -> DeepImage {
        let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        DeepImage::new(size, channels, bits, data).unwrap()
    }

    #[test]
    fn shape_bytes_and_bits_must_agree() {
        assert!(DeepImage::new((2, 3), 3, 12, vec![0; 36]).is_ok());
        let of = |bytes: usize, bits| DeepImage::new((2, 3), 3, bits, vec![0; bytes]).unwrap_err();
        let (expected, got) = (18, 17);
        let shape = ImageShapeError::Bytes { expected, got };
        assert_eq!(of(34, 12), DeepImageError::Shape(shape));
        assert!(matches!(of(35, 12), DeepImageError::Shape(_)));
        assert_eq!(of(36, 7), DeepImageError::SignificantBits(7));
        assert_eq!(of(36, 17), DeepImageError::SignificantBits(17));
    }

    #[test]
    fn the_whole_range_of_the_source_becomes_the_whole_range_of_8_bits() {
        for bits in 8..=16 {
            let white = ((1u32 << bits) - 1) as u16;
            let image = image((3, 1), 1, bits, &[0, white / 2 + 1, white]);
            assert_eq!(image.narrow().data[..], [0, 128, 255], "{bits} bits");
        }
        // A source that does not keep to its own range.
        let over = image((2, 1), 1, 12, &[4096, 65_535]);
        assert_eq!(over.narrow().data[..], [255, 255]);
    }

    #[test]
    fn scaling_keeps_the_depth() {
        let wide = image((4, 2), 1, 12, &[0, 1000, 100, 300, 1000, 2000, 200, 401]);
        let small = wide.resize(2, 1).unwrap();
        assert_eq!(small, image((2, 1), 1, 12, &[1000, 250]));
        let colour = image((2, 1), 3, 16, &[1, 20, 300, 4001, 50_020, 60_300]);
        let one = colour.resize(1, 1).unwrap();
        assert_eq!(one, image((1, 1), 3, 16, &[2001, 25_020, 30_300]));
        assert_eq!(wide.resize(4, 2).unwrap(), wide);
        assert!(wide.resize(0, 2).is_err());
    }
}
