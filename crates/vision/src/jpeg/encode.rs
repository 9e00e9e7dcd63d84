//! Pixels to JPEG.

use bytes::Bytes;
use turbojpeg::{Compressor, PixelFormat, Subsamp};

use crate::{ChromaSampling, Image, ImageShapeError, PlanarImage};

/// Why an image did not become a JPEG.
#[derive(Debug, thiserror::Error)]
pub enum JpegEncodeError {
    /// Quality outside 1 to 100.
    #[error("JPEG quality {0} is outside 1 to 100 (80 is a good choice)")]
    Quality(u8),
    /// The image's fields do not fit each other.
    #[error(transparent)]
    Shape(#[from] ImageShapeError),
    /// libjpeg-turbo reported an error.
    #[error("JPEG encoding failed: {0}")]
    Library(String),
}

/// Encodes images at one quality; keep it and reuse it.
pub struct JpegEncoder {
    compressor: Compressor,
}

impl JpegEncoder {
    /// An encoder at `quality` 1 (worst) to 100 (best), chroma halved both ways (4:2:0).
    pub fn new(quality: u8) -> Result<JpegEncoder, JpegEncodeError> {
        if !(1..=100).contains(&quality) {
            return Err(JpegEncodeError::Quality(quality));
        }
        let mut compressor = Compressor::new().map_err(library)?;
        compressor
            .set_quality(i32::from(quality))
            .map_err(library)?;
        Ok(JpegEncoder { compressor })
    }

    /// `image` as a JPEG: gray images become gray JPEGs, the alpha of BGRA is dropped.
    pub fn encode(&mut self, image: &Image) -> Result<Bytes, JpegEncodeError> {
        image.check()?;
        let (format, subsamp) = match image.channels {
            1 => (PixelFormat::GRAY, Subsamp::Gray),
            3 => (PixelFormat::BGR, Subsamp::Sub2x2),
            _ => (PixelFormat::BGRX, Subsamp::Sub2x2),
        };
        self.compressor.set_subsamp(subsamp).map_err(library)?;
        let pixels = turbojpeg::Image {
            pixels: &image.data[..],
            width: image.width as usize,
            pitch: image.row_bytes(),
            height: image.height as usize,
            format,
        };
        // `compress` with buffers of our own is unsound in turbojpeg 1.5.1 once a second
        // one is used with the same compressor; this form makes and frees its own each time.
        let bytes = self.compressor.compress_to_vec(pixels).map_err(library)?;
        Ok(bytes.into())
    }

    /// `image` as a JPEG with the chroma that it has. Nothing is converted.
    pub fn encode_planar(&mut self, image: &PlanarImage) -> Result<Bytes, JpegEncodeError> {
        let (width, height) = image.size();
        let planes = turbojpeg::YuvImage {
            pixels: &image.data()[..],
            width: width as usize,
            align: 1,
            height: height as usize,
            subsamp: match image.chroma() {
                ChromaSampling::Quarter => Subsamp::Sub2x2,
                ChromaSampling::Half => Subsamp::Sub2x1,
                ChromaSampling::Full => Subsamp::None,
            },
        };
        let bytes = self.compressor.compress_yuv_to_vec(planes);
        Ok(bytes.map_err(library)?.into())
    }
}

fn library(error: turbojpeg::Error) -> JpegEncodeError {
    JpegEncodeError::Library(error.to_string())
}
