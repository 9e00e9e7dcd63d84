//! Whether a shape that was drawn by hand is one.

use crate::pose::{Position, distance};
use crate::zone::{Shape, sides};

/// Corners of a polygon at most.
pub(crate) const MAX_CORNERS: usize = 1024;

/// A smaller area cannot be meant, square pixels.
const MIN_AREA: f64 = 4.0;

/// What is wrong with a shape that was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A polygon of fewer than three corners.
    #[error("the zone has fewer than three corners: draw more")]
    TooFewCorners,
    /// A polygon of more corners than a file may have.
    #[error("the zone has more than {MAX_CORNERS} corners: draw fewer")]
    TooManyCorners,
    /// A coordinate that is no number.
    #[error("the zone has a corner that is no place in the picture: draw it again")]
    NoPlace,
    /// It has no area.
    #[error("the zone is too small: draw a larger one")]
    Empty,
    /// Two of its sides cross.
    #[error("the sides of the zone cross each other: move its corners")]
    Crossed,
    /// No part of it is in the picture.
    #[error("the zone is outside of the picture: draw it inside")]
    Outside,
}

impl Shape {
    /// Checks a shape that was drawn. `picture`: width and height of the source, where they are known.
    ///
    /// # Errors
    /// It has no area, crosses itself, or is outside of the picture.
    pub fn check_drawn(&self, picture: Option<(u32, u32)>) -> Result<(), ShapeError> {
        let ([left, top], [right, bottom]) = match self {
            Self::Polygon(corners) => {
                check_polygon(corners)?;
                bounds(corners)
            }
            Self::Circle { center, radius } => {
                if !(center.iter().chain([radius])).all(|number| number.is_finite()) {
                    return Err(ShapeError::NoPlace);
                }
                if std::f64::consts::PI * radius * radius < MIN_AREA || *radius <= 0.0 {
                    return Err(ShapeError::Empty);
                }
                (
                    center.map(|middle| middle - radius),
                    center.map(|middle| middle + radius),
                )
            }
        };
        let is_outside = |(width, height): (u32, u32)| {
            right < 0.0 || bottom < 0.0 || left > f64::from(width) || top > f64::from(height)
        };
        match picture.is_some_and(is_outside) {
            true => Err(ShapeError::Outside),
            false => Ok(()),
        }
    }
}

fn check_polygon(corners: &[Position]) -> Result<(), ShapeError> {
    match corners.len() {
        0..3 => return Err(ShapeError::TooFewCorners),
        count if count > MAX_CORNERS => return Err(ShapeError::TooManyCorners),
        _ => {}
    }
    if !corners
        .as_flattened()
        .iter()
        .all(|number| number.is_finite())
    {
        return Err(ShapeError::NoPlace);
    }
    let cross = |([x1, y1], [x2, y2]): (Position, Position)| x1 * y2 - x2 * y1;
    let area: f64 = sides(corners).map(cross).sum::<f64>() / 2.0;
    let is_crossed = is_crossed(corners);
    match (is_crossed, area.abs() < MIN_AREA) {
        (true, _) => Err(ShapeError::Crossed),
        (false, true) => Err(ShapeError::Empty),
        (false, false) => Ok(()),
    }
}

/// Whether two sides that are no neighbours meet.
fn is_crossed(corners: &[Position]) -> bool {
    let sides: Vec<(Position, Position)> = sides(corners).collect();
    let last = sides.len() - 1;
    let pairs = (0..sides.len()).flat_map(|one| (one + 2..sides.len()).map(move |two| (one, two)));
    let mut others = pairs.filter(|pair| *pair != (0, last));
    others.any(|(one, two)| meet(sides[one], sides[two]))
}

fn meet((a, b): (Position, Position), (c, d): (Position, Position)) -> bool {
    let turn = |[x1, y1]: Position, [x2, y2]: Position, [x3, y3]: Position| {
        (x2 - x1) * (y3 - y1) - (y2 - y1) * (x3 - x1)
    };
    let (of_c, of_d) = (turn(a, b, c), turn(a, b, d));
    let (of_a, of_b) = (turn(c, d, a), turn(c, d, b));
    let is_between = |from: Position, to: Position, at: Position| {
        (distance(from, at) + distance(at, to) - distance(from, to)).abs() < 1e-9
    };
    let crosses = of_c * of_d < 0.0 && of_a * of_b < 0.0;
    crosses
        || is_between(a, b, c)
        || is_between(a, b, d)
        || is_between(c, d, a)
        || is_between(c, d, b)
}

fn bounds(corners: &[Position]) -> (Position, Position) {
    let fold = |from: f64, pick: fn(f64, f64) -> f64, axis: usize| {
        corners
            .iter()
            .fold(from, |best, corner| pick(best, corner[axis]))
    };
    let least = |axis| fold(f64::INFINITY, f64::min, axis);
    let most = |axis| fold(f64::NEG_INFINITY, f64::max, axis);
    ([least(0), least(1)], [most(0), most(1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: Option<(u32, u32)> = Some((640, 480));

    fn polygon(corners: &[Position]) -> Result<(), ShapeError> {
        Shape::Polygon(corners.to_vec()).check_drawn(PICTURE)
    }

    #[test]
    fn shapes_that_cannot_be_meant_are_refused() {
        let square = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];
        assert_eq!(polygon(&square), Ok(()));
        // A bay, and corners outside of the picture, are fine.
        let bay = [[-9.0, 0.0], [9.0, 0.0], [9.0, 9.0], [5.0, 2.0], [0.0, 9.0]];
        assert_eq!(polygon(&bay), Ok(()));
        assert_eq!(polygon(&square[..2]), Err(ShapeError::TooFewCorners));
        let many = [[0.0; 2]; MAX_CORNERS + 1];
        assert_eq!(polygon(&many), Err(ShapeError::TooManyCorners));
        let bow = [[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 12.0]];
        assert_eq!(polygon(&bow), Err(ShapeError::Crossed));
        let touching = [
            [0.0, 0.0],
            [10.0, 0.0],
            [10.0, 10.0],
            [5.0, 0.0],
            [0.0, 10.0],
        ];
        assert_eq!(polygon(&touching), Err(ShapeError::Crossed));
        let small = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        assert_eq!(polygon(&small), Err(ShapeError::Empty));
        let no_place = [[0.0, 0.0], [f64::NAN, 0.0], [0.0, 9.0]];
        assert_eq!(polygon(&no_place), Err(ShapeError::NoPlace));
        let away = square.map(|[x, y]| [x + 641.0, y]);
        assert_eq!(polygon(&away), Err(ShapeError::Outside));
        assert_eq!(Shape::Polygon(away.to_vec()).check_drawn(None), Ok(()));
    }

    #[test]
    fn circles_have_a_size_and_a_place() {
        let circle = |x: f64, radius: f64| {
            let center = [x, 5.0];
            Shape::Circle { center, radius }.check_drawn(PICTURE)
        };
        assert_eq!(circle(-3.0, 5.0), Ok(()));
        assert_eq!(circle(3.0, 0.5), Err(ShapeError::Empty));
        assert_eq!(circle(3.0, -5.0), Err(ShapeError::Empty));
        assert_eq!(circle(-6.0, 5.0), Err(ShapeError::Outside));
        assert_eq!(circle(f64::INFINITY, 5.0), Err(ShapeError::NoPlace));
    }
}
