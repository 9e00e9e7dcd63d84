//! Loops over the rows of a window, sixteen numbers at once, compiled for AVX2 too.
//!
//! Rows are as long as a multiple of sixteen: the numbers behind the window's are computed and not used. Sums are
//! taken in the order of OpenCV's SSE code, in four lanes of `f32`, so that they are rounded alike.

use multiversion::multiversion;

/// Numbers that are computed at once.
pub(crate) const AT_ONCE: usize = 16;
/// Bits of a weight.
pub(crate) const WEIGHT_BITS: u32 = 14;
/// Bits that pixels keep behind the point.
pub(crate) const PIXEL_BITS: u32 = 5;
/// Lanes of a sum, and numbers that are added to it at once.
const LANES: usize = 4;
const ADDED: usize = 8;
/// Derivatives and pixels are so many times as large as they are.
const SUM_SCALE: f32 = 1.0 / (1 << 20) as f32;

/// Pixels of a level from a place on, to the end of its memory.
#[derive(Clone, Copy)]
pub(crate) struct Corner<'a> {
    pub(crate) pixels: &'a [u8],
    /// From one row to the next.
    pub(crate) stride: usize,
    pub(crate) channels: usize,
}

/// The numbers of a window.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    /// Of a row.
    pub(crate) row: usize,
    /// The same, rounded up to a multiple of [`AT_ONCE`].
    pub(crate) padded: usize,
}

type Numbers = [i16; AT_ONCE];

/// The values between four, with `bits` of their bits cut off, rounded.
#[inline(always)]
fn between<T: Copy + Into<i32>>(four: [&[T; AT_ONCE]; 4], weights: [i16; 4], bits: u32) -> Numbers {
    let [a, b, c, d] = four;
    let [of_a, of_b, of_c, of_d] = weights;
    let mut values = [0; AT_ONCE];
    for (at, value) in values.iter_mut().enumerate() {
        let upper = a[at].into() * i32::from(of_a) + b[at].into() * i32::from(of_b);
        let lower = c[at].into() * i32::from(of_c) + d[at].into() * i32::from(of_d);
        *value = ((upper + lower + (1 << (bits - 1))) >> bits) as i16;
    }
    values
}

/// A row between two, each of which has a pixel more than is taken.
#[inline(always)]
fn row_between<T: Copy + Into<i32>>(
    [upper, lower]: [&[T]; 2],
    channels: usize,
    (weights, bits): ([i16; 4], u32),
    into: &mut [i16],
) {
    let length = into.len();
    let (a, b) = (&upper[..length], &upper[channels..channels + length]);
    let (c, d) = (&lower[..length], &lower[channels..channels + length]);
    let (a, b) = (a.as_chunks().0, b.as_chunks().0);
    let (c, d) = (c.as_chunks().0, d.as_chunks().0);
    let four = a.iter().zip(b).zip(c).zip(d);
    for (numbers, (((a, b), c), d)) in into.as_chunks_mut().0.iter_mut().zip(four) {
        *numbers = between([a, b, c, d], weights, bits);
    }
}

/// The rows of two that stand below each other.
#[inline(always)]
fn two_rows<T>(from: &[T], stride: usize, row: usize) -> [&[T]; 2] {
    [&from[row * stride..], &from[(row + 1) * stride..]]
}

/// The pixels of a window, with [`PIXEL_BITS`] more bits.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn pixels(from: Corner<'_>, shape: Shape, weights: [i16; 4], into: &mut [i16]) {
    let how = (weights, WEIGHT_BITS - PIXEL_BITS);
    for (y, row) in into.chunks_exact_mut(shape.padded).enumerate() {
        let rows = two_rows(from.pixels, from.stride, y);
        row_between(rows, from.channels, how, row);
    }
}

/// Derivatives between those of pixels, whose rows are `stride` long.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn derivatives_between(
    (from, stride): (&[i16], usize),
    channels: usize,
    shape: Shape,
    weights: [i16; 4],
    into: &mut [i16],
) {
    for (y, row) in into.chunks_exact_mut(shape.padded).enumerate() {
        let rows = two_rows(from, stride, y);
        row_between(rows, channels, (weights, WEIGHT_BITS), row);
    }
}

/// A sum in the lanes of OpenCV's SSE code, and what is left over at the end of rows.
#[derive(Default)]
struct LaneSum {
    lanes: [f32; LANES],
    rest: f32,
}

impl LaneSum {
    fn total(&self) -> f32 {
        let [a, b, c, d] = self.lanes;
        (self.rest + ((a + c) + (b + d))) * SUM_SCALE
    }

    #[inline(always)]
    fn add_rest(&mut self, a: &[i16], b: &[i16]) {
        for (a, b) in a.iter().zip(b) {
            self.rest += (i32::from(*a) * i32::from(*b)) as f32;
        }
    }

    /// Adds the products of two rows: each to the lane of its place.
    #[inline(always)]
    fn add_products(&mut self, a: &[i16], b: &[i16]) {
        let (whole_a, rest_a) = a.as_chunks::<ADDED>();
        let (whole_b, rest_b) = b.as_chunks::<ADDED>();
        for (a, b) in whole_a.iter().zip(whole_b) {
            let mut products = [0.0; ADDED];
            for (product, (a, b)) in products.iter_mut().zip(a.iter().zip(b)) {
                *product = (i32::from(*a) * i32::from(*b)) as f32;
            }
            for half in products.as_chunks::<LANES>().0 {
                for (lane, product) in self.lanes.iter_mut().zip(half) {
                    *lane += product;
                }
            }
        }
        self.add_rest(rest_a, rest_b);
    }

    /// Adds the products of two rows: of eight, the first and the fifth go to the first lane, together.
    #[inline(always)]
    fn add_pairs(&mut self, a: &[i16], b: &[i16]) {
        let (whole_a, rest_a) = a.as_chunks::<ADDED>();
        let (whole_b, rest_b) = b.as_chunks::<ADDED>();
        for (a, b) in whole_a.iter().zip(whole_b) {
            // Beside each other: processors multiply and add neighbours in one step.
            let (a, b) = (paired(a), paired(b));
            let pairs = a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0);
            for (lane, ([a, c], [b, d])) in self.lanes.iter_mut().zip(pairs) {
                let sum = i32::from(*a) * i32::from(*b) + i32::from(*c) * i32::from(*d);
                *lane += sum as f32;
            }
        }
        self.add_rest(rest_a, rest_b);
    }
}

/// The first beside the fifth, the second beside the sixth, and so on.
#[inline(always)]
fn paired(numbers: &[i16; ADDED]) -> [i16; ADDED] {
    let [a, b, c, d, e, f, g, h] = *numbers;
    [a, e, b, f, c, g, d, h]
}

/// Sums of the products of derivatives: along x twice, along both, along y twice.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn products(shape: Shape, dx: &[i16], dy: &[i16]) -> [f32; 3] {
    let [mut xx, mut xy, mut yy] = [(); 3].map(|()| LaneSum::default());
    let rows = dx
        .chunks_exact(shape.padded)
        .zip(dy.chunks_exact(shape.padded));
    for (dx, dy) in rows {
        let (dx, dy) = (&dx[..shape.row], &dy[..shape.row]);
        xx.add_products(dx, dx);
        xy.add_products(dx, dy);
        yy.add_products(dy, dy);
    }
    [xx.total(), xy.total(), yy.total()]
}

/// How much a window of another picture differs from `pixels`, along both directions. `other`: memory for a row.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn mismatch(
    from: Corner<'_>,
    shape: Shape,
    weights: [i16; 4],
    [pixels, dx, dy]: [&[i16]; 3],
    other: &mut [i16],
) -> [f32; 2] {
    let (mut along_x, mut along_y) = (LaneSum::default(), LaneSum::default());
    let how = (weights, WEIGHT_BITS - PIXEL_BITS);
    for y in 0..shape.rows {
        let rows = two_rows(from.pixels, from.stride, y);
        row_between(rows, from.channels, how, other);
        let start = y * shape.padded;
        for (other, pixel) in other.iter_mut().zip(&pixels[start..start + shape.padded]) {
            *other -= *pixel;
        }
        let other = &other[..shape.row];
        along_x.add_pairs(other, &dx[start..start + shape.row]);
        along_y.add_pairs(other, &dy[start..start + shape.row]);
    }
    [along_x.total(), along_y.total()]
}

/// Derivatives by Scharr's kernels (3, 10, 3) of the rows below the first of `from`, each without its first pixel.
/// `into`: derivatives along x and y; from one row to the next `stride`. `work`: memory for a row.
#[multiversion(targets("x86_64+avx2"))]
pub(crate) fn scharr(
    from: Corner<'_>,
    (rows, count): (usize, usize),
    ([dx, dy], stride): ([&mut [i16]; 2], usize),
    [smooth, change]: [&mut [i16]; 2],
) {
    let channels = from.channels;
    let length = count + 2 * channels;
    let (smooth, change) = (&mut smooth[..length], &mut change[..length]);
    for y in 0..rows {
        let above = &from.pixels[y * from.stride..][..length];
        let middle = &from.pixels[(y + 1) * from.stride..][..length];
        let below = &from.pixels[(y + 2) * from.stride..][..length];
        let sums = smooth.iter_mut().zip(change.iter_mut());
        for ((smooth, change), ((above, middle), below)) in
            sums.zip(above.iter().zip(middle).zip(below))
        {
            *smooth = (i16::from(*above) + i16::from(*below)) * 3 + i16::from(*middle) * 10;
            *change = i16::from(*below) - i16::from(*above);
        }
        let (dx, dy) = (
            &mut dx[y * stride..][..count],
            &mut dy[y * stride..][..count],
        );
        let right = &smooth[2 * channels..][..count];
        for (dx, (left, right)) in dx.iter_mut().zip(smooth.iter().zip(right)) {
            *dx = right - left;
        }
        let (left, middle) = (&change[..count], &change[channels..][..count]);
        let three = left
            .iter()
            .zip(middle)
            .zip(&change[2 * channels..][..count]);
        for (dy, ((left, middle), right)) in dy.iter_mut().zip(three) {
            *dy = (left + right) * 3 + middle * 10;
        }
    }
}
