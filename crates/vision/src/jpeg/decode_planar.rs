//! JPEG to the planes that it has inside.

use turbojpeg::{Colorspace, ScalingFactor, Subsamp, YuvImage};

use super::decode::{damaged, library};
use super::{JpegDecodeError, JpegDecoder, JpegLimits};
use crate::{ChromaSampling, PlanarImage};

impl JpegDecoder {
    /// The planes of a colour picture, without a conversion; `None` where it has others than a [`PlanarImage`] can
    /// hold: it is gray, its chroma is of a rare size, or it is in RGB.
    pub fn decode_planar(
        &mut self,
        jpeg: &[u8],
        limits: &JpegLimits,
    ) -> Result<Option<PlanarImage>, JpegDecodeError> {
        let header = self.accepted(jpeg, limits)?;
        let found = self.decompressor.read_header(jpeg).map_err(library)?;
        let chroma = match (found.colorspace, found.subsamp) {
            (Colorspace::YCbCr, Subsamp::Sub2x2) => ChromaSampling::Quarter,
            (Colorspace::YCbCr, Subsamp::Sub2x1) => ChromaSampling::Half,
            (Colorspace::YCbCr, Subsamp::None) => ChromaSampling::Full,
            _ => return Ok(None),
        };
        let (width, height) = (header.width, header.height);
        // The library gives luma as many columns and rows as its chroma covers.
        let is_even = |side: u32| side.is_multiple_of(2);
        if chroma != ChromaSampling::Full && !(is_even(width) && is_even(height)) {
            return Ok(None);
        }
        let jpeg = self.complete(jpeg, &header);
        let (columns, rows) = chroma.plane(width, height);
        let area = |width: u32, height: u32| width as usize * height as usize;
        let mut planes = vec![0; area(width, height) + 2 * area(columns, rows)];
        let output = YuvImage {
            pixels: &mut planes[..],
            width: width as usize,
            align: 1,
            height: height as usize,
            subsamp: found.subsamp,
        };
        self.decompressor
            .set_scaling_factor(ScalingFactor::ONE)
            .map_err(library)?;
        let decoded = self.decompressor.decompress_to_yuv(&jpeg, output);
        damaged(decoded, jpeg.len())?;
        let image = PlanarImage::new((width, height), chroma, planes);
        image.map(Some).map_err(|error| JpegDecodeError::Damaged {
            bytes: jpeg.len(),
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use crate::jpeg::{Color, JpegEncoder};

    fn planes(jpeg: &[u8]) -> Result<Option<PlanarImage>, JpegDecodeError> {
        JpegDecoder::new()
            .unwrap()
            .decode_planar(jpeg, &JpegLimits::default())
    }

    fn pattern(width: u32, height: u32, channels: u8) -> Image {
        let bytes = width * height * u32::from(channels);
        let pixels: Vec<u8> = (0..bytes).map(|at| (at / 3 % 200) as u8).collect();
        Image::new(width, height, channels, pixels).unwrap()
    }

    #[test]
    fn planes_show_what_the_pixels_show() {
        for chroma in [
            ChromaSampling::Quarter,
            ChromaSampling::Half,
            ChromaSampling::Full,
        ] {
            let (columns, rows) = chroma.plane(32, 16);
            let mut samples: Vec<u8> = (0..32 * 16).map(|at| (at / 4) as u8).collect();
            samples.extend(vec![90; (columns * rows) as usize]);
            samples.extend(vec![170; (columns * rows) as usize]);
            let image = PlanarImage::new((32, 16), chroma, samples).unwrap();
            let jpeg = JpegEncoder::new(95).unwrap().encode_planar(&image).unwrap();
            let found = planes(&jpeg).unwrap().unwrap();
            assert_eq!(found.chroma(), chroma);
            let off = found.data().iter().zip(image.data().iter());
            let off = off.map(|(one, other)| one.abs_diff(*other)).max();
            assert!(off < Some(8), "{chroma:?}: {off:?}");
            let limits = JpegLimits::default();
            let pixels = JpegDecoder::new().unwrap();
            let pixels = { pixels }.decode(&jpeg, Color::Bgr, &limits).unwrap();
            let shown = found.to_bgr();
            let off = shown.data.iter().zip(pixels.data.iter());
            let off = off.map(|(one, other)| one.abs_diff(*other)).max();
            assert!(off < Some(8), "{chroma:?}: {off:?}");
        }
    }

    #[test]
    fn pictures_without_such_planes_are_left_to_the_other_way() {
        let jpeg = |image: &Image| JpegEncoder::new(80).unwrap().encode(image).unwrap();
        assert!(planes(&jpeg(&pattern(32, 16, 1))).unwrap().is_none());
        assert!(planes(&jpeg(&pattern(33, 16, 3))).unwrap().is_none());
        assert!(planes(&jpeg(&pattern(32, 16, 3))).unwrap().is_some());
    }

    #[test]
    fn part_of_a_picture_is_an_error() {
        let jpeg = JpegEncoder::new(80).unwrap().encode(&pattern(64, 64, 3));
        let jpeg = jpeg.unwrap();
        for end in 0..jpeg.len() - 4 {
            assert!(planes(&jpeg[..end]).is_err(), "{end} bytes");
        }
    }
}
