//! Areas of the picture.

use crate::pose::{Position, distance};

/// An area of the picture with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its shape, in pixels of the source.
    pub shape: Shape,
}

/// The shape of a zone, in pixels of the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Its corners in their order; the last one is joined to the first one.
    Polygon(Vec<Position>),
    /// A circle.
    Circle {
        /// Its middle.
        center: Position,
        /// Its radius.
        radius: f64,
    },
}

impl Shape {
    /// How far a point is inside, in pixels; negative outside, 0 on the border.
    pub fn depth(&self, point: Position) -> f64 {
        match self {
            Self::Circle { center, radius } => radius - distance(*center, point),
            Self::Polygon(corners) => {
                let to_border = sides(corners)
                    .map(|(from, to)| distance_to_side(point, from, to))
                    .fold(f64::INFINITY, f64::min);
                match is_inside(corners, point) {
                    true => to_border,
                    false => -to_border,
                }
            }
        }
    }

    /// Its middle: of a polygon the centre of its area.
    pub fn middle(&self) -> Position {
        match self {
            Self::Circle { center, .. } => *center,
            Self::Polygon(corners) => middle_of(corners),
        }
    }

    /// Its border as corners, for drawing. A circle has `steps` of them.
    pub fn outline(&self, steps: usize) -> Vec<Position> {
        match self {
            Self::Polygon(corners) => corners.clone(),
            Self::Circle { center, radius } => (0..steps)
                .map(|step| {
                    let angle = std::f64::consts::TAU * step as f64 / steps as f64;
                    [
                        center[0] + radius * angle.cos(),
                        center[1] + radius * angle.sin(),
                    ]
                })
                .collect(),
        }
    }
}

pub(crate) fn sides(corners: &[Position]) -> impl Iterator<Item = (Position, Position)> + '_ {
    let next = corners.iter().cycle().skip(1);
    corners.iter().copied().zip(next.copied())
}

fn distance_to_side(point: Position, from: Position, to: Position) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let length_squared = along[0] * along[0] + along[1] * along[1];
    if length_squared == 0.0 {
        return distance(point, from);
    }
    let dot = (point[0] - from[0]) * along[0] + (point[1] - from[1]) * along[1];
    let share = (dot / length_squared).clamp(0.0, 1.0);
    distance(
        point,
        [from[0] + share * along[0], from[1] + share * along[1]],
    )
}

/// By the even-odd rule.
fn is_inside(corners: &[Position], [x, y]: Position) -> bool {
    let crossed = sides(corners).filter(|([x1, y1], [x2, y2])| {
        (*y1 > y) != (*y2 > y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1)
    });
    crossed.count() % 2 == 1
}

/// The centre of the area; of corners on a line, their mean.
fn middle_of(corners: &[Position]) -> Position {
    let (mut area, mut sum) = (0.0, [0.0; 2]);
    for (from, to) in sides(corners) {
        let cross = from[0] * to[1] - to[0] * from[1];
        area += cross;
        for axis in 0..2 {
            sum[axis] += (from[axis] + to[axis]) * cross;
        }
    }
    if area.abs() < 1e-9 {
        let count = corners.len().max(1) as f64;
        return std::array::from_fn(|axis| {
            corners.iter().map(|corner| corner[axis]).sum::<f64>() / count
        });
    }
    sum.map(|value| value / (3.0 * area))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_the_distance_to_the_border() {
        let square = Shape::Polygon(vec![[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]);
        let circle = Shape::Circle {
            center: [5.0, 5.0],
            radius: 5.0,
        };
        for (point, in_square, in_circle) in [
            ([5.0, 5.0], 5.0, 5.0),
            ([1.0, 5.0], 1.0, 1.0),
            ([-3.0, 5.0], -3.0, -3.0),
            ([13.0, 14.0], -5.0, 5.0 - 8.0f64.hypot(9.0)),
        ] {
            assert!((square.depth(point) - in_square).abs() < 1e-9, "{point:?}");
            assert!((circle.depth(point) - in_circle).abs() < 1e-9, "{point:?}");
        }
        assert_eq!(square.middle(), [5.0, 5.0]);
        assert_eq!(circle.outline(4).len(), 4);
    }

    #[test]
    fn a_bay_of_a_polygon_is_outside() {
        let bay = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [5.0, 2.0], [0.0, 9.0]];
        let shape = Shape::Polygon(bay.to_vec());
        assert!(shape.depth([5.0, 6.0]) < 0.0);
        assert!(shape.depth([1.0, 4.0]) > 0.0);
    }
}
