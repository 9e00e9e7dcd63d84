//! JPEG to pixels. The input comes from peers and cameras and may be anything.

use std::borrow::Cow;

use turbojpeg::{Colorspace, Decompressor, PixelFormat, ScalingFactor};

use crate::Image;

/// A progressive JPEG may ask for thousands of passes over the image; real ones have about ten.
const MAX_SCANS: u32 = 64;

/// Sizes that a picture can be decoded to, smallest first.
const REDUCTIONS: [ScalingFactor; 3] = [
    ScalingFactor::ONE_EIGHTH,
    ScalingFactor::ONE_QUARTER,
    ScalingFactor::ONE_HALF,
];

const END_MARKER: [u8; 2] = [0xFF, 0xD9];

/// What the decoder returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Three channels, for JPEGs of any kind.
    Bgr,
    /// One channel: the JPEG's own luma.
    Gray,
}

impl Color {
    /// Bytes per pixel.
    pub fn channels(self) -> u8 {
        match self {
            Color::Bgr => 3,
            Color::Gray => 1,
        }
    }
}

/// Largest picture that is decoded; checked before memory is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegLimits {
    /// Width in pixels. Default 16,384.
    pub max_width: u32,
    /// Height in pixels. Default 16,384.
    pub max_height: u32,
}

impl Default for JpegLimits {
    fn default() -> JpegLimits {
        JpegLimits {
            max_width: 16_384,
            max_height: 16_384,
        }
    }
}

/// The header of a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegHeader {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Components: 1 (gray), 3 (colour) or 4 (CMYK, which is not decoded).
    pub channels: u8,
    /// Sent in passes of rising detail; cut off, it can still look complete.
    pub is_progressive: bool,
}

/// Why bytes did not become an image.
#[derive(Debug, thiserror::Error)]
pub enum JpegDecodeError {
    /// No JPEG header at the start.
    #[error("not a JPEG ({bytes} bytes): {reason}")]
    Header {
        /// Length of the input.
        bytes: usize,
        /// libjpeg-turbo's message.
        reason: String,
    },
    /// Larger than allowed.
    #[error("the JPEG is {width}x{height}, more than {max_width}x{max_height} is not accepted")]
    TooLarge {
        /// Width in its header.
        width: u32,
        /// Height in its header.
        height: u32,
        /// The limit of the width.
        max_width: u32,
        /// The limit of the height.
        max_height: u32,
    },
    /// CMYK and the like.
    #[error("JPEGs with {0} colour components are not supported")]
    Components(u8),
    /// Truncated, damaged, or followed by other data.
    #[error("the JPEG is damaged ({bytes} bytes): {reason}")]
    Damaged {
        /// Length of the input.
        bytes: usize,
        /// libjpeg-turbo's message.
        reason: String,
    },
    /// The library could not start.
    #[error("the JPEG decoder is not available: {0}")]
    Library(String),
}

/// Decodes JPEGs; keep it and reuse it.
pub struct JpegDecoder {
    pub(super) decompressor: Decompressor,
    warned: bool,
}

fn decompressor() -> Result<Decompressor, JpegDecodeError> {
    let mut decompressor = Decompressor::new().map_err(library)?;
    decompressor.set_scan_limit(MAX_SCANS).map_err(library)?;
    Ok(decompressor)
}

impl JpegDecoder {
    /// Starts a decoder.
    ///
    /// # Errors
    /// The library cannot start.
    pub fn new() -> Result<JpegDecoder, JpegDecodeError> {
        Ok(JpegDecoder {
            decompressor: decompressor()?,
            warned: false,
        })
    }

    /// Width, height and components, without decoding.
    pub fn header(&mut self, jpeg: &[u8]) -> Result<JpegHeader, JpegDecodeError> {
        let found = match self.decompressor.read_header(jpeg) {
            Ok(found) => found,
            Err(error) => {
                // The library would go on in the middle of this header with the next JPEG.
                self.decompressor = decompressor()?;
                return Err(JpegDecodeError::Header {
                    bytes: jpeg.len(),
                    reason: reason(&error),
                });
            }
        };
        Ok(JpegHeader {
            // libjpeg's sides are at most 65,500.
            width: found.width as u32,
            height: found.height as u32,
            channels: match found.colorspace {
                Colorspace::Gray => 1,
                Colorspace::RGB | Colorspace::YCbCr => 3,
                _ => 4,
            },
            is_progressive: found.is_progressive,
        })
    }

    /// The whole picture, or an error: never part of one.
    ///
    /// Some cameras leave out the end marker. A baseline JPEG without it is completed and
    /// then has to decode without complaint; a truncated one still fails.
    pub fn decode(
        &mut self,
        jpeg: &[u8],
        want: Color,
        limits: &JpegLimits,
    ) -> Result<Image, JpegDecodeError> {
        let mut pixels = Vec::new();
        let header = self.decode_into(jpeg, want, limits, &mut pixels)?;
        Image::new(header.width, header.height, want.channels(), pixels).map_err(|error| {
            JpegDecodeError::Damaged {
                bytes: jpeg.len(),
                reason: error.to_string(),
            }
        })
    }

    /// As [`JpegDecoder::decode`], into a buffer that can be used again and then costs no allocation:
    /// it is made as long as the picture, `height * width * want.channels()`.
    pub fn decode_into(
        &mut self,
        jpeg: &[u8],
        want: Color,
        limits: &JpegLimits,
        pixels: &mut Vec<u8>,
    ) -> Result<JpegHeader, JpegDecodeError> {
        let header = self.accepted(jpeg, limits)?;
        self.fill(jpeg, want, &header, ScalingFactor::ONE, pixels)?;
        Ok(header)
    }

    /// As [`JpegDecoder::decode`], but to a half, quarter or eighth of the size where that is still at
    /// least `width` pixels wide, which takes far less time.
    pub fn decode_reduced(
        &mut self,
        jpeg: &[u8],
        want: Color,
        limits: &JpegLimits,
        width: u32,
    ) -> Result<Image, JpegDecodeError> {
        let header = self.accepted(jpeg, limits)?;
        let wide_enough =
            |factor: &ScalingFactor| factor.scale(header.width as usize) >= width as usize;
        let factor = REDUCTIONS.into_iter().find(wide_enough);
        let mut pixels = Vec::new();
        let factor = factor.unwrap_or(ScalingFactor::ONE);
        let (width, height) = self.fill(jpeg, want, &header, factor, &mut pixels)?;
        Image::new(width, height, want.channels(), pixels).map_err(|error| {
            JpegDecodeError::Damaged {
                bytes: jpeg.len(),
                reason: error.to_string(),
            }
        })
    }

    /// The header of a picture that is small enough and of a known kind.
    pub(super) fn accepted(
        &mut self,
        jpeg: &[u8],
        limits: &JpegLimits,
    ) -> Result<JpegHeader, JpegDecodeError> {
        let header = self.header(jpeg)?;
        let (width, height) = (header.width, header.height);
        if width > limits.max_width || height > limits.max_height {
            return Err(JpegDecodeError::TooLarge {
                width,
                height,
                max_width: limits.max_width,
                max_height: limits.max_height,
            });
        }
        match header.channels {
            1..=3 => Ok(header),
            channels => Err(JpegDecodeError::Components(channels)),
        }
    }

    /// Makes `pixels` the picture of this header, reduced by `factor`; its width and height then.
    fn fill(
        &mut self,
        jpeg: &[u8],
        want: Color,
        header: &JpegHeader,
        factor: ScalingFactor,
        pixels: &mut Vec<u8>,
    ) -> Result<(u32, u32), JpegDecodeError> {
        let jpeg = self.complete(jpeg, header);
        let width = factor.scale(header.width as usize);
        let height = factor.scale(header.height as usize);
        let pitch = width * usize::from(want.channels());
        pixels.resize(pitch * height, 0);
        let output = turbojpeg::Image {
            pixels: &mut pixels[..],
            width,
            pitch,
            height,
            format: match want {
                Color::Bgr => PixelFormat::BGR,
                Color::Gray => PixelFormat::GRAY,
            },
        };
        self.decompressor
            .set_scaling_factor(factor)
            .map_err(library)?;
        let decoded = self.decompressor.decompress(&jpeg, output);
        damaged(decoded, jpeg.len())?;
        // No larger than the header's own sides.
        Ok((width as u32, height as u32))
    }

    pub(super) fn complete<'a>(&mut self, jpeg: &'a [u8], header: &JpegHeader) -> Cow<'a, [u8]> {
        if header.is_progressive || jpeg.ends_with(&END_MARKER) {
            return Cow::Borrowed(jpeg);
        }
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(
                bytes = jpeg.len(),
                "JPEG without an end marker: adding one (logged once)"
            );
        }
        Cow::Owned([jpeg, &END_MARKER].concat())
    }
}

/// Width, height and components of a JPEG, without decoding it.
pub fn header(jpeg: &[u8]) -> Result<JpegHeader, JpegDecodeError> {
    JpegDecoder::new()?.header(jpeg)
}

pub(super) fn library(error: turbojpeg::Error) -> JpegDecodeError {
    JpegDecodeError::Library(error.to_string())
}

/// Whether a picture of so many bytes is damaged.
///
/// Many cameras write a few bytes too many before the end marker. All of the picture stands before them: the
/// library reports the first irregularity, and there is none but this one.
pub(super) fn damaged(
    decoded: Result<(), turbojpeg::Error>,
    bytes: usize,
) -> Result<(), JpegDecodeError> {
    const HARMLESS: &str = "extraneous bytes before marker 0xd9";
    let Err(error) = decoded else {
        return Ok(());
    };
    let reason = reason(&error);
    match reason.ends_with(HARMLESS) {
        true => Ok(()),
        false => Err(JpegDecodeError::Damaged { bytes, reason }),
    }
}

fn reason(error: &turbojpeg::Error) -> String {
    match error {
        turbojpeg::Error::TurboJpegError(message) => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::JpegEncoder;

    /// A damaged JPEG leaves nothing behind in the decoder.
    #[test]
    fn a_jpeg_decodes_whatever_came_before_it() {
        let pixels: Vec<u8> = (0..16 * 8 * 3).map(|n| n as u8).collect();
        let image = Image::new(16, 8, 3, pixels).unwrap();
        let whole = crate::jpeg::JpegEncoder::new(80)
            .unwrap()
            .encode(&image)
            .unwrap();
        let limits = JpegLimits::default();
        let alone = JpegDecoder::new()
            .unwrap()
            .decode(&whole, Color::Bgr, &limits)
            .unwrap();
        let mut decoder = JpegDecoder::new().unwrap();
        for end in 0..whole.len() {
            let _ = decoder.decode(&whole[..end], Color::Bgr, &limits);
            let after = decoder.decode(&whole, Color::Bgr, &limits);
            assert!(
                after.as_ref().is_ok_and(|after| *after == alone),
                "after {end} bytes: {after:?}"
            );
            let _ = decoder.decode_reduced(&whole[..end], Color::Gray, &limits, 1);
            let after = decoder.decode(&whole, Color::Bgr, &limits);
            assert!(
                after.as_ref().is_ok_and(|after| *after == alone),
                "after reduced {end}: {after:?}"
            );
        }
    }

    #[test]
    fn pictures_are_reduced_as_far_as_they_stay_wide_enough() {
        // Dark above, light below.
        let pixels: Vec<u8> = (0..100 * 60)
            .map(|at| if at < 3000 { 50 } else { 200 })
            .collect();
        let image = Image::new(100, 60, 1, pixels).unwrap();
        let jpeg = JpegEncoder::new(95).unwrap().encode(&image).unwrap();
        let mut decoder = JpegDecoder::new().unwrap();
        let mut size = |width| {
            let reduced = decoder.decode_reduced(&jpeg, Color::Gray, &JpegLimits::default(), width);
            let reduced = reduced.unwrap();
            let (above, below) = (reduced.data[0], reduced.data[reduced.data.len() - 1]);
            assert!(
                above.abs_diff(50) < 5 && below.abs_diff(200) < 5,
                "{above} {below}"
            );
            (reduced.width, reduced.height)
        };
        for (width, expected) in [
            (1, (13, 8)),
            (13, (13, 8)),
            (14, (25, 15)),
            (50, (50, 30)),
            (51, (100, 60)),
            (1000, (100, 60)),
        ] {
            assert_eq!(size(width), expected, "{width}");
        }
        let whole = decoder.decode(&jpeg, Color::Gray, &JpegLimits::default());
        assert_eq!(whole.unwrap().width, 100, "the next one is not reduced");
    }
}
