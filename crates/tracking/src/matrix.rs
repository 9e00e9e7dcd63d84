//! A small dense matrix.

use std::ops::{Index, IndexMut};

/// Values in rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    rows: usize,
    cols: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// All values equal.
    pub(crate) fn filled(rows: usize, cols: usize, value: f64) -> Self {
        Self {
            rows,
            cols,
            values: vec![value; rows * cols],
        }
    }

    /// Zeros.
    pub(crate) fn zeros(rows: usize, cols: usize) -> Self {
        Self::filled(rows, cols, 0.0)
    }

    /// Ones on the diagonal.
    pub(crate) fn identity(size: usize) -> Self {
        let mut matrix = Self::zeros(size, size);
        for index in 0..size {
            matrix[(index, index)] = 1.0;
        }
        matrix
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// All values, row by row.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// All values, row by row.
    pub(crate) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    pub(crate) fn transposed(&self) -> Self {
        let mut result = Self::zeros(self.cols, self.rows);
        for row in 0..self.rows {
            for col in 0..self.cols {
                result[(col, row)] = self[(row, col)];
            }
        }
        result
    }

    /// `self · other`.
    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut result = Self::zeros(self.rows, other.cols);
        for row in 0..self.rows {
            for inner in 0..self.cols {
                let factor = self[(row, inner)];
                for col in 0..other.cols {
                    result[(row, col)] += factor * other[(inner, col)];
                }
            }
        }
        result
    }

    /// `self · vector`.
    pub(crate) fn apply(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.rows)
            .map(|row| {
                (0..self.cols)
                    .map(|col| self[(row, col)] * vector[col])
                    .sum()
            })
            .collect()
    }

    /// `self + factor · other`.
    pub(crate) fn plus(&self, other: &Self, factor: f64) -> Self {
        let mut result = self.clone();
        for (value, added) in result.values.iter_mut().zip(&other.values) {
            *value += factor * added;
        }
        result
    }

    /// `self + factor · a · bᵀ`.
    pub(crate) fn plus_outer(&self, a: &[f64], b: &[f64], factor: f64) -> Self {
        let mut result = self.clone();
        for (row, left) in a.iter().enumerate() {
            for (col, right) in b.iter().enumerate() {
                result[(row, col)] += factor * left * right;
            }
        }
        result
    }

    /// Every value times `factor`.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let mut result = self.clone();
        for value in &mut result.values {
            *value *= factor;
        }
        result
    }

    /// Whether every value is finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (row, col): (usize, usize)) -> &f64 {
        &self.values[row * self.cols + col]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (row, col): (usize, usize)) -> &mut f64 {
        &mut self.values[row * self.cols + col]
    }
}
