//! Colours out of Y, U and V. Pure.

use crate::aravis::format::{YuvOrder, YuvRange};

/// Factors of 2 to the power of 16.
struct Factors {
    luma_floor: i32,
    luma: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

impl Factors {
    const fn of(range: YuvRange) -> Factors {
        match range {
            YuvRange::Full => Factors {
                luma_floor: 0,
                luma: 65_536,
                red_v: 91_881,
                green_u: 22_554,
                green_v: 46_802,
                blue_u: 116_130,
            },
            YuvRange::Limited601 => Factors {
                luma_floor: 16,
                luma: 76_309,
                red_v: 104_597,
                green_u: 25_675,
                green_v: 53_279,
                blue_u: 132_201,
            },
            YuvRange::Limited709 => Factors {
                luma_floor: 16,
                luma: 76_309,
                red_v: 117_489,
                green_u: 13_975,
                green_v: 34_925,
                blue_u: 138_438,
            },
        }
    }

    fn bgr(&self, luma: u8, u: u8, v: u8) -> [u8; 3] {
        const HALF: i32 = 1 << 15;
        let luma = (i32::from(luma) - self.luma_floor) * self.luma + HALF;
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
        [
            byte(luma + self.blue_u * u),
            byte(luma - self.green_u * u - self.green_v * v),
            byte(luma + self.red_v * v),
        ]
    }
}

/// Appends the pixels of `data` to `pixels`: blue, green, red. Two pixels are four bytes.
pub(super) fn to_bgr(order: YuvOrder, range: YuvRange, data: &[u8], pixels: &mut Vec<u8>) {
    let factors = Factors::of(range);
    pixels.reserve(data.len() / 2 * 3);
    for pair in data.chunks_exact(4) {
        let (first, u, second, v) = match order {
            YuvOrder::Yuyv => (pair[0], pair[1], pair[2], pair[3]),
            YuvOrder::Uyvy => (pair[1], pair[0], pair[3], pair[2]),
        };
        pixels.extend(factors.bgr(first, u, v));
        pixels.extend(factors.bgr(second, u, v));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bgr(range: YuvRange, yuv: [u8; 3]) -> [u8; 3] {
        let [luma, u, v] = yuv;
        let mut pixels = Vec::new();
        to_bgr(YuvOrder::Yuyv, range, &[luma, u, luma, v], &mut pixels);
        assert_eq!(pixels[..3], pixels[3..]);
        [pixels[0], pixels[1], pixels[2]]
    }

    #[test]
    fn grays_have_no_colour() {
        for luma in [0, 1, 128, 255] {
            assert_eq!(bgr(YuvRange::Full, [luma, 128, 128]), [luma; 3]);
        }
        for range in [YuvRange::Limited601, YuvRange::Limited709] {
            assert_eq!(bgr(range, [16, 128, 128]), [0; 3]);
            assert_eq!(bgr(range, [235, 128, 128]), [255; 3]);
            assert_eq!(bgr(range, [0, 128, 128]), [0; 3]);
        }
    }

    #[test]
    fn primary_colours_come_back() {
        let near = |found: [u8; 3], expected: [u8; 3]| {
            let differ = found
                .iter()
                .zip(expected)
                .map(|(one, other)| one.abs_diff(other));
            assert!(differ.max() <= Some(2), "{found:?} for {expected:?}");
        };
        // Red, green and blue by the standards' own equations.
        near(bgr(YuvRange::Full, [76, 85, 255]), [0, 0, 254]);
        near(bgr(YuvRange::Full, [150, 44, 21]), [0, 255, 0]);
        near(bgr(YuvRange::Full, [29, 255, 107]), [254, 0, 0]);
        near(bgr(YuvRange::Limited601, [81, 90, 240]), [0, 0, 255]);
        near(bgr(YuvRange::Limited709, [63, 102, 240]), [0, 0, 255]);
        near(bgr(YuvRange::Limited709, [173, 42, 26]), [0, 255, 0]);
    }

    #[test]
    fn both_orders_show_the_same() {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        to_bgr(YuvOrder::Yuyv, YuvRange::Full, &[10, 20, 30, 40], &mut one);
        to_bgr(
            YuvOrder::Uyvy,
            YuvRange::Full,
            &[20, 10, 40, 30],
            &mut other,
        );
        assert_eq!(one, other);
        assert_eq!(one.len(), 6);
    }
}
