//! Resizing one 8-bit plane as sleap-nn's size matcher does it.
//!
//! sleap-nn resizes with torchvision, which for 8-bit images is PyTorch's antialiased bilinear
//! kernel in integers: a triangle filter as wide as the reduction, rows first, 8-bit in between,
//! the weights as 16-bit integers of a precision that the largest weight sets.

use super::InputFit;

/// Resizes planes from one size to another; keeps its tables while the sizes stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resizer {
    sizes: Option<[(usize, usize); 2]>,
    horizontal: RowFilter,
    vertical: FilterTaps,
    /// The plane after the horizontal pass: the source's height, the target's width.
    rows: Vec<u8>,
    /// One row of sums in the vertical pass.
    sums: Vec<i32>,
}

/// For each output position the first input position and the weights from there on.
#[derive(Clone, Debug, Default)]
struct FilterTaps {
    first: Vec<usize>,
    count: Vec<usize>,
    /// `stride` weights an output position, the unused ones zero.
    weights: Vec<i16>,
    stride: usize,
    /// Fraction bits of the weights.
    precision: u32,
}

impl Resizer {
    /// Sets the sizes for the calls of [`Self::resize`] that follow.
    pub(crate) fn prepare(&mut self, fit: &InputFit) {
        let sizes = [fit.frame_size(), fit.image_size()];
        if self.sizes == Some(sizes) {
            return;
        }
        let [from, to] = sizes;
        self.horizontal = RowFilter::new(&FilterTaps::new(from.0, to.0), from.0);
        self.vertical = FilterTaps::new(from.1, to.1);
        self.rows.resize(from.1 * to.0, 0);
        self.sums.resize(to.0, 0);
        self.sizes = Some(sizes);
    }

    /// Resizes `source` into the top left of `target`, whose rows are `target_width` long.
    pub(crate) fn resize(&mut self, source: &[u8], target: &mut [u8], target_width: usize) {
        let Some([(from_width, _), (to_width, _)]) = self.sizes else {
            return;
        };
        for (row, out) in source
            .chunks_exact(from_width)
            .zip(self.rows.chunks_exact_mut(to_width))
        {
            self.horizontal.resize(row, out);
        }
        for (index, out) in target
            .chunks_exact_mut(target_width)
            .take(self.vertical.first.len())
            .enumerate()
        {
            let out = &mut out[..to_width];
            self.vertical.column(index, &self.rows, &mut self.sums, out);
        }
    }
}

impl FilterTaps {
    fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        // The triangle is one pixel wide on each side, of the output when shrinking.
        let support = scale.max(1.0);
        let stride = support.ceil() as usize * 2 + 1;
        let mut filter = Self {
            stride,
            ..Self::default()
        };
        let mut weights = vec![0.0; stride * to];
        for (index, weights) in weights.chunks_exact_mut(stride).enumerate() {
            let center = scale * (index as f64 + 0.5);
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let count = end.saturating_sub(first).min(stride);
            for (offset, weight) in weights[..count].iter_mut().enumerate() {
                let distance = ((first + offset) as f64 - center + 0.5) / support;
                *weight = (1.0 - distance.abs()).max(0.0);
            }
            let total: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= total);
            filter.first.push(first);
            filter.count.push(count);
        }
        let largest = weights.iter().copied().fold(0.0, f64::max);
        filter.precision = precision(largest);
        let one = f64::from(1_u32 << filter.precision);
        filter.weights = weights
            .iter()
            .map(|weight| (0.5 + weight * one) as i16)
            .collect();
        filter
    }

    fn weights(&self, index: usize) -> &[i16] {
        &self.weights[index * self.stride..][..self.count[index]]
    }

    fn half(&self) -> i32 {
        1 << (self.precision - 1)
    }

    /// Makes output row `index` from the rows of `source`, as wide as `out`.
    fn column(&self, index: usize, source: &[u8], sums: &mut [i32], out: &mut [u8]) {
        sums.fill(self.half());
        let rows = source[self.first[index] * out.len()..].chunks_exact(out.len());
        for (&weight, row) in self.weights(index).iter().zip(rows) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(weight) * i32::from(value);
            }
        }
        for (out, &sum) in out.iter_mut().zip(&*sums) {
            *out = narrow(sum >> self.precision);
        }
    }
}

/// The taps of rows in blocks of one length, with which the compiler multiplies eight values at once.
#[derive(Clone, Debug, Default)]
struct RowFilter {
    /// First input position of each output position; a whole window of blocks follows it in the row.
    first: Vec<usize>,
    /// `blocks` for each output position; weights outside its taps are zero.
    weights: Vec<[i16; BLOCK]>,
    blocks: usize,
    precision: u32,
    /// A row that is shorter than a window, followed by zeros.
    padded: Vec<u8>,
}

/// Weights in a block.
const BLOCK: usize = 8;

impl RowFilter {
    /// `taps` for rows of `from` pixels.
    fn new(taps: &FilterTaps, from: usize) -> Self {
        let longest = taps.count.iter().copied().max().unwrap_or(0).max(1);
        let blocks = longest.div_ceil(BLOCK);
        let window = blocks * BLOCK;
        let mut filter = Self {
            blocks,
            precision: taps.precision,
            ..Self::default()
        };
        if from < window {
            filter.padded = vec![0; window];
        }
        for (index, &first) in taps.first.iter().enumerate() {
            // The last windows begin further left, so that they end with the row.
            let start = first.min(from.saturating_sub(window));
            let mut weights = vec![0; window];
            let taps = taps.weights(index);
            weights[first - start..][..taps.len()].copy_from_slice(taps);
            filter.first.push(start);
            filter.weights.extend(weights.as_chunks().0);
        }
        filter
    }

    /// Resizes one row.
    fn resize(&mut self, source: &[u8], out: &mut [u8]) {
        let mut padded = std::mem::take(&mut self.padded);
        if padded.is_empty() {
            self.filter(source, out);
        } else {
            padded[..source.len()].copy_from_slice(source);
            self.filter(&padded, out);
        }
        self.padded = padded;
    }

    /// Resizes one row that is at least as long as a window.
    fn filter(&self, source: &[u8], out: &mut [u8]) {
        let half = 1 << (self.precision - 1);
        let places = self.first.iter().zip(self.weights.chunks(self.blocks));
        for (out, (&first, weights)) in out.iter_mut().zip(places) {
            let values = source[first..].as_chunks::<BLOCK>().0;
            let sum: i32 = weights.iter().zip(values).map(products).sum();
            *out = narrow((sum + half) >> self.precision);
        }
    }
}

/// The sum of the products of a block.
#[inline]
fn products((weights, values): (&[i16; BLOCK], &[u8; BLOCK])) -> i32 {
    let pairs = weights.iter().zip(values);
    pairs
        .map(|(&weight, &value)| i32::from(weight) * i32::from(value))
        .sum()
}

/// The most fraction bits, up to 22, with which the largest weight fits 16 bits.
fn precision(largest: f64) -> u32 {
    (0..22)
        .find(|bits| 0.5 + largest * f64::from(1_u32 << (bits + 1)) >= f64::from(1 << 15))
        .unwrap_or(22)
}

fn narrow(value: i32) -> u8 {
    // Clamped: the rounded weights can sum to a little more than one.
    value.clamp(0, 255) as u8
}
