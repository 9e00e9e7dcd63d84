//! The pixels around a point, at places between pixels, and what changes with them.
//!
//! Numbers are those of OpenCV's fixed point: weights of 14 bits, pixels of 5 more bits than 8,
//! derivatives by Scharr's kernels (3, 10, 3) in 16 bits.

use crate::level::Level;
use crate::rows::{self, AT_ONCE, Shape, WEIGHT_BITS};

/// A place in a level: the pixel to its upper left, and the weights of the four pixels around it.
pub(crate) struct Place {
    pub(crate) x: i64,
    pub(crate) y: i64,
    weights: [i16; 4],
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
        // At most 16,384.
        let weight = |across: f32, along: f32| (across * along * one).round_ties_even() as i16;
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
    shape: Shape,
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
        let shape = Shape {
            rows: window,
            row,
            padded: row.next_multiple_of(AT_ONCE),
        };
        let numbers = || vec![0; shape.padded * window];
        Self {
            shape,
            pixels: numbers(),
            dx: numbers(),
            dy: numbers(),
            scharr: ScharrRows::new(window, channels, shape.padded),
            other: vec![0; shape.padded],
        }
    }

    /// Takes the window at a place.
    pub(crate) fn take(&mut self, level: &Level, place: &Place) -> Gradients {
        let (shape, weights) = (self.shape, place.weights);
        let corner = level.corner(place.y, place.x);
        rows::pixels(corner, shape, weights, &mut self.pixels);
        self.scharr.take(level, place);
        let ScharrRows { stride, dx, dy, .. } = &self.scharr;
        for (from, into) in [(dx, &mut self.dx), (dy, &mut self.dy)] {
            rows::derivatives_between((from, *stride), level.channels, shape, weights, into);
        }
        let [xx, xy, yy] = rows::products(shape, &self.dx, &self.dy);
        Gradients { xx, xy, yy }
    }

    /// How much the window at a place of another picture differs, along both directions.
    pub(crate) fn mismatch(&mut self, level: &Level, place: &Place) -> [f32; 2] {
        rows::mismatch(
            level.corner(place.y, place.x),
            self.shape,
            place.weights,
            [&self.pixels, &self.dx, &self.dy],
            &mut self.other,
        )
    }

    /// The mean difference of the pixels to the window at a place of another picture.
    pub(crate) fn difference(&mut self, level: &Level, place: &Place) -> f32 {
        let Shape { rows, row, padded } = self.shape;
        let mut sum = 0.0f32;
        for y in 0..rows {
            let corner = level.corner(place.y + y as i64, place.x);
            let one = Shape {
                rows: 1,
                ..self.shape
            };
            rows::pixels(corner, one, place.weights, &mut self.other);
            let pixels = &self.pixels[y * padded..][..row];
            for (other, pixel) in self.other.iter().zip(pixels) {
                sum += f32::from((other - pixel).abs());
            }
        }
        sum / (32 * row * rows) as f32
    }
}

/// The derivatives of the pixels of a window and of one more row and column.
struct ScharrRows {
    channels: usize,
    /// Pixels of a row.
    side: usize,
    /// From one row to the next, numbers.
    stride: usize,
    dx: Vec<i16>,
    dy: Vec<i16>,
    /// Of three rows: smoothed, and their difference.
    smooth: Vec<i16>,
    change: Vec<i16>,
}

impl ScharrRows {
    /// `padded`: numbers of a row that are taken from these.
    fn new(window: usize, channels: usize, padded: usize) -> Self {
        let side = window + 1;
        let stride = (padded + channels).next_multiple_of(AT_ONCE);
        let row = || vec![0; stride + 2 * channels];
        Self {
            channels,
            side,
            stride,
            dx: vec![0; side * stride],
            dy: vec![0; side * stride],
            smooth: row(),
            change: row(),
        }
    }

    /// Outside of the level there is no change.
    fn take(&mut self, level: &Level, place: &Place) {
        let side = self.side as i64;
        let columns = place.x.max(0)..(place.x + side).min(level.width as i64);
        let rows = place.y.max(0)..(place.y + side).min(level.height as i64);
        let is_whole = columns.end - columns.start == side;
        if !is_whole || rows.end - rows.start != side {
            self.dx.fill(0);
            self.dy.fill(0);
        }
        if columns.is_empty() {
            return;
        }
        let count = match is_whole {
            // Those behind the last column are not used.
            true => self.stride,
            false => (columns.end - columns.start) as usize * self.channels,
        };
        let first = (rows.start - place.y) as usize * self.stride
            + (columns.start - place.x) as usize * self.channels;
        rows::scharr(
            level.corner(rows.start - 1, columns.start - 1),
            ((rows.end - rows.start) as usize, count),
            ([&mut self.dx[first..], &mut self.dy[first..]], self.stride),
            [&mut self.smooth, &mut self.change],
        );
    }
}
