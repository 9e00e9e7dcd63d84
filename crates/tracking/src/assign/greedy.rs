//! The cheapest pair first.

use crate::assign::network_sort::argsort;
use crate::matrix::Matrix;

/// Pairs of row and column, the cheapest first, until rows or columns are used up.
pub(crate) fn greedy(cost: &Matrix) -> Vec<(usize, usize)> {
    let cols = cost.cols();
    let mut row_used = vec![false; cost.rows()];
    let mut col_used = vec![false; cols];
    let mut pairs = Vec::new();
    for cell in argsort(cost.values()) {
        let (row, col) = (cell / cols, cell % cols);
        if !row_used[row] && !col_used[col] {
            row_used[row] = true;
            col_used[col] = true;
            pairs.push((row, col));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_pair_is_taken_whatever_is_left_for_the_others() {
        let mut cost = Matrix::zeros(2, 2);
        cost.values_mut().copy_from_slice(&[1.0, 2.0, 1.5, 9.0]);
        assert_eq!(greedy(&cost), [(0, 0), (1, 1)]);
        assert!(greedy(&Matrix::zeros(0, 2)).is_empty());
        assert!(greedy(&Matrix::zeros(2, 0)).is_empty());
    }
}
