//! Images as a JPEG has them inside: luma and chroma in planes.

use std::fmt;

use bytes::Bytes;

use crate::{Image, ImageShapeError};

/// How many pixels share a chroma sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChromaSampling {
    /// Two by two (4:2:0).
    Quarter,
    /// Two beside each other (4:2:2).
    Half,
    /// None: each has its own (4:4:4).
    Full,
}

impl ChromaSampling {
    /// Columns and rows of a chroma plane.
    pub fn plane(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            ChromaSampling::Quarter => (width.div_ceil(2), height.div_ceil(2)),
            ChromaSampling::Half => (width.div_ceil(2), height),
            ChromaSampling::Full => (width, height),
        }
    }
}

/// A colour image in planes of luma, blue and red difference: 8 bits, the full range, matrix of BT.601,
/// as JFIF defines it. Cloning shares the samples.
#[derive(Clone, PartialEq, Eq)]
pub struct PlanarImage {
    width: u32,
    height: u32,
    chroma: ChromaSampling,
    data: Bytes,
}

impl PlanarImage {
    /// An image over `data`: the three planes one after the other, rows packed.
    ///
    /// # Errors
    /// A side is not possible, or `data` does not have the planes' size.
    pub fn new(
        (width, height): (u32, u32),
        chroma: ChromaSampling,
        data: impl Into<Bytes>,
    ) -> Result<PlanarImage, ImageShapeError> {
        let data = data.into();
        if width == 0 || height == 0 || width > Image::MAX_SIDE || height > Image::MAX_SIDE {
            return Err(ImageShapeError::Size { width, height });
        }
        let (columns, rows) = chroma.plane(width, height);
        let area = |(width, height)| u64::from(width) * u64::from(height);
        let expected = area((width, height)) + 2 * area((columns, rows));
        let got = data.len() as u64;
        if expected != got {
            return Err(ImageShapeError::Bytes { expected, got });
        }
        Ok(PlanarImage {
            width,
            height,
            chroma,
            data,
        })
    }

    /// Columns and rows, pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// How many pixels share a chroma sample.
    pub fn chroma(&self) -> ChromaSampling {
        self.chroma
    }

    /// The planes, one after the other.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Luma alone, as a gray image without a copy.
    pub fn luma(&self) -> Image {
        let area = self.width as usize * self.height as usize;
        Image {
            width: self.width,
            height: self.height,
            channels: 1,
            data: self.data.slice(..area),
        }
    }

    /// The image in BGR, each chroma sample for all its pixels.
    pub fn to_bgr(&self) -> Image {
        let (width, height) = (self.width as usize, self.height as usize);
        let (columns, rows) = self.chroma.plane(self.width, self.height);
        let (columns, rows) = (columns as usize, rows as usize);
        let (luma, chroma) = self.data.split_at(width * height);
        let (blue, red) = chroma.split_at(columns * rows);
        // 1 where two pixels share a sample, else 0.
        let across = usize::from(self.chroma != ChromaSampling::Full);
        let down = usize::from(self.chroma == ChromaSampling::Quarter);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for (y, row) in luma.chunks_exact(width).enumerate() {
            let start = (y >> down) * columns;
            for (x, &luma) in row.iter().enumerate() {
                let at = start + (x >> across);
                pixels.extend(bgr(luma, blue[at], red[at]));
            }
        }
        Image {
            width: self.width,
            height: self.height,
            channels: 3,
            data: pixels.into(),
        }
    }
}

/// By the inverse of BT.601's matrix, in units of 1/65536.
fn bgr(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let luma = (i32::from(luma) << 16) + HALF;
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let level = |value: i32| (value >> 16).clamp(0, 255) as u8;
    [
        level(luma + 116_130 * blue),
        level(luma - 22_554 * blue - 46_802 * red),
        level(luma + 91_881 * red),
    ]
}

impl fmt::Debug for PlanarImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height, chroma) = (self.width, self.height, self.chroma);
        write!(f, "PlanarImage({width}x{height}, {chroma:?} chroma)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_and_bytes_must_agree() {
        let new = |size, chroma, bytes| PlanarImage::new(size, chroma, vec![0; bytes]);
        assert!(new((3, 3), ChromaSampling::Quarter, 9 + 4 + 4).is_ok());
        assert!(new((3, 3), ChromaSampling::Half, 9 + 6 + 6).is_ok());
        assert!(new((3, 3), ChromaSampling::Full, 27).is_ok());
        assert!(new((3, 3), ChromaSampling::Full, 26).is_err());
        assert!(new((0, 3), ChromaSampling::Full, 0).is_err());
    }

    #[test]
    fn each_chroma_sample_colours_its_pixels() {
        // Red, gray; below them the same.
        let data = vec![76, 76, 128, 128, 76, 76, 128, 128, 85, 128, 255, 128];
        let image = PlanarImage::new((4, 2), ChromaSampling::Quarter, data).unwrap();
        let pixels = image.to_bgr();
        for row in pixels.data.chunks_exact(12) {
            assert!(row[2] >= 253 && row[0] <= 1 && row[1] <= 1, "{row:?}");
            assert_eq!(row[6..12], [128; 6]);
        }
    }
}
