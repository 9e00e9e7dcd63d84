//! Assignment of the least total cost.

use assignment::Assignment;

use crate::matrix::Matrix;

/// Pairs of row and column, in the order of the rows. Costs that are not finite are the last resort:
/// they count as more than every other cost together would.
pub(crate) fn hungarian(cost: &Matrix) -> Vec<(usize, usize)> {
    let filled = fill_infeasible(cost);
    let mut assignment = Assignment::default();
    let columns = assignment.solve(filled.values(), filled.rows(), filled.cols());
    let pairs = columns.iter().enumerate();
    pairs
        .filter_map(|(row, column)| Some((row, (*column)?)))
        .collect()
}

/// Costs that are not finite become ten times the largest one.
fn fill_infeasible(cost: &Matrix) -> Matrix {
    const FILL_WITHOUT_ANY: f64 = 1e6;
    let mut filled = cost.clone();
    if filled.is_finite() {
        return filled;
    }
    let finite = cost.values().iter().filter(|value| value.is_finite());
    let largest = finite.map(|value| value.abs()).reduce(f64::max);
    let fill = largest.map_or(FILL_WITHOUT_ANY, |largest| largest * 10.0 + 1.0);
    for value in filled.values_mut() {
        if !value.is_finite() {
            *value = fill;
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix<const C: usize>(rows: &[[f64; C]]) -> Matrix {
        let mut matrix = Matrix::zeros(rows.len(), C);
        for (target, value) in matrix.values_mut().iter_mut().zip(rows.iter().flatten()) {
            *target = *value;
        }
        matrix
    }

    #[test]
    fn least_total_cost_wins_over_the_least_single_cost() {
        let cost = matrix(&[[1.0, 2.0], [1.5, 9.0]]);
        assert_eq!(hungarian(&cost), [(0, 1), (1, 0)]);
    }

    #[test]
    fn a_constant_matrix_gives_the_identity() {
        let cost = Matrix::filled(4, 6, -0.0);
        assert_eq!(hungarian(&cost), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        let cost = Matrix::filled(6, 4, 1.0);
        assert_eq!(hungarian(&cost), [(0, 0), (1, 1), (2, 2), (3, 3)]);
    }

    #[test]
    fn more_rows_than_columns_leave_the_dearest_rows_out() {
        let cost = matrix(&[[5.0], [1.0], [3.0]]);
        assert_eq!(hungarian(&cost), [(1, 0)]);
    }

    #[test]
    fn costs_that_are_not_finite_are_the_last_resort() {
        let cost = matrix(&[[f64::INFINITY, -3.0], [f64::NAN, -2.0]]);
        assert_eq!(hungarian(&cost), [(0, 1), (1, 0)]);
        assert_eq!(hungarian(&Matrix::filled(2, 2, f64::NAN)), [(0, 0), (1, 1)]);
        assert!(hungarian(&Matrix::zeros(0, 3)).is_empty());
        assert!(hungarian(&Matrix::zeros(3, 0)).is_empty());
    }
}
