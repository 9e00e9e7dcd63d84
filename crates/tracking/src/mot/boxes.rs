//! Boxes: x and y of two opposite corners, the smaller ones first.

use crate::matrix::Matrix;

pub(crate) type Box4 = [f64; 4];

/// A box with nothing in it.
pub(crate) const NO_BOX: Box4 = [f64::NAN; 4];

/// Sides below this count as this.
pub(crate) const MIN_SIDE: f64 = 1.0;

pub(crate) fn is_finite(bounds: &Box4) -> bool {
    bounds.iter().all(|value| value.is_finite())
}

pub(crate) fn area(bounds: &Box4) -> f64 {
    (bounds[2] - bounds[0]).max(0.0) * (bounds[3] - bounds[1]).max(0.0)
}

pub(crate) fn center(bounds: &Box4) -> [f64; 2] {
    [0.5 * (bounds[0] + bounds[2]), 0.5 * (bounds[1] + bounds[3])]
}

/// Centre, width and height.
pub(crate) fn to_cxcywh(bounds: &Box4) -> [f64; 4] {
    let [cx, cy] = center(bounds);
    [
        cx,
        cy,
        (bounds[2] - bounds[0]).max(MIN_SIDE),
        (bounds[3] - bounds[1]).max(MIN_SIDE),
    ]
}

pub(crate) fn from_cxcywh([cx, cy, width, height]: [f64; 4]) -> Box4 {
    let (half_width, half_height) = (0.5 * width, 0.5 * height);
    [
        cx - half_width,
        cy - half_height,
        cx + half_width,
        cy + half_height,
    ]
}

/// The area that two boxes have in common.
pub(crate) fn intersection(a: &Box4, b: &Box4) -> f64 {
    if !is_finite(a) || !is_finite(b) {
        return 0.0;
    }
    let width = a[2].min(b[2]) - a[0].max(b[0]);
    let height = a[3].min(b[3]) - a[1].max(b[1]);
    width.max(0.0) * height.max(0.0)
}

/// Intersection over union.
pub(crate) fn iou(a: &Box4, b: &Box4) -> f64 {
    let common = intersection(a, b);
    let area = |bounds: &Box4| if is_finite(bounds) { area(bounds) } else { 0.0 };
    let union = area(a) + area(b) - common;
    if union > 0.0 {
        (common / union).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// `[a][b]`: intersection over union.
pub(crate) fn iou_matrix(a: &[Box4], b: &[Box4]) -> Matrix {
    let mut result = Matrix::zeros(a.len(), b.len());
    for (row, a) in a.iter().enumerate() {
        for (col, b) in b.iter().enumerate() {
            result[(row, col)] = iou(a, b);
        }
    }
    result
}

/// A box that is at least `side` wide and high.
pub(crate) fn widened(bounds: Box4, side: f64) -> Box4 {
    if !side.is_finite() || side <= 0.0 {
        return bounds;
    }
    let grow = |low: f64, high: f64| 0.5 * (side - (high - low)).max(0.0);
    let (x, y) = (grow(bounds[0], bounds[2]), grow(bounds[1], bounds[3]));
    [bounds[0] - x, bounds[1] - y, bounds[2] + x, bounds[3] + y]
}
