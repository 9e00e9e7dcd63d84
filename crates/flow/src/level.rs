//! One size of a picture, with a border around it.

use crate::picture::Picture;
use crate::rows::{AT_ONCE, Corner};

/// Bytes behind the last row.
const SLACK: usize = 4 * AT_ONCE;

/// A picture with a border in which it is mirrored, the outermost pixels left out
/// (`BORDER_REFLECT_101`).
#[derive(Debug)]
pub(crate) struct Level {
    /// Columns and rows without the border.
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
    border: usize,
    /// Bytes of a row with its border.
    row_bytes: usize,
    pixels: Vec<u8>,
}

impl Level {
    /// A level of `size` pixels; `row` writes the pixels of a row.
    fn new(
        (width, height): (usize, usize),
        channels: usize,
        border: usize,
        mut row: impl FnMut(usize, &mut [u8]),
    ) -> Self {
        let row_bytes = (width + 2 * border) * channels;
        let mut level = Self {
            width,
            height,
            channels,
            border,
            row_bytes,
            pixels: vec![0; row_bytes * (height + 2 * border) + SLACK],
        };
        let (inner, bytes) = (border * channels, width * channels);
        for y in 0..height {
            let start = (y + border) * row_bytes;
            let whole = &mut level.pixels[start..start + row_bytes];
            row(y, &mut whole[inner..inner + bytes]);
            level.mirror_columns(y + border);
        }
        level.mirror_rows();
        level
    }

    fn mirror_columns(&mut self, row: usize) {
        let (border, channels, width) = (self.border, self.channels, self.width);
        let row = &mut self.pixels[row * self.row_bytes..(row + 1) * self.row_bytes];
        let outside = (0..border).chain(border + width..width + 2 * border);
        for at in outside {
            let from = border + mirrored(at as i64 - border as i64, width);
            row.copy_within(from * channels..(from + 1) * channels, at * channels);
        }
    }

    fn mirror_rows(&mut self) {
        let (border, height) = (self.border, self.height);
        let outside = (0..border).chain(border + height..height + 2 * border);
        for at in outside {
            let from = border + mirrored(at as i64 - border as i64, height);
            let from = from * self.row_bytes;
            self.pixels
                .copy_within(from..from + self.row_bytes, at * self.row_bytes);
        }
    }

    /// The picture itself.
    pub(crate) fn of(picture: &Picture<'_>, border: usize) -> Self {
        Self::new(picture.size(), picture.channels(), border, |y, row| {
            row.copy_from_slice(picture.row(y));
        })
    }

    /// Half as large, smoothed with 1, 4, 6, 4, 1 in both directions.
    pub(crate) fn halved(&self) -> Self {
        let size = (self.width.div_ceil(2), self.height.div_ceil(2));
        let channels = self.channels;
        // Two pixels before the first, and two behind the last.
        let mut sums = vec![0u16; (2 * size.0 + 3) * channels];
        Self::new(size, channels, self.border, |y, row| {
            let y = 2 * y as i64;
            let length = sums.len();
            let lines: [&[u8]; 5] =
                std::array::from_fn(|k| &self.row(y - 2 + k as i64, -2)[..length]);
            for (at, sum) in sums.iter_mut().enumerate() {
                let of = |line: usize| u16::from(lines[line][at]);
                *sum = of(0) + of(4) + 4 * (of(1) + of(3)) + 6 * of(2);
            }
            for (at, pixel) in row.iter_mut().enumerate() {
                let first = (at / channels) * 2 * channels + at % channels;
                let of = |k: usize| u32::from(sums[first + k * channels]);
                let sum = of(0) + of(4) + 4 * (of(1) + of(3)) + 6 * of(2);
                *pixel = ((sum + 128) >> 8) as u8;
            }
        })
    }

    /// The bytes of row `y` from column `x` on, both at most a border outside, to the end of the row's
    /// border.
    pub(crate) fn row(&self, y: i64, x: i64) -> &[u8] {
        let border = self.border as i64;
        let start = (y + border) as usize * self.row_bytes;
        let row = &self.pixels[start..start + self.row_bytes];
        &row[(x + border) as usize * self.channels..]
    }

    /// The pixels from row `y`, column `x` on, both at most a border outside. Behind the last of them there are more
    /// bytes, so that rows can be read in steps.
    pub(crate) fn corner(&self, y: i64, x: i64) -> Corner<'_> {
        let border = self.border as i64;
        let start = (y + border) as usize * self.row_bytes + (x + border) as usize * self.channels;
        Corner {
            pixels: &self.pixels[start..],
            stride: self.row_bytes,
            channels: self.channels,
        }
    }

    /// Its memory.
    pub(crate) fn bytes(&self) -> usize {
        self.pixels.len()
    }
}

/// The pixel of a side of `length` that is seen at `at`.
fn mirrored(at: i64, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length as i64 - 1);
    let at = at.rem_euclid(period);
    at.min(period - at) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_mirrored_without_the_outermost_pixel() {
        let at = |at, length| mirrored(at, length);
        let seen: Vec<_> = (-4..8).map(|x| at(x, 4)).collect();
        assert_eq!(seen, [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!([at(-3, 1), at(0, 1), at(9, 1)], [0; 3]);
        assert_eq!([at(-3, 2), at(-2, 2), at(2, 2)], [1, 0, 0]);
    }

    #[test]
    fn an_even_level_stays_even_and_sides_are_rounded_up() {
        let pixels = [77; 7 * 5 * 3];
        let picture = Picture::new(7, 5, 3, &pixels).unwrap();
        let half = Level::of(&picture, 4).halved();
        assert_eq!((half.width, half.height), (4, 3));
        let pixels = half.pixels.len() - SLACK;
        assert!(half.pixels[..pixels].iter().all(|pixel| *pixel == 77));
    }
}
