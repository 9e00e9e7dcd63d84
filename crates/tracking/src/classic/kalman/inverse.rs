//! The inverse of a covariance.

use crate::matrix::Matrix;

/// A determinant below this share of the diagonal's product counts as 0.
const MIN_DETERMINANT: f64 = 1e-12;

/// The inverse of a square matrix; the Moore-Penrose one where it is singular.
pub(crate) fn pseudo_inverse(matrix: &Matrix) -> Matrix {
    match matrix.rows() {
        2 => inverse_2x2(matrix).unwrap_or_else(|| by_singular_values(matrix)),
        _ => by_singular_values(matrix),
    }
}

fn inverse_2x2(matrix: &Matrix) -> Option<Matrix> {
    let (a, b, c, d) = (
        matrix[(0, 0)],
        matrix[(0, 1)],
        matrix[(1, 0)],
        matrix[(1, 1)],
    );
    let determinant = a * d - b * c;
    if determinant.is_nan() || determinant <= MIN_DETERMINANT * (a * d).abs() {
        return None;
    }
    let mut inverse = Matrix::zeros(2, 2);
    for (value, adjugate) in inverse.values_mut().iter_mut().zip([d, -b, -c, a]) {
        *value = adjugate / determinant;
    }
    Some(inverse)
}

/// Leaves out the directions whose singular values are zero, as SciPy's `pinv` does. Covariances of few frames
/// are all but singular, and rounding makes them unsymmetric: what is left depends on that.
fn by_singular_values(matrix: &Matrix) -> Matrix {
    let size = matrix.rows();
    let (left, right) = singular_vectors(matrix);
    let values: Vec<f64> = left
        .iter()
        .map(|column| dot(column, column).sqrt())
        .collect();
    let largest = values.iter().copied().fold(0.0, f64::max);
    let cutoff = size as f64 * f64::EPSILON * largest;
    let mut inverse = Matrix::zeros(size, size);
    for ((left, right), value) in left.iter().zip(&right).zip(values) {
        if value > cutoff {
            inverse = inverse.plus_outer(right, left, 1.0 / (value * value));
        }
    }
    inverse
}

/// Columns, the left ones as long as their singular values, by one-sided Jacobi rotations: M. R. Hestenes,
/// "Inversion of matrices by biorthogonalization and related results" (1958).
fn singular_vectors(matrix: &Matrix) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    const MAX_SWEEPS: usize = 50;
    let size = matrix.rows();
    let column = |matrix: &Matrix, col| (0..size).map(|row| matrix[(row, col)]).collect();
    let identity = Matrix::identity(size);
    let mut left: Vec<Vec<f64>> = (0..size).map(|col| column(matrix, col)).collect();
    let mut right: Vec<Vec<f64>> = (0..size).map(|col| column(&identity, col)).collect();
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for p in 0..size {
            for q in p + 1..size {
                let (first, second) = (dot(&left[p], &left[p]), dot(&left[q], &left[q]));
                let both = dot(&left[p], &left[q]);
                if both.abs() > f64::EPSILON * (first * second).sqrt() {
                    let theta = (second - first) / (2.0 * both);
                    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                    rotate(&mut left, p, q, tangent);
                    rotate(&mut right, p, q, tangent);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    (left, right)
}

/// Turns two columns in their plane.
fn rotate(columns: &mut [Vec<f64>], p: usize, q: usize, tangent: f64) {
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let (before, after) = columns.split_at_mut(q);
    for (first, second) in before[p].iter_mut().zip(&mut after[0]) {
        let (a, b) = (*first, *second);
        *first = cosine * a - sine * b;
        *second = sine * a + cosine * b;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symmetric(size: usize, rank: usize) -> Matrix {
        let mut matrix = Matrix::zeros(size, size);
        for k in 0..rank {
            let vector: Vec<f64> = (0..size)
                .map(|i| ((i * 7 + k * 3) % 5) as f64 + if i == k { 4.0 } else { 0.0 })
                .collect();
            matrix = matrix.plus_outer(&vector, &vector, 1.0);
        }
        matrix
    }

    fn assert_near(a: &Matrix, b: &Matrix) {
        for (a, b) in a.values().iter().zip(b.values()) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn a_regular_matrix_times_its_inverse_is_the_identity() {
        for size in [2, 4, 6] {
            let matrix = symmetric(size, size);
            let product = matrix.times(&pseudo_inverse(&matrix));
            assert_near(&product, &Matrix::identity(size));
        }
    }

    #[test]
    fn a_singular_matrix_is_restored_from_its_pseudo_inverse() {
        for (size, rank) in [(2, 1), (4, 2), (5, 3)] {
            let matrix = symmetric(size, rank);
            let inverse = pseudo_inverse(&matrix);
            assert_near(&matrix.times(&inverse).times(&matrix), &matrix);
        }
        // Also where it is not symmetric.
        let mut lopsided = symmetric(4, 4);
        lopsided[(0, 3)] += 1.5;
        let product = lopsided.times(&pseudo_inverse(&lopsided));
        assert_near(&product, &Matrix::identity(4));
        let zero = Matrix::zeros(3, 3);
        assert_near(&pseudo_inverse(&zero), &zero);
    }
}
