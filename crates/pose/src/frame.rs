//! A borrowed 8-bit image, as it comes from a decoder.

use std::fmt;

/// A borrowed 8-bit image: rows from the top, packed, channels interleaved.
///
/// Made by [`FrameView::new`], which checks the length: every `FrameView` is valid, so that a
/// caller can leave out one broken frame and still predict the others of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrameView<'a> {
    width: u32,
    height: u32,
    channels: u8,
    data: &'a [u8],
}

/// Why bytes are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameViewError {
    /// A side is zero pixels long.
    #[error("a frame of {width}x{height} pixels is empty")]
    Empty {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Not gray, BGR or BGRA.
    #[error("a frame has 1 (gray), 3 (BGR) or 4 (BGRA) channels, not {channels}")]
    Channels {
        /// What was given.
        channels: u8,
    },
    /// The bytes do not fill the frame exactly.
    #[error("a {width}x{height} frame of {channels} channels has {expected} bytes, not {actual}")]
    Length {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes per pixel.
        channels: u8,
        /// `width * height * channels`.
        expected: u64,
        /// The bytes given.
        actual: usize,
    },
}

impl<'a> FrameView<'a> {
    /// Looks at `data` as `height` rows of `width` pixels of `channels` bytes: 1 gray, 3 BGR,
    /// 4 BGRA.
    ///
    /// # Errors
    /// A zero side, another number of channels, or a length other than
    /// `width * height * channels`.
    pub fn new(
        width: u32,
        height: u32,
        channels: u8,
        data: &'a [u8],
    ) -> Result<Self, FrameViewError> {
        if width == 0 || height == 0 {
            return Err(FrameViewError::Empty { width, height });
        }
        if !matches!(channels, 1 | 3 | 4) {
            return Err(FrameViewError::Channels { channels });
        }
        // No slice is as long as the u64::MAX that an overflow ends at.
        let expected = (u64::from(width) * u64::from(height)).saturating_mul(u64::from(channels));
        if u64::try_from(data.len()) != Ok(expected) {
            return Err(FrameViewError::Length {
                width,
                height,
                channels,
                expected,
                actual: data.len(),
            });
        }
        Ok(Self {
            width,
            height,
            channels,
            data,
        })
    }

    /// Pixels per row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Bytes per pixel: 1 gray, 3 BGR, 4 BGRA.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// The pixels.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }
}

impl fmt::Debug for FrameView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameView")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("channels", &self.channels)
            .field("bytes", &self.data.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_lengths_are_frames() {
        let data = [0; 24];
        for (width, height, channels) in [(24, 1, 1), (4, 2, 3), (2, 3, 4), (1, 24, 1)] {
            let frame = FrameView::new(width, height, channels, &data).expect("fits");
            assert_eq!((frame.width(), frame.height()), (width, height));
            assert_eq!(frame.channels(), channels);
            assert_eq!(frame.data().len(), 24);
        }
    }

    #[test]
    fn wrong_lengths_say_both_numbers() {
        for actual in [0, 23, 25] {
            assert_eq!(
                FrameView::new(4, 2, 3, &vec![0; actual]),
                Err(FrameViewError::Length {
                    width: 4,
                    height: 2,
                    channels: 3,
                    expected: 24,
                    actual
                })
            );
        }
    }

    #[test]
    fn zero_sides_and_odd_channels_are_refused() {
        assert_eq!(
            FrameView::new(0, 5, 1, &[]),
            Err(FrameViewError::Empty {
                width: 0,
                height: 5
            })
        );
        assert!(matches!(
            FrameView::new(5, 0, 1, &[]),
            Err(FrameViewError::Empty { .. })
        ));
        for channels in [0, 2, 5, 255] {
            assert_eq!(
                FrameView::new(1, 1, channels, &[0; 255][..channels.into()]),
                Err(FrameViewError::Channels { channels })
            );
        }
    }

    #[test]
    fn a_product_beyond_64_bits_is_an_error_and_no_overflow() {
        assert!(matches!(
            FrameView::new(u32::MAX, u32::MAX, 4, &[0; 16]),
            Err(FrameViewError::Length { .. })
        ));
    }

    #[test]
    fn debug_prints_the_length_and_not_the_pixels() {
        let frame = FrameView::new(1, 2, 1, &[201, 202]).expect("fits");
        let text = format!("{frame:?}");
        assert!(text.contains("bytes: 2") && !text.contains("201"), "{text}");
    }
}
