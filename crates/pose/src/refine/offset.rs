//! How far the top of a peak is from its cell.

/// One confidence map, `[h, w]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConfidenceMap<'a> {
    /// h * w values, row by row.
    pub(super) values: &'a [f32],
    /// w.
    pub(super) width: usize,
}

/// Cells to each side of the peak that [`integral`] reads: sleap-nn's patches are 5x5.
const PATCH_RADIUS: usize = 2;

/// The centre of mass of the 5x5 cells around `cell` (x, y), relative to it, in cells.
///
/// sleap-nn's `integral_regression` with its `integral_patch_size`: cells beyond the map count as
/// zero. Where that is no point of the patch (cells that are NaN, or so many negative ones that
/// their sum is not positive) the peak stays on its cell.
pub(super) fn integral(map: &ConfidenceMap<'_>, [x, y]: [usize; 2]) -> [f32; 2] {
    let (mut sum, mut moments) = (0.0, [0.0; 2]);
    let columns = x.saturating_sub(PATCH_RADIUS)..(x + PATCH_RADIUS + 1).min(map.width);
    let rows = map.values.chunks_exact(map.width).enumerate();
    let first = y.saturating_sub(PATCH_RADIUS);
    for (row, values) in rows.take(y + PATCH_RADIUS + 1).skip(first) {
        let dy = row as f32 - y as f32;
        for (column, value) in columns.clone().zip(&values[columns.clone()]) {
            sum += value;
            moments[0] += value * (column as f32 - x as f32);
            moments[1] += value * dy;
        }
    }
    let offset = moments.map(|moment| moment / sum);
    let inside = |offset: &f32| offset.abs() <= PATCH_RADIUS as f32;
    if sum > 0.0 && offset.iter().all(inside) {
        offset
    } else {
        [0.0; 2]
    }
}

/// The top of a parabola through the logarithms of the peak and its neighbours, along each axis,
/// relative to `cell` (x, y), in cells; at most half a cell.
///
/// The logarithm of a Gaussian is a parabola, so this is exact for the maps that networks are
/// trained to give. At the map's edge, on a plateau, and beside cells that are no positive numbers
/// the peak stays on its cell along that axis.
pub(super) fn parabola(map: &ConfidenceMap<'_>, [x, y]: [usize; 2]) -> [f32; 2] {
    let ConfidenceMap { values, width } = *map;
    let at = y * width + x;
    let along = |inside: bool, step: usize| {
        let (before, after) = (at.checked_sub(step), at + step);
        let (Some(before), Some(&after), true) = (before, values.get(after), inside) else {
            return 0.0;
        };
        vertex([values[before], values[at], after].map(f32::ln))
    };
    [along(x > 0 && x + 1 < width, 1), along(true, width)]
}

/// Where the parabola through `low`, `top`, `high` at -1, 0, 1 is highest, within half a cell.
fn vertex([low, top, high]: [f32; 3]) -> f32 {
    let curvature = low - 2.0 * top + high;
    // Infinite or not a number where a value was not positive.
    if !curvature.is_finite() || curvature >= 0.0 {
        return 0.0;
    }
    (0.5 * (low - high) / curvature).clamp(-0.5, 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    const NAN: f32 = f32::NAN;

    /// `[9, 11]`, a Gaussian around `top`.
    fn gaussian(top: [f32; 2], sigma: f32) -> Vec<f32> {
        let value = |index: usize| {
            let (x, y) = ((index % 11) as f32, (index / 11) as f32);
            let square = (x - top[0]).powi(2) + (y - top[1]).powi(2);
            (-square / (2.0 * sigma * sigma)).exp()
        };
        (0..99).map(value).collect()
    }

    fn map(values: &[f32]) -> ConfidenceMap<'_> {
        ConfidenceMap { values, width: 11 }
    }

    /// The whole map with a margin of zeros, cell by cell.
    fn slow_integral(map: &ConfidenceMap<'_>, [x, y]: [usize; 2]) -> [f64; 2] {
        let height = map.values.len() / map.width;
        let value = |column: i64, row: i64| {
            let inside =
                (0..map.width as i64).contains(&column) && (0..height as i64).contains(&row);
            if !inside {
                return 0.0;
            }
            f64::from(map.values[row as usize * map.width + column as usize])
        };
        let mut sums = [0.0; 3];
        for dy in -2..=2_i64 {
            for dx in -2..=2_i64 {
                let value = value(x as i64 + dx, y as i64 + dy);
                sums[0] += value;
                sums[1] += value * dx as f64;
                sums[2] += value * dy as f64;
            }
        }
        [sums[1] / sums[0], sums[2] / sums[0]]
    }

    /// a x^2 + b x + c through three points, solved for a and b; its top by trying.
    fn slow_parabola(low: f32, top: f32, high: f32) -> f64 {
        let [low, top, high] = [low, top, high].map(|value| f64::from(value).ln());
        let a = (low + high) / 2.0 - top;
        let b = (high - low) / 2.0;
        let height = |x: f64| a * x * x + b * x;
        let places = (-5000..=5000).map(|step| f64::from(step) / 10_000.0);
        places.fold(
            0.0,
            |best, x| if height(x) > height(best) { x } else { best },
        )
    }

    #[test]
    fn a_sampled_gaussian_s_top_is_found_exactly_by_the_parabola() {
        for sigma in [0.7, 1.4, 2.5, 4.0] {
            for (dx, dy) in [(0.0, 0.0), (0.3, -0.4), (-0.5, 0.49), (0.05, 0.21)] {
                let values = gaussian([5.0 + dx, 4.0 + dy], sigma);
                let [x, y] = parabola(&map(&values), [5, 4]);
                assert!(
                    (x - dx).abs() < 1e-4 && (y - dy).abs() < 1e-4,
                    "{sigma}: {x} {y}"
                );
            }
        }
    }

    #[test]
    fn the_integral_finds_the_middle_and_is_drawn_to_it() {
        let middle = integral(&map(&gaussian([5.0, 4.0], 1.4)), [5, 4]);
        assert!(middle.iter().all(|n| n.abs() < 1e-6), "{middle:?}");
        let [x, y] = integral(&map(&gaussian([5.4, 3.8], 1.4)), [5, 4]);
        // Right in the direction; the patch cuts off more on the far side.
        assert!(
            (0.15..0.4).contains(&x) && (-0.2..-0.07).contains(&y),
            "{x} {y}"
        );
    }

    #[test]
    fn peaks_at_the_edge() {
        let values = gaussian([0.3, 4.2], 1.4);
        let [x, y] = parabola(&map(&values), [0, 4]);
        assert!(x == 0.0 && (y - 0.2).abs() < 1e-4, "{x} {y}");
        for cell in [[0, 0], [10, 0], [0, 8], [10, 8]] {
            let values = gaussian(cell.map(|n| n as f32), 1.4);
            assert_eq!(parabola(&map(&values), cell), [0.0; 2]);
            // As sleap-nn's: nothing beyond the edge, so that the weight lies inwards.
            let [x, y] = integral(&map(&values), cell);
            assert!(x.abs() > 0.5 && y.abs() > 0.5, "{x} {y}");
        }
        let one = ConfidenceMap {
            values: &[0.9],
            width: 1,
        };
        assert_eq!(
            (parabola(&one, [0, 0]), integral(&one, [0, 0])),
            ([0.0; 2], [0.0; 2])
        );
    }

    #[test]
    fn where_there_is_no_top_the_peak_stays() {
        let flat = [0.5; 99];
        assert_eq!(parabola(&map(&flat), [5, 4]), [0.0; 2]);
        assert_eq!(integral(&map(&flat), [5, 4]), [0.0; 2]);
        for bad in [0.0, -0.1, NAN, f32::INFINITY] {
            let mut values = gaussian([5.3, 4.3], 1.4);
            values[4 * 11 + 6] = bad;
            let [x, y] = parabola(&map(&values), [5, 4]);
            assert!(x == 0.0 && (y - 0.3).abs() < 1e-4, "{bad}: {x} {y}");
        }
        for bad in [NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = gaussian([5.3, 4.3], 1.4);
            values[2 * 11 + 3] = bad;
            assert_eq!(integral(&map(&values), [5, 4]), [0.0; 2]);
        }
        // Negative in sum, and next to nothing in sum.
        let mut values = gaussian([5.0, 4.0], 0.3);
        values[4 * 11 + 6] = -2.0;
        assert_eq!(integral(&map(&values), [5, 4]), [0.0; 2]);
        values[4 * 11 + 6] = -0.99;
        assert_eq!(integral(&map(&values), [5, 4]), [0.0; 2]);
    }

    #[test]
    fn a_top_of_two_cells_is_between_them() {
        let mut values = gaussian([5.0, 4.0], 1.4);
        values[4 * 11 + 6] = values[4 * 11 + 5];
        let [x, _] = parabola(&map(&values), [5, 4]);
        assert_eq!(x, 0.5);
    }

    /// Made by sleap-nn itself: `tests/vectors/make_refine.py`.
    #[test]
    fn the_integral_is_sleap_nn_s() {
        #[derive(Deserialize)]
        struct Case {
            width: usize,
            values: Vec<f32>,
            cell: [usize; 2],
            offset: [f32; 2],
        }
        let text = include_str!("../../tests/vectors/refine.json");
        let cases: Vec<Case> = serde_json::from_str(text).expect("vectors");
        assert!(cases.len() >= 40);
        let mut moved = 0;
        for (number, case) in cases.iter().enumerate() {
            let Case { width, cell, .. } = *case;
            let values = &case.values;
            let ours = integral(&ConfidenceMap { values, width }, cell);
            for (ours, theirs) in ours.iter().zip(case.offset) {
                assert!((ours - theirs).abs() < 1e-5, "{number}: {ours} {theirs}");
            }
            moved += usize::from(ours != [0.0; 2]);
        }
        assert!(moved * 10 > cases.len() * 9, "{moved} of {}", cases.len());
    }

    proptest! {
        #[test]
        fn the_integral_equals_the_obvious_one(
            values in prop::collection::vec(0.0_f32..1.0, 99),
            cell in (0_usize..11, 0_usize..9),
        ) {
            let cell = [cell.0, cell.1];
            let ours = integral(&map(&values), cell);
            let slow = slow_integral(&map(&values), cell);
            for (ours, slow) in ours.iter().zip(slow) {
                prop_assert!((f64::from(*ours) - slow).abs() < 1e-5, "{} {}", ours, slow);
            }
        }

        #[test]
        fn the_parabola_equals_the_obvious_one(
            values in prop::collection::vec(1e-3_f32..1.0, 99),
            cell in (0_usize..11, 0_usize..9),
        ) {
            let cell = [cell.0, cell.1];
            let mut values = values;
            values[cell[1] * 11 + cell[0]] = 1.01;
            let value = |x: usize, y: usize| values[y * 11 + x];
            let [x, y] = parabola(&map(&values), cell);
            let slow_x = if (1..10).contains(&cell[0]) {
                slow_parabola(value(cell[0] - 1, cell[1]), 1.01, value(cell[0] + 1, cell[1]))
            } else {
                0.0
            };
            let slow_y = if (1..8).contains(&cell[1]) {
                slow_parabola(value(cell[0], cell[1] - 1), 1.01, value(cell[0], cell[1] + 1))
            } else {
                0.0
            };
            prop_assert!((f64::from(x) - slow_x).abs() < 2e-4, "{} {}", x, slow_x);
            prop_assert!((f64::from(y) - slow_y).abs() < 2e-4, "{} {}", y, slow_y);
        }

        #[test]
        fn whatever_the_values_offsets_are_small_numbers(
            bits in prop::collection::vec(any::<u32>(), 1..64),
            width in 1_usize..9,
            cell in any::<prop::sample::Index>(),
        ) {
            let mut values: Vec<_> = bits.into_iter().map(f32::from_bits).collect();
            values.resize(values.len().next_multiple_of(width), 0.0);
            let cell = cell.index(values.len());
            let cell = [cell % width, cell / width];
            let map = ConfidenceMap { values: &values, width };
            prop_assert!(integral(&map, cell).iter().all(|n| n.abs() <= 2.0));
            prop_assert!(parabola(&map, cell).iter().all(|n| n.abs() <= 0.5));
        }
    }
}
