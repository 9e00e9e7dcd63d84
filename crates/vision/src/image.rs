//! The image type of this crate's interface.

use std::fmt;

use bytes::Bytes;

/// An 8-bit image: gray, BGR or BGRA, rows packed without padding.
///
/// Cloning shares the pixels. The constructor checks that `data` holds exactly
/// `width * height * channels` bytes; the fields are public, so operations that
/// take an image check again before they touch memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Columns, pixels.
    pub width: u32,
    /// Rows, pixels.
    pub height: u32,
    /// 1 (gray), 3 (BGR) or 4 (BGRA).
    pub channels: u8,
    /// `height * width * channels` bytes, row by row.
    pub data: Bytes,
}

/// Why an image's fields do not describe an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageShapeError {
    /// A side is zero, or does not fit OpenCV's signed sizes.
    #[error("an image of {width}x{height} pixels is not possible")]
    Size {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Neither gray, BGR nor BGRA.
    #[error("{0} channels: only 1 (gray), 3 (BGR) and 4 (BGRA) are known")]
    Channels(u8),
    /// The pixel bytes do not match the shape.
    #[error("{got} bytes of pixels where {expected} are needed")]
    Bytes {
        /// `width * height * channels`.
        expected: u64,
        /// The bytes that there are.
        got: u64,
    },
}

impl Image {
    /// Largest side accepted, pixels.
    pub const MAX_SIDE: u32 = 65_535;

    /// An image over `data`, which must hold exactly `width * height * channels` bytes.
    pub fn new(
        width: u32,
        height: u32,
        channels: u8,
        data: impl Into<Bytes>,
    ) -> Result<Image, ImageShapeError> {
        let image = Image {
            width,
            height,
            channels,
            data: data.into(),
        };
        image.check()?;
        Ok(image)
    }

    /// Whether the fields agree with each other.
    pub fn check(&self) -> Result<(), ImageShapeError> {
        let (width, height) = (self.width, self.height);
        if width == 0 || height == 0 || width > Self::MAX_SIDE || height > Self::MAX_SIDE {
            return Err(ImageShapeError::Size { width, height });
        }
        if !matches!(self.channels, 1 | 3 | 4) {
            return Err(ImageShapeError::Channels(self.channels));
        }
        let expected = u64::from(width) * u64::from(height) * u64::from(self.channels);
        let got = self.data.len() as u64;
        if expected != got {
            return Err(ImageShapeError::Bytes { expected, got });
        }
        Ok(())
    }

    /// Bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.width as usize * usize::from(self.channels)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Image({}x{}x{}, {} bytes)",
            self.width,
            self.height,
            self.channels,
            self.data.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_and_bytes_must_agree() {
        assert!(Image::new(2, 3, 3, vec![0; 18]).is_ok());
        assert_eq!(
            Image::new(2, 3, 3, vec![0; 17]),
            Err(ImageShapeError::Bytes {
                expected: 18,
                got: 17
            })
        );
        assert_eq!(
            Image::new(2, 3, 2, vec![0; 12]),
            Err(ImageShapeError::Channels(2))
        );
        assert_eq!(
            Image::new(0, 3, 1, vec![]),
            Err(ImageShapeError::Size {
                width: 0,
                height: 3
            })
        );
        let too_wide = Image::new(Image::MAX_SIDE + 1, 1, 1, vec![0; 65_536]);
        assert!(matches!(too_wide, Err(ImageShapeError::Size { .. })));
    }

    #[test]
    fn debug_never_prints_pixels() {
        let image = Image::new(2, 1, 1, vec![7, 7]).unwrap();
        assert_eq!(format!("{image:?}"), "Image(2x1x1, 2 bytes)");
    }
}
