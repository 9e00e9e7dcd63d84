//! Matching of tracks and detections, and what came of it.

use crate::assign::hungarian;
use crate::matrix::Matrix;

/// A track and the detection that continues it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) track: usize,
    pub(crate) detection: usize,
    pub(crate) similarity: f64,
}

/// What came of a frame.
#[derive(Debug, Default)]
pub(crate) struct Association {
    pub(crate) matches: Vec<Found>,
    /// Detections that begin no track.
    pub(crate) no_begin: Vec<usize>,
    /// Tracks that end.
    pub(crate) ended: Vec<usize>,
}

impl Association {
    /// Notes pairs of a sub-matrix; the tracks and detections of it that are left.
    pub(crate) fn record(
        &mut self,
        pairs: &[(usize, usize)],
        tracks: &[usize],
        detections: &[usize],
        similarity: &Matrix,
    ) -> (Vec<usize>, Vec<usize>) {
        self.matches.extend(pairs.iter().map(|&(row, col)| Found {
            track: tracks[row],
            detection: detections[col],
            similarity: similarity[(row, col)],
        }));
        let left = |all: &[usize], used: &dyn Fn(usize) -> bool| {
            let unused = all.iter().enumerate().filter(|(index, _)| !used(*index));
            unused.map(|(_, item)| *item).collect()
        };
        (
            left(tracks, &|index| pairs.iter().any(|(row, _)| *row == index)),
            left(detections, &|index| {
                pairs.iter().any(|(_, col)| *col == index)
            }),
        )
    }
}

/// Rows and columns of a matrix.
pub(crate) fn select(matrix: &Matrix, rows: &[usize], cols: &[usize]) -> Matrix {
    let mut selected = Matrix::zeros(rows.len(), cols.len());
    for (to_row, row) in rows.iter().enumerate() {
        for (to_col, col) in cols.iter().enumerate() {
            selected[(to_row, to_col)] = matrix[(*row, *col)];
        }
    }
    selected
}

/// Pairs of the least cost, none above `max_cost`.
pub(crate) fn assign_below(cost: &Matrix, max_cost: f64) -> Vec<(usize, usize)> {
    /// What an impossible pair costs more than the dearest possible one.
    const MARGIN: f64 = 1e-5;
    let feasible = |value: f64| value.is_finite() && value <= max_cost;
    if !cost.values().iter().any(|value| feasible(*value)) {
        return Vec::new();
    }
    let mut filled = cost.clone();
    for value in filled
        .values_mut()
        .iter_mut()
        .filter(|value| !feasible(**value))
    {
        *value = max_cost + MARGIN;
    }
    let mut pairs = hungarian(&filled);
    pairs.retain(|&pair| feasible(cost[pair]));
    pairs
}

/// Pairs of the largest total score; those that are not valid are dropped afterwards.
pub(crate) fn assign_valid(
    score: &Matrix,
    valid: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let cells = |matrix: &Matrix| {
        let cols = matrix.cols();
        (0..matrix.rows()).flat_map(move |row| (0..cols).map(move |col| (row, col)))
    };
    if !cells(score).any(|(row, col)| valid(row, col)) {
        return Vec::new();
    }
    let mut pairs = hungarian(&score.scaled(-1.0));
    pairs.retain(|(row, col)| valid(*row, *col));
    pairs
}

/// The valid cells, where no row and no column has two of them.
pub(crate) fn one_to_one(
    rows: usize,
    cols: usize,
    valid: impl Fn(usize, usize) -> bool,
) -> Option<Vec<(usize, usize)>> {
    let mut pairs = Vec::new();
    let mut col_used = vec![false; cols];
    for row in 0..rows {
        let mut row_used = false;
        for col in (0..cols).filter(|col| valid(row, *col)) {
            if row_used || col_used[col] {
                return None;
            }
            row_used = true;
            col_used[col] = true;
            pairs.push((row, col));
        }
    }
    (!pairs.is_empty()).then_some(pairs)
}
