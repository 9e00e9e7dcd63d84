//! Pixels that are lent for as long as a pyramid is made of them.

use thiserror::Error;

/// Largest side, pixels.
const MAX_SIDE: u32 = 65_535;
/// Most channels: BGRA.
const MAX_CHANNELS: u8 = 4;

/// Pixels of 8 bits: rows from the top, packed, channels interleaved.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    width: usize,
    height: usize,
    channels: usize,
    pixels: &'a [u8],
}

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{bytes} bytes are no picture of {width}x{height} pixels with {channels} channels")]
pub struct PictureError {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes of a pixel.
    pub channels: u8,
    /// The bytes that there are.
    pub bytes: usize,
}

impl<'a> Picture<'a> {
    /// Looks at `pixels` as `height` rows of `width` pixels of `channels` bytes, 1 to 4.
    ///
    /// # Errors
    ///
    /// When a side is zero or above 65535, or the bytes do not fill the picture exactly.
    pub fn new(
        width: u32,
        height: u32,
        channels: u8,
        pixels: &'a [u8],
    ) -> Result<Self, PictureError> {
        let area = u64::from(width) * u64::from(height);
        let bytes = area.saturating_mul(channels.into());
        let fits = (1..=MAX_SIDE).contains(&width)
            && (1..=MAX_SIDE).contains(&height)
            && (1..=MAX_CHANNELS).contains(&channels)
            && bytes == pixels.len() as u64;
        if !fits {
            return Err(PictureError {
                width,
                height,
                channels,
                bytes: pixels.len(),
            });
        }
        Ok(Self {
            width: width as usize,
            height: height as usize,
            channels: channels.into(),
            pixels,
        })
    }

    /// Pixels that fill such a picture.
    pub(crate) fn of_checked(
        (width, height): (usize, usize),
        channels: usize,
        pixels: &'a [u8],
    ) -> Self {
        debug_assert_eq!(
            pixels.len(),
            width * height * channels,
            "bytes of a picture"
        );
        Self {
            width,
            height,
            channels,
            pixels,
        }
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Bytes of a pixel.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// A row's bytes.
    pub(crate) fn row(&self, y: usize) -> &'a [u8] {
        let bytes = self.width * self.channels;
        &self.pixels[y * bytes..(y + 1) * bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_to_fill_the_picture() {
        assert!(Picture::new(2, 3, 3, &[0; 18]).is_ok());
        for (width, height, channels, bytes) in [
            (2, 3, 3, 17),
            (0, 3, 3, 0),
            (2, 3, 0, 0),
            (2, 1, 5, 10),
            (u32::MAX, u32::MAX, 4, 0),
        ] {
            let pixels = vec![0; bytes];
            assert!(Picture::new(width, height, channels, &pixels).is_err());
        }
    }
}
