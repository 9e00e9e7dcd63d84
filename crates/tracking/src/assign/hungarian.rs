//! Assignment of the least total cost, by shortest augmenting paths.
//!
//! D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions on
//! Aerospace and Electronic Systems 52 (2016). The order in which columns are looked at decides
//! between assignments of equal cost: it is that of SciPy's `linear_sum_assignment`, so that ties
//! fall as they do in sleap-nn.

use crate::matrix::Matrix;

/// Pairs of row and column, in the order of the rows. Costs that are not finite are the last resort:
/// they count as more than every other cost together would.
pub(crate) fn hungarian(cost: &Matrix) -> Vec<(usize, usize)> {
    let filled = fill_infeasible(cost);
    if filled.rows() > filled.cols() {
        let mut pairs: Vec<_> = solve(&filled.transposed())
            .into_iter()
            .enumerate()
            .map(|(col, row)| (row, col))
            .collect();
        pairs.sort_unstable();
        return pairs;
    }
    solve(&filled).into_iter().enumerate().collect()
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

/// The column of each row. There are at least as many columns as rows, and every cost is finite.
fn solve(cost: &Matrix) -> Vec<usize> {
    let mut search = Search::new(cost);
    for row in 0..cost.rows() {
        search.assign(row);
    }
    search.col_of_row.into_iter().flatten().collect()
}

/// Potentials of rows and columns, and what is assigned so far.
struct Search<'a> {
    cost: &'a Matrix,
    row_potential: Vec<f64>,
    col_potential: Vec<f64>,
    col_of_row: Vec<Option<usize>>,
    row_of_col: Vec<Option<usize>>,
    /// `[column]`: the row from which the shortest path reaches it, and that path's cost.
    path: Vec<usize>,
    path_cost: Vec<f64>,
    row_done: Vec<bool>,
    col_done: Vec<bool>,
    remaining: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(cost: &'a Matrix) -> Self {
        let (rows, cols) = (cost.rows(), cost.cols());
        Self {
            cost,
            row_potential: vec![0.0; rows],
            col_potential: vec![0.0; cols],
            col_of_row: vec![None; rows],
            row_of_col: vec![None; cols],
            path: vec![0; cols],
            path_cost: vec![0.0; cols],
            row_done: vec![false; rows],
            col_done: vec![false; cols],
            remaining: Vec::with_capacity(cols),
        }
    }

    /// Assigns one more row, moving others where that is cheaper.
    fn assign(&mut self, row: usize) {
        let Some((sink, least)) = self.shortest_path(row) else {
            return;
        };
        self.update_potentials(row, least);
        let mut col = sink;
        loop {
            let from = self.path[col];
            self.row_of_col[col] = Some(from);
            let previous = self.col_of_row[from].replace(col);
            match previous {
                Some(previous) if from != row => col = previous,
                _ => return,
            }
        }
    }

    /// The free column that is reached at the least cost, and that cost.
    fn shortest_path(&mut self, row: usize) -> Option<(usize, f64)> {
        self.remaining.clear();
        // Backwards: the assignment of a constant matrix is then the identity.
        self.remaining.extend((0..self.cost.cols()).rev());
        self.row_done.fill(false);
        self.col_done.fill(false);
        self.path_cost.fill(f64::INFINITY);
        let (mut row, mut least) = (row, 0.0);
        loop {
            self.row_done[row] = true;
            let index = self.nearest(row, least)?;
            let col = self.remaining.swap_remove(index);
            least = self.path_cost[col];
            self.col_done[col] = true;
            match self.row_of_col[col] {
                None => return Some((col, least)),
                Some(assigned) => row = assigned,
            }
        }
    }

    /// Extends the paths by the edges of a row; the index in `remaining` of the nearest column, a
    /// free one where several are equally near.
    fn nearest(&mut self, row: usize, least: f64) -> Option<usize> {
        let (mut index, mut lowest) = (None, f64::INFINITY);
        for (at, &col) in self.remaining.iter().enumerate() {
            let reduced =
                least + self.cost[(row, col)] - self.row_potential[row] - self.col_potential[col];
            if reduced < self.path_cost[col] {
                self.path[col] = row;
                self.path_cost[col] = reduced;
            }
            let cost = self.path_cost[col];
            if cost < lowest || (cost == lowest && self.row_of_col[col].is_none()) {
                lowest = cost;
                index = Some(at);
            }
        }
        index.filter(|_| lowest < f64::INFINITY)
    }

    fn update_potentials(&mut self, current: usize, least: f64) {
        self.row_potential[current] += least;
        for row in (0..self.row_done.len()).filter(|row| self.row_done[*row] && *row != current) {
            if let Some(col) = self.col_of_row[row] {
                self.row_potential[row] += least - self.path_cost[col];
            }
        }
        for col in (0..self.col_done.len()).filter(|col| self.col_done[*col]) {
            self.col_potential[col] -= least - self.path_cost[col];
        }
    }
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
