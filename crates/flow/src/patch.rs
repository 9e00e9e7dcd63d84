//! The pixels around a point, at places between pixels, and what changes with them.
//!
//! Numbers are those of OpenCV's fixed point: weights of 14 bits, pixels of 5 more bits than 8,
//! derivatives by Scharr's kernels (3, 10, 3) in 16 bits. Sums are taken in the order of its SSE code, in
//! four lanes of `f32`, so that they are rounded alike.

use crate::level::Level;

/// Bits of a weight.
const WEIGHT_BITS: u32 = 14;
/// Bits that pixels keep behind the point.
const PIXEL_BITS: u32 = 5;
/// Lanes of a sum, and pixels that are taken at once.
const LANES: usize = 4;
const AT_ONCE: usize = 8;
/// Derivatives and pixels are so many times as large as they are.
const SUM_SCALE: f32 = 1.0 / (1 << 20) as f32;

/// A place in a level: the pixel to its upper left, and the weights of the four pixels around it.
pub(crate) struct Place {
    pub(crate) x: i64,
    pub(crate) y: i64,
    weights: [i32; 4],
}

impl Place {
    /// The place of a window's upper left corner. `None` where no pixel of the window is in the level, and
    /// for coordinates that are no numbers.
    pub(crate) fn of([x, y]: [f32; 2], level: &Level, window: usize) -> Option<Self> {
        let (left, top) = (x.floor(), y.floor());
        let least = -(window as f32);
        let inside =
            left >= least && left < level.width as f32 && top >= least && top < level.height as f32;
        if !inside {
            return None;
        }
        let (right, down) = (x - left, y - top);
        let one = (1 << WEIGHT_BITS) as f32;
        let weight = |across: f32, along: f32| (across * along * one).round_ties_even() as i32;
        let first = weight(1.0 - right, 1.0 - down);
        let second = weight(right, 1.0 - down);
        let third = weight(1.0 - right, down);
        Some(Self {
            x: left as i64,
            y: top as i64,
            weights: [
                first,
                second,
                third,
                (1 << WEIGHT_BITS) - first - second - third,
            ],
        })
    }

    /// The value between four, with `bits` of its bits cut off, rounded.
    #[inline]
    fn between(&self, four: [i32; 4], bits: u32) -> i32 {
        let [a, b, c, d] = self.weights;
        let sum = four[0] * a + four[1] * b + four[2] * c + four[3] * d;
        (sum + (1 << (bits - 1))) >> bits
    }

    /// A row of pixels at this place, with [`PIXEL_BITS`] more bits.
    #[inline]
    fn pixels(&self, level: &Level, row: usize, into: &mut [i16]) {
        let channels = level.channels;
        let y = self.y + row as i64;
        let (length, all) = (into.len(), into.len() + channels);
        let (upper, lower) = (
            &level.row(y, self.x)[..all],
            &level.row(y + 1, self.x)[..all],
        );
        let near = upper[..length].iter().zip(&lower[..length]);
        let far = upper[channels..].iter().zip(&lower[channels..]);
        for (pixel, ((a, c), (b, d))) in into.iter_mut().zip(near.zip(far)) {
            let four = [a, b, c, d].map(|byte| i32::from(*byte));
            *pixel = self.between(four, WEIGHT_BITS - PIXEL_BITS) as i16;
        }
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
}

/// How the pixels of a window change in both directions: the matrix of Lucas and Kanade.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gradients {
    pub(crate) xx: f32,
    pub(crate) xy: f32,
    pub(crate) yy: f32,
}

/// Memory for the window around one point.
pub(crate) struct Patch {
    window: usize,
    /// Numbers of a row.
    row: usize,
    pixels: Vec<i16>,
    dx: Vec<i16>,
    dy: Vec<i16>,
    scharr: ScharrRows,
    /// A row of the other picture.
    other: Vec<i16>,
}

impl Patch {
    pub(crate) fn new(window: usize, channels: usize) -> Self {
        let row = window * channels;
        Self {
            window,
            row,
            pixels: vec![0; row * window],
            dx: vec![0; row * window],
            dy: vec![0; row * window],
            scharr: ScharrRows::new(window, channels),
            other: vec![0; row],
        }
    }

    /// Takes the window at a place.
    pub(crate) fn take(&mut self, level: &Level, place: &Place) -> Gradients {
        self.scharr.take(level, place);
        let [mut xx, mut xy, mut yy] = [(); 3].map(|()| LaneSum::default());
        for y in 0..self.window {
            let row = y * self.row..(y + 1) * self.row;
            place.pixels(level, y, &mut self.pixels[row.clone()]);
            let (dx, dy) = (&mut self.dx[row.clone()], &mut self.dy[row]);
            self.scharr.between(place, y, dx, dy);
            add_products(&mut xx, dx, dx);
            add_products(&mut xy, dx, dy);
            add_products(&mut yy, dy, dy);
        }
        Gradients {
            xx: xx.total(),
            xy: xy.total(),
            yy: yy.total(),
        }
    }

    /// How much the window at a place of another picture differs, along both directions.
    pub(crate) fn mismatch(&mut self, level: &Level, place: &Place) -> [f32; 2] {
        let (mut along_x, mut along_y) = (LaneSum::default(), LaneSum::default());
        for y in 0..self.window {
            let row = y * self.row..(y + 1) * self.row;
            place.pixels(level, y, &mut self.other);
            for (other, pixel) in self.other.iter_mut().zip(&self.pixels[row.clone()]) {
                *other -= *pixel;
            }
            add_pairs(&mut along_x, &self.other, &self.dx[row.clone()]);
            add_pairs(&mut along_y, &self.other, &self.dy[row]);
        }
        [along_x.total(), along_y.total()]
    }

    /// The mean difference of the pixels to the window at a place of another picture.
    pub(crate) fn difference(&mut self, level: &Level, place: &Place) -> f32 {
        let mut sum = 0.0f32;
        for y in 0..self.window {
            place.pixels(level, y, &mut self.other);
            let pixels = &self.pixels[y * self.row..(y + 1) * self.row];
            for (other, pixel) in self.other.iter().zip(pixels) {
                sum += f32::from((other - pixel).abs());
            }
        }
        sum / (32 * self.row * self.window) as f32
    }
}

/// Adds the products of two rows: each to the lane of its place.
fn add_products(sum: &mut LaneSum, a: &[i16], b: &[i16]) {
    let product = |(a, b): (&i16, &i16)| (i32::from(*a) * i32::from(*b)) as f32;
    let whole = a.len() / AT_ONCE * AT_ONCE;
    for (a, b) in a[..whole]
        .chunks_exact(LANES)
        .zip(b[..whole].chunks_exact(LANES))
    {
        for (lane, pair) in sum.lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += product(pair);
        }
    }
    for pair in a[whole..].iter().zip(&b[whole..]) {
        sum.rest += product(pair);
    }
}

/// Adds the products of two rows: of eight, the first and the fifth go to the first lane, together.
fn add_pairs(sum: &mut LaneSum, a: &[i16], b: &[i16]) {
    let product = |(a, b): (&i16, &i16)| i32::from(*a) * i32::from(*b);
    let whole = a.len() / AT_ONCE * AT_ONCE;
    for (a, b) in a[..whole]
        .chunks_exact(AT_ONCE)
        .zip(b[..whole].chunks_exact(AT_ONCE))
    {
        for (at, lane) in sum.lanes.iter_mut().enumerate() {
            let pair = product((&a[at], &b[at])) + product((&a[at + LANES], &b[at + LANES]));
            *lane += pair as f32;
        }
    }
    for pair in a[whole..].iter().zip(&b[whole..]) {
        sum.rest += product(pair) as f32;
    }
}

/// The derivatives of the pixels of a window and of one more row and column.
struct ScharrRows {
    channels: usize,
    /// Pixels of a row.
    side: usize,
    dx: Vec<i16>,
    dy: Vec<i16>,
    /// Of three rows: smoothed, and their difference.
    smooth: Vec<i16>,
    change: Vec<i16>,
}

impl ScharrRows {
    fn new(window: usize, channels: usize) -> Self {
        let side = window + 1;
        Self {
            channels,
            side,
            dx: vec![0; side * side * channels],
            dy: vec![0; side * side * channels],
            smooth: vec![0; (side + 2) * channels],
            change: vec![0; (side + 2) * channels],
        }
    }

    /// Outside of the level there is no change.
    fn take(&mut self, level: &Level, place: &Place) {
        self.dx.fill(0);
        self.dy.fill(0);
        let side = self.side as i64;
        let columns = place.x.max(0)..(place.x + side).min(level.width as i64);
        let rows = place.y.max(0)..(place.y + side).min(level.height as i64);
        if columns.is_empty() {
            return;
        }
        for y in rows {
            let first = (y - place.y) * side + columns.start - place.x;
            let count = (columns.end - columns.start) as usize * self.channels;
            self.row(
                level,
                (columns.start, y),
                first as usize * self.channels,
                count,
            );
        }
    }

    /// The derivatives of `count` numbers from a pixel on, to be kept from `at` on.
    fn row(&mut self, level: &Level, (x, y): (i64, i64), at: usize, count: usize) {
        let channels = self.channels;
        let length = count + 2 * channels;
        let rows = [-1, 0, 1].map(|beside| &level.row(y + beside, x - 1)[..length]);
        let vertical = rows[0].iter().zip(rows[1]).zip(rows[2]);
        let sums = self.smooth[..length]
            .iter_mut()
            .zip(&mut self.change[..length]);
        for ((smooth, change), ((above, middle), below)) in sums.zip(vertical) {
            let [above, middle, below] = [above, middle, below].map(|byte| i16::from(*byte));
            *smooth = (above + below) * 3 + middle * 10;
            *change = below - above;
        }
        let (smooth, change) = (&self.smooth[..length], &self.change[..length]);
        let left_right = smooth[..count].iter().zip(&smooth[2 * channels..]);
        for (dx, (left, right)) in self.dx[at..at + count].iter_mut().zip(left_right) {
            *dx = right - left;
        }
        let three = change[..count]
            .iter()
            .zip(&change[channels..])
            .zip(&change[2 * channels..]);
        for (dy, ((left, middle), right)) in self.dy[at..at + count].iter_mut().zip(three) {
            *dy = (left + right) * 3 + middle * 10;
        }
    }

    /// A row of derivatives between pixels.
    fn between(&self, place: &Place, row: usize, dx: &mut [i16], dy: &mut [i16]) {
        let (channels, length) = (self.channels, dx.len());
        let row_length = self.side * channels;
        let fill = |from: &[i16], into: &mut [i16]| {
            let upper = &from[row * row_length..(row + 1) * row_length];
            let lower = &from[(row + 1) * row_length..(row + 2) * row_length];
            let near = upper[..length].iter().zip(&lower[..length]);
            let far = upper[channels..].iter().zip(&lower[channels..]);
            for (value, ((a, c), (b, d))) in into.iter_mut().zip(near.zip(far)) {
                let four = [a, b, c, d].map(|value| i32::from(*value));
                *value = place.between(four, WEIGHT_BITS) as i16;
            }
        };
        fill(&self.dx, dx);
        fill(&self.dy, dy);
    }
}
