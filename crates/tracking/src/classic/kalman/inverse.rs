//! The inverse of a covariance.

use crate::matrix::Matrix;

/// A determinant below this share of the diagonal's product counts as 0.
const MIN_DETERMINANT: f64 = 1e-12;

/// The inverse of a symmetric matrix; the Moore-Penrose one where it is singular.
pub(crate) fn pseudo_inverse(matrix: &Matrix) -> Matrix {
    match matrix.rows() {
        2 => inverse_2x2(matrix).unwrap_or_else(|| by_eigenvalues(matrix)),
        _ => by_eigenvalues(matrix),
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

/// Leaves out the directions whose eigenvalues are zero.
fn by_eigenvalues(matrix: &Matrix) -> Matrix {
    let size = matrix.rows();
    let (values, vectors) = eigen(matrix);
    let largest = values
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let cutoff = size as f64 * f64::EPSILON * largest;
    let mut inverse = Matrix::zeros(size, size);
    for (index, value) in values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.abs() > cutoff)
    {
        let vector: Vec<f64> = (0..size).map(|row| vectors[(row, index)]).collect();
        inverse = inverse.plus_outer(&vector, &vector, 1.0 / value);
    }
    inverse
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations.
fn eigen(matrix: &Matrix) -> (Vec<f64>, Matrix) {
    const MAX_SWEEPS: usize = 50;
    let size = matrix.rows();
    let mut a = matrix.plus(&matrix.transposed(), 1.0).scaled(0.5);
    let mut vectors = Matrix::identity(size);
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for p in 0..size {
            for q in p + 1..size {
                let scale = (a[(p, p)] * a[(q, q)]).abs().sqrt();
                if a[(p, q)].abs() > f64::EPSILON * scale.max(f64::MIN_POSITIVE) {
                    rotate(&mut a, &mut vectors, p, q);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    ((0..size).map(|index| a[(index, index)]).collect(), vectors)
}

/// Makes `a[(p, q)]` zero.
fn rotate(a: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    let theta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / t.hypot(1.0);
    let sine = t * cosine;
    for k in 0..a.rows() {
        let (kp, kq) = (a[(k, p)], a[(k, q)]);
        a[(k, p)] = cosine * kp - sine * kq;
        a[(k, q)] = sine * kp + cosine * kq;
    }
    for k in 0..a.rows() {
        let (pk, qk) = (a[(p, k)], a[(q, k)]);
        a[(p, k)] = cosine * pk - sine * qk;
        a[(q, k)] = sine * pk + cosine * qk;
        let (vp, vq) = (vectors[(k, p)], vectors[(k, q)]);
        vectors[(k, p)] = cosine * vp - sine * vq;
        vectors[(k, q)] = sine * vp + cosine * vq;
    }
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
        let zero = Matrix::zeros(3, 3);
        assert_near(&pseudo_inverse(&zero), &zero);
    }
}
