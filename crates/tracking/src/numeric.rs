//! Sums, medians and quantiles with the rounding of NumPy, so that near-equal scores compare alike.

/// Sum with eight partial sums from eight values on, as NumPy adds a contiguous axis.
pub(crate) fn sum(values: &[f64]) -> f64 {
    const LANES: usize = 8;
    if values.len() < LANES {
        return values.iter().fold(0.0, |total, value| total + value);
    }
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for (index, chunk) in chunks.enumerate() {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if index == 0 { *value } else { *lane + value };
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().fold(total, |total, value| total + value)
}

/// Mean of the values that are not NaN; NaN where there is none.
pub(crate) fn nan_mean(values: &[f64]) -> f64 {
    let zeroed: Vec<f64> = values
        .iter()
        .map(|value| if value.is_nan() { 0.0 } else { *value })
        .collect();
    let count = values.iter().filter(|value| !value.is_nan()).count();
    sum(&zeroed) / count as f64
}

/// Quantile of the values that are not NaN, linear between neighbours; NaN where there is none.
pub(crate) fn nan_quantile(values: &[f64], quantile: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    if sorted.is_empty() {
        return f64::NAN;
    }
    sorted.sort_by(f64::total_cmp);
    let position = quantile.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let share = position - below as f64;
    let step = sorted[above] - sorted[below];
    if share >= 0.5 {
        sorted[above] - step * (1.0 - share)
    } else {
        sorted[below] + step * share
    }
}

/// Median of the values that are not NaN; NaN where there is none.
pub(crate) fn nan_median(values: &[f64]) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return f64::NAN;
    }
    let (below, upper, _) = sorted.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if values.iter().filter(|v| !v.is_nan()).count() % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (lower + upper) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_number_of_values_lies_between_the_middle_two() {
        assert_eq!(nan_median(&[4.0, 1.0, f64::NAN, 3.0, 2.0]), 2.5);
        assert_eq!(nan_median(&[4.0, 1.0, 3.0]), 3.0);
        assert!(nan_median(&[f64::NAN]).is_nan());
    }

    #[test]
    fn quantile_is_linear_between_neighbours() {
        assert_eq!(nan_quantile(&[0.0, 10.0], 0.25), 2.5);
        assert_eq!(nan_quantile(&[0.0, 10.0], 0.75), 7.5);
        assert!(nan_quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn sums_of_few_and_of_many_values() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(sum(&values), 210.0);
        assert_eq!(sum(&values[..3]), 6.0);
        assert!(nan_mean(&[f64::NAN]).is_nan());
        assert_eq!(nan_mean(&[1.0, f64::NAN, 3.0]), 2.0);
    }
}
