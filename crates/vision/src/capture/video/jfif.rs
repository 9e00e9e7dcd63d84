//! The colour matrix and range of a video to those of a JPEG.
//!
//! Luma and chroma of one matrix are a linear function of those of another. Chroma stays as fine as it is; luma
//! takes the share of the chroma sample that its pixel has.

use ffmpeg::ffi::{AVColorRange, AVColorSpace};

/// Red's and blue's shares of luma.
type Shares = (f64, f64);

/// BT.601, which JFIF prescribes.
const BT601: Shares = (0.299, 0.114);

/// One, in the units of the coefficients.
const ONE: f64 = 16384.0;

/// By so many bits a sample is raised before it is multiplied: the product's upper half then holds all but the
/// last bits of a level, and 16 bits are enough, of which processors multiply eight numbers at a time.
const RAISED: u32 = 7;

/// Bits behind the point of such a product.
const SHIFT: u32 = 14 + RAISED - 16;
const HALF: i16 = 1 << (SHIFT - 1);

/// The level without a colour of a chroma sample.
const GRAY: i16 = 128;

/// The function, in units of 1/16384.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ToJfif {
    /// Black, and the factor of luma.
    black: i16,
    luma: i16,
    /// Share of the blue and red differences in luma.
    blue_in_luma: i16,
    red_in_luma: i16,
    /// `[from blue, from red]` for each of the two differences.
    blue: [i16; 2],
    red: [i16; 2],
}

impl ToJfif {
    /// `None`: luma and chroma of this matrix are no linear function of red, green and blue.
    pub(super) fn of(space: AVColorSpace, range: AVColorRange, is_full: bool) -> Option<ToJfif> {
        let (red, blue) = shares(space)?;
        let green = 1.0 - red - blue;
        let (to_red, to_blue) = BT601;
        let to_green = 1.0 - to_red - to_blue;
        // Red, green and blue above luma, per unit of the differences `[blue, red]`.
        let over_red = [0.0, 2.0 * (1.0 - red)];
        let over_blue = [2.0 * (1.0 - blue), 0.0];
        let over_green = [0, 1].map(|i| -(red * over_red[i] + blue * over_blue[i]) / green);
        let luma = [0, 1]
            .map(|i| to_red * over_red[i] + to_green * over_green[i] + to_blue * over_blue[i]);
        let full = match range {
            AVColorRange::MPEG => false,
            AVColorRange::JPEG => true,
            _ => is_full,
        };
        let (black, for_luma, for_chroma) = match full {
            true => (0, 1.0, 1.0),
            false => (16, 255.0 / 219.0, 255.0 / 224.0),
        };
        let units = |value: f64| (value * ONE).round() as i16;
        let chroma = |value: f64| units(value * for_chroma);
        let difference = |over: [f64; 2], share: f64| {
            [0, 1].map(|i| chroma((over[i] - luma[i]) / (2.0 * (1.0 - share))))
        };
        Some(ToJfif {
            black,
            luma: units(for_luma),
            blue_in_luma: chroma(luma[0]),
            red_in_luma: chroma(luma[1]),
            blue: difference(over_blue, to_blue),
            red: difference(over_red, to_red),
        })
    }

    /// Nothing changes.
    fn is_identity(&self) -> bool {
        let one = ONE as i16;
        (self.black, self.luma) == (0, one) && self.keeps_matrix() && self.blue[0] == one
    }

    /// Luma does not depend on chroma.
    fn keeps_matrix(&self) -> bool {
        (
            self.blue_in_luma,
            self.red_in_luma,
            self.blue[1],
            self.red[0],
        ) == (0, 0, 0, 0)
    }

    /// Converts a row of luma, to whose pixels [`ToJfif::chroma`] adds `shifts`.
    pub(super) fn luma(&self, from: &[u8], shifts: &[i16], to: &mut [u8]) {
        if self.is_identity() {
            return to.copy_from_slice(from);
        }
        if self.keeps_matrix() {
            stretch(from, (self.black, self.luma, 0), to);
        } else {
            shifted(from, (self.black, self.luma), shifts, to);
        }
    }

    /// Converts a row of chroma, and gives what each sample adds to the luma of its pixels, `share` beside each
    /// other.
    pub(super) fn chroma(
        &self,
        from: (&[u8], &[u8]),
        share: usize,
        shifts: &mut [i16],
        to: (&mut [u8], &mut [u8]),
    ) {
        if self.is_identity() {
            to.0.copy_from_slice(from.0);
            to.1.copy_from_slice(from.1);
            return;
        }
        if self.keeps_matrix() {
            for (from, to) in [(from.0, to.0), (from.1, to.1)] {
                stretch(from, (GRAY, self.blue[0], GRAY), to);
            }
            return;
        }
        let factors = Factors {
            luma: [self.blue_in_luma, self.red_in_luma],
            blue: self.blue,
            red: self.red,
        };
        match share {
            1 => mixed::<1>(from, &factors, shifts, to),
            _ => mixed::<2>(from, &factors, shifts, to),
        }
    }
}

/// What the differences of blue and red add to luma and to each other.
#[derive(Clone, Copy)]
struct Factors {
    luma: [i16; 2],
    blue: [i16; 2],
    red: [i16; 2],
}

// Compiled a second time for processors that multiply sixteen numbers at a time.

/// `(level - below) * factor + above` for each level of a row.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn stretch(from: &[u8], (below, factor, above): (i16, i16, i16), to: &mut [u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = level(times(i16::from(from) - below, factor), above);
    }
}

/// `(level - below) * factor + shift` for each level of a row.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn shifted(from: &[u8], (below, factor): (i16, i16), shifts: &[i16], to: &mut [u8]) {
    for ((to, &from), &shift) in to.iter_mut().zip(from).zip(shifts) {
        *to = level(times(i16::from(from) - below, factor) + shift, 0);
    }
}

/// Two rows of chroma to two others, and what each of their samples adds to the luma of its `SHARE` pixels.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn mixed<const SHARE: usize>(
    from: (&[u8], &[u8]),
    factors: &Factors,
    shifts: &mut [i16],
    to: (&mut [u8], &mut [u8]),
) {
    let Factors { luma, blue, red } = *factors;
    let sum =
        |both: [i16; 2], factors: [i16; 2]| times(both[0], factors[0]) + times(both[1], factors[1]);
    let out =
        to.0.iter_mut()
            .zip(to.1)
            .zip(shifts.as_chunks_mut::<SHARE>().0);
    for ((&from_blue, &from_red), ((to_blue, to_red), shifts)) in from.0.iter().zip(from.1).zip(out)
    {
        let both = [i16::from(from_blue) - GRAY, i16::from(from_red) - GRAY];
        *shifts = [sum(both, luma); SHARE];
        *to_blue = level(sum(both, blue), GRAY);
        *to_red = level(sum(both, red), GRAY);
    }
}

/// The product of a level and a factor, with [`SHIFT`] bits behind the point.
#[inline(always)]
fn times(level: i16, factor: i16) -> i16 {
    ((i32::from(level << RAISED) * i32::from(factor)) >> 16) as i16
}

/// A level of such a number.
#[inline(always)]
fn level(value: i16, above: i16) -> u8 {
    (((value + HALF) >> SHIFT) + above).clamp(0, 255) as u8
}

/// Those of a matrix; of BT.601 where it is not said, as FFmpeg's scaler takes it.
fn shares(space: AVColorSpace) -> Option<Shares> {
    match space {
        AVColorSpace::BT709 => Some((0.2126, 0.0722)),
        AVColorSpace::FCC => Some((0.3, 0.11)),
        AVColorSpace::SMPTE240M => Some((0.212, 0.087)),
        AVColorSpace::BT2020_NCL => Some((0.2627, 0.0593)),
        AVColorSpace::UNSPECIFIED | AVColorSpace::BT470BG | AVColorSpace::SMPTE170M => Some(BT601),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Luma and differences of a colour in 8 bits.
    fn code((red, blue): Shares, full: bool, rgb: [f64; 3]) -> [u8; 3] {
        let luma = red * rgb[0] + (1.0 - red - blue) * rgb[1] + blue * rgb[2];
        let (b, r) = (
            (rgb[2] - luma) / (2.0 * (1.0 - blue)),
            (rgb[0] - luma) / (2.0 * (1.0 - red)),
        );
        let (black, y, c) = if full {
            (0.0, 255.0, 255.0)
        } else {
            (16.0, 219.0, 224.0)
        };
        [black + y * luma, 128.0 + c * b, 128.0 + c * r].map(|value| value.round() as u8)
    }

    #[test]
    fn colours_stay_what_they_are() {
        for (space, known) in [
            (AVColorSpace::BT709, (0.2126, 0.0722)),
            (AVColorSpace::BT2020_NCL, (0.2627, 0.0593)),
            (AVColorSpace::SMPTE170M, BT601),
            (AVColorSpace::UNSPECIFIED, BT601),
        ] {
            for (range, full) in [(AVColorRange::MPEG, false), (AVColorRange::JPEG, true)] {
                let to_jfif = ToJfif::of(space, range, false).unwrap();
                for n in 0..125 {
                    let rgb = [n % 5, n / 5 % 5, n / 25].map(|level| f64::from(level) / 4.0);
                    let [y, b, r] = code(known, full, rgb);
                    let (mut shifts, mut blue, mut red) = ([0, 0], [0], [0]);
                    to_jfif.chroma((&[b], &[r]), 2, &mut shifts, (&mut blue, &mut red));
                    let mut luma = [0, 0];
                    to_jfif.luma(&[y, y], &shifts, &mut luma);
                    let expected = code(BT601, true, rgb);
                    for (found, expected) in [luma[1], blue[0], red[0]].iter().zip(expected) {
                        let off = i32::from(*found) - i32::from(expected);
                        assert!(off.abs() <= 2, "{space:?} {range:?} {rgb:?}: off by {off}");
                    }
                }
            }
        }
        assert_eq!(
            ToJfif::of(AVColorSpace::RGB, AVColorRange::JPEG, true),
            None
        );
    }

    #[test]
    fn planes_of_a_jpeg_are_copied() {
        let to_jfif = ToJfif::of(AVColorSpace::UNSPECIFIED, AVColorRange::UNSPECIFIED, true);
        assert!(to_jfif.is_some_and(|it| it.is_identity()));
    }
}
