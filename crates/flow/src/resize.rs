//! Pictures of another size: bilinear, in OpenCV's fixed point.

use crate::picture::Picture;

/// Weights have 11 bits.
const WEIGHT: f32 = 2048.0;

/// A picture of its own.
pub(crate) struct Resized {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

impl Resized {
    /// Its pixels, as a picture of so many channels.
    pub(crate) fn picture(&self, channels: usize) -> Picture<'_> {
        Picture::of_checked((self.width, self.height), channels, &self.pixels)
    }
}

/// The picture, larger or smaller by a factor. A side has one pixel at least.
pub(crate) fn resized(picture: &Picture<'_>, scale: f64) -> Resized {
    let (width, height) = picture.size();
    let side = |pixels: usize| (pixels as f64 * scale).round_ties_even().max(1.0) as usize;
    let size = (side(width), side(height));
    let pixels = if size == (width, height) {
        (0..height).flat_map(|y| picture.row(y)).copied().collect()
    } else if scale == 0.5 {
        halved(picture, size)
    } else {
        bilinear(picture, size, scale)
    };
    Resized {
        width: size.0,
        height: size.1,
        pixels,
    }
}

/// Means of 2x2 pixels. At the right and lower border there may be fewer.
fn halved(picture: &Picture<'_>, (to_width, to_height): (usize, usize)) -> Vec<u8> {
    let ((width, height), channels) = (picture.size(), picture.channels());
    let mut pixels = Vec::with_capacity(to_width * to_height * channels);
    for y in 0..to_height {
        let rows = 2 * y..(2 * y + 2).min(height);
        for x in 0..to_width {
            let columns = 2 * x..(2 * x + 2).min(width);
            let count = rows.len() * columns.len();
            for channel in 0..channels {
                let sum: u32 = rows
                    .clone()
                    .map(|row| {
                        let row = picture.row(row);
                        let one = |x: usize| u32::from(row[x * channels + channel]);
                        columns.clone().map(one).sum::<u32>()
                    })
                    .sum();
                pixels.push(match count {
                    4 => ((sum + 2) >> 2) as u8,
                    count => (sum as f32 / count.max(1) as f32).round_ties_even() as u8,
                });
            }
        }
    }
    pixels
}

/// For each pixel of a side: the two that it lies between, and their weights.
struct Between {
    near: usize,
    far: usize,
    weights: [i32; 2],
}

/// `clamps`: a pixel beyond the outermost one is that one alone.
fn between(to: usize, from: usize, scale: f64, clamps: bool) -> Vec<Between> {
    let inverse = 1.0 / scale;
    let last = from as i64 - 1;
    let one = |at: usize| {
        let center = ((at as f64 + 0.5) * inverse - 0.5) as f32;
        let floor = center.floor();
        let (mut near, mut share) = (floor as i64, center - floor);
        if clamps && (near < 0 || near >= last) {
            (near, share) = (near.clamp(0, last), 0.0);
        }
        let weight = |share: f32| (share * WEIGHT).round_ties_even() as i32;
        Between {
            near: near.clamp(0, last) as usize,
            far: (near + 1).clamp(0, last) as usize,
            weights: [weight(1.0 - share), weight(share)],
        }
    };
    (0..to).map(one).collect()
}

fn bilinear(picture: &Picture<'_>, (to_width, to_height): (usize, usize), scale: f64) -> Vec<u8> {
    let ((width, height), channels) = (picture.size(), picture.channels());
    let columns = between(to_width, width, scale, true);
    let rows = between(to_height, height, scale, false);
    let mut pixels = Vec::with_capacity(to_width * to_height * channels);
    let across = |y: usize, wide: &mut Vec<i32>| {
        let row = picture.row(y);
        wide.clear();
        for column in &columns {
            for channel in 0..channels {
                let of = |x: usize| i32::from(row[x * channels + channel]);
                let [near, far] = column.weights;
                wide.push(of(column.near) * near + of(column.far) * far);
            }
        }
    };
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for row in &rows {
        across(row.near, &mut upper);
        across(row.far, &mut lower);
        let [near, far] = row.weights;
        pixels.extend(upper.iter().zip(&lower).map(|(upper, lower)| {
            let part = |weight: i32, sum: i32| (weight * (sum >> 4)) >> 16;
            ((part(near, *upper) + part(far, *lower) + 2) >> 2).clamp(0, 255) as u8
        }));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(width: u32, height: u32, scale: f64) -> Resized {
        let pixels: Vec<u8> = (0..width * height).map(|i| (i * 7 % 251) as u8).collect();
        resized(&Picture::new(width, height, 1, &pixels).unwrap(), scale)
    }

    #[test]
    fn sizes_are_rounded_and_never_zero() {
        let size = |width, height, scale| {
            let made = scaled(width, height, scale);
            assert_eq!(made.pixels.len(), made.width * made.height);
            (made.width, made.height)
        };
        assert_eq!(size(10, 7, 0.5), (5, 4));
        assert_eq!(size(10, 7, 0.7), (7, 5));
        assert_eq!(size(1, 1, 0.01), (1, 1));
        assert_eq!(size(3, 2, 2.0), (6, 4));
        assert_eq!(size(3, 2, 1.0), (3, 2));
    }

    #[test]
    fn an_even_picture_stays_even() {
        let pixels = [93; 12 * 9 * 3];
        let picture = Picture::new(12, 9, 3, &pixels).unwrap();
        for scale in [0.3, 0.5, 0.75, 1.0] {
            let made = resized(&picture, scale);
            // Two products are cut off, not rounded.
            let off = |pixel: &u8| pixel.abs_diff(93);
            assert!(made.pixels.iter().map(off).max() <= Some(1), "{scale}");
        }
    }
}
