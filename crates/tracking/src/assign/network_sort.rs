//! The order of values, with ties as NumPy leaves them.
//!
//! Scores are often tied (zero overlap), and the order of ties decides which pair a greedy matching
//! takes. NumPy sorts up to 256 doubles with a bitonic network on processors with AVX2 or AVX-512;
//! the same network gives the same order. More values are sorted stably: there NumPy's order
//! depends on the processor.

/// The largest number of values that go through the network.
const MAX_NETWORK_LEN: usize = 256;

/// The indices of the values in ascending order.
pub(crate) fn argsort(values: &[f64]) -> Vec<usize> {
    if values.len() > MAX_NETWORK_LEN {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        return order;
    }
    let mut order: Vec<usize> = (0..values.len().next_power_of_two()).collect();
    let mut block = 2;
    while block <= order.len() {
        merge_blocks(&mut order, values, block);
        block *= 2;
    }
    order.retain(|index| *index < values.len());
    order
}

/// Merges the sorted halves of each block: mirrored comparisons, then half-cleaners.
fn merge_blocks(order: &mut [usize], values: &[f64], block: usize) {
    for part in order.chunks_exact_mut(block) {
        for low in 0..block / 2 {
            compare(part, values, low, block - 1 - low);
        }
    }
    let mut distance = block / 4;
    while distance > 0 {
        for part in order.chunks_exact_mut(2 * distance) {
            for low in 0..distance {
                compare(part, values, low, low + distance);
            }
        }
        distance /= 2;
    }
}

/// Puts the smaller value first. Equal values stay where they are; what fills up to a power of two
/// is above every value.
fn compare(part: &mut [usize], values: &[f64], low: usize, high: usize) {
    let value = |index: usize| values.get(index).copied();
    let swap = match (value(part[low]), value(part[high])) {
        (Some(low), Some(high)) => high < low,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if swap {
        part.swap(low, high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_ascending_order() {
        for len in [0, 1, 2, 7, 16, 100, 256, 300] {
            let values: Vec<f64> = (0..len).map(|i| f64::from(i * 37 % 101)).collect();
            let sorted: Vec<f64> = argsort(&values).into_iter().map(|i| values[i]).collect();
            assert_eq!(sorted.len(), values.len());
            assert!(sorted.is_sorted(), "{len}");
        }
    }

    #[test]
    fn ties_are_as_numpy_leaves_them() {
        // numpy.argsort with AVX2 and AVX-512, NumPy 2.4.6.
        let mut values = [0.0; 20];
        values[5] = -1.0;
        values[17] = -2.0;
        assert_eq!(argsort(&values), NUMPY_ORDER);
        assert_eq!(argsort(&[0.0; 20]), (0..20).collect::<Vec<_>>());
    }

    const NUMPY_ORDER: [usize; 20] = [
        17, 5, 2, 0, 3, 4, 6, 1, 8, 9, 10, 11, 12, 13, 14, 7, 15, 16, 18, 19,
    ];
}
