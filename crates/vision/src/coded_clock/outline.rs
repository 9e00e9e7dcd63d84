//! The corners of an outline, and the way from a square to them. OpenCV has these functions in other modules from version to
//! version.

/// A point of a picture, pixels.
pub(super) type Corner = [f64; 2];

/// The convex shape with four corners that an outline has within `tolerance` pixels, in the outline's order; `None` where it has
/// another shape.
pub(super) fn quadrangle(outline: &[Corner], tolerance: f64) -> Option<[Corner; 4]> {
    let first = farthest(outline, *outline.first()?);
    let second = farthest(outline, outline[first]);
    let mut kept = vec![first.min(second), first.max(second)];
    // Stretches of the outline between two kept points.
    let mut stretches = vec![(kept[0], kept[1]), (kept[1], kept[0] + outline.len())];
    while let Some((from, to)) = stretches.pop() {
        if let Some(corner) = most_distant(outline, from, to, tolerance) {
            kept.push(corner % outline.len());
            if kept.len() > 4 {
                return None;
            }
            stretches.extend([(from, corner), (corner, to)]);
        }
    }
    kept.sort_unstable();
    let corners: Vec<Corner> = kept.into_iter().map(|at| outline[at]).collect();
    let corners = <[Corner; 4]>::try_from(corners).ok()?;
    is_convex(&corners).then_some(corners)
}

fn farthest(outline: &[Corner], from: Corner) -> usize {
    let distance = |at: &usize| length(from, outline[*at]);
    let all = 0..outline.len();
    all.max_by(|one, other| distance(one).total_cmp(&distance(other)))
        .unwrap_or(0)
}

/// The point between two others that is farthest from the line through them, if it is farther than `tolerance`. Numbers
/// beyond the last point begin again with the first.
fn most_distant(outline: &[Corner], from: usize, to: usize, tolerance: f64) -> Option<usize> {
    let point = |at: usize| outline[at % outline.len()];
    let (begin, end) = (point(from), point(to));
    let base = length(begin, end);
    let distance = |at: usize| match base > 0.0 {
        true => cross(begin, end, point(at)).abs() / base,
        false => length(begin, point(at)),
    };
    let between = (from + 1..to).map(|at| (distance(at), at));
    let (distance, at) = between.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (distance > tolerance).then_some(at)
}

/// Whether all corners turn the same way, none of them straight on.
fn is_convex(corners: &[Corner; 4]) -> bool {
    let turn = |at: usize| cross(corners[at], corners[(at + 1) % 4], corners[(at + 2) % 4]);
    (0..4).all(|at| turn(at) > 0.0) || (0..4).all(|at| turn(at) < 0.0)
}

/// The area within an outline.
pub(super) fn area(outline: &[Corner]) -> f64 {
    let doubled = sides(outline).map(|([ax, ay], [bx, by])| ax * by - bx * ay);
    doubled.sum::<f64>().abs() / 2.0
}

/// The length of an outline.
pub(super) fn perimeter(outline: &[Corner]) -> f64 {
    sides(outline).map(|(from, to)| length(from, to)).sum()
}

fn sides(outline: &[Corner]) -> impl Iterator<Item = (Corner, Corner)> {
    let next = outline.iter().cycle().skip(1);
    outline.iter().copied().zip(next.copied())
}

/// The perspective that takes the corners of a convex quadrangle to those of a square of `side` pixels, from (0, 0) clockwise:
/// the matrix by rows, up to a factor.
pub(super) fn to_square(side: f64, corners: &[Corner; 4]) -> [[f64; 3]; 3] {
    let [[a, b, c], [d, e, f], [g, h, i]] = from_square(side, corners);
    // The adjugate is the inverse up to a factor.
    [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
}

/// The other way round. Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, section 2.2.3.
fn from_square(side: f64, corners: &[Corner; 4]) -> [[f64; 3]; 3] {
    let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = *corners;
    let (dx1, dx2, sum_x) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
    let (dy1, dy2, sum_y) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
    // Twice the area of a triangle of three corners, which is not zero in a convex shape.
    let whole = dx1 * dy2 - dx2 * dy1;
    let g = (sum_x * dy2 - dx2 * sum_y) / whole;
    let h = (dx1 * sum_y - sum_x * dy1) / whole;
    [
        [(x1 - x0 + g * x1) / side, (x3 - x0 + h * x3) / side, x0],
        [(y1 - y0 + g * y1) / side, (y3 - y0 + h * y3) / side, y0],
        [g / side, h / side, 1.0],
    ]
}

/// Positive where `c` is to the right of the way from `a` to `b`, as y points down; twice the area of the triangle.
fn cross(a: Corner, b: Corner, c: Corner) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

fn length(from: Corner, to: Corner) -> f64 {
    (to[0] - from[0]).hypot(to[1] - from[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All points of a polygon's border, a pixel apart.
    fn border(corners: &[Corner]) -> Vec<Corner> {
        let steps = |(from, to): (Corner, Corner)| {
            let count = length(from, to) as usize;
            (0..count).map(move |step| {
                let part = step as f64 / count as f64;
                [0, 1].map(|axis| (from[axis] + part * (to[axis] - from[axis])).round())
            })
        };
        sides(corners).flat_map(steps).collect()
    }

    const SHAPE: [Corner; 4] = [[10.0, 12.0], [90.0, 20.0], [80.0, 95.0], [5.0, 70.0]];

    #[test]
    fn an_outline_with_four_corners_has_them_wherever_it_begins() {
        let outline = border(&SHAPE);
        for begin in [0, 7, 100, outline.len() - 1] {
            let mut turned = outline.clone();
            turned.rotate_left(begin);
            let mut corners = quadrangle(&turned, 5.0).unwrap();
            let first = corners.iter().position(|it| *it == SHAPE[0]).unwrap();
            corners.rotate_left(first);
            assert_eq!(corners, SHAPE, "{begin}");
        }
    }

    #[test]
    fn other_outlines_are_no_quadrangles() {
        let triangle = [[0.0, 0.0], [90.0, 0.0], [40.0, 80.0]];
        let dented = [[0.0, 0.0], [90.0, 0.0], [20.0, 20.0], [0.0, 90.0]];
        let pentagon = [
            [50.0, 0.0],
            [98.0, 35.0],
            [79.0, 90.0],
            [21.0, 90.0],
            [2.0, 35.0],
        ];
        let line = [[0.0, 0.0], [90.0, 0.0]];
        for shape in [&triangle[..], &dented, &pentagon, &line] {
            assert_eq!(quadrangle(&border(shape), 5.0), None, "{shape:?}");
        }
        assert_eq!(quadrangle(&[], 5.0), None);
        assert_eq!(quadrangle(&[[1.0, 1.0]; 3], 5.0), None);
    }

    #[test]
    fn area_and_perimeter_are_those_of_the_shape() {
        let rectangle = [[1.0, 1.0], [31.0, 1.0], [31.0, 21.0], [1.0, 21.0]];
        assert_eq!((area(&rectangle), perimeter(&rectangle)), (600.0, 100.0));
        assert_eq!((area(&border(&rectangle)), area(&[])), (600.0, 0.0));
    }

    #[test]
    fn the_perspective_takes_corners_to_corners_and_back() {
        let far = 95.0;
        let (to, from) = (to_square(far, &SHAPE), from_square(far, &SHAPE));
        let at = |map: [[f64; 3]; 3], [x, y]: Corner| {
            let [u, v, w] = map.map(|row| row[0] * x + row[1] * y + row[2]);
            [u / w, v / w]
        };
        let square = [[0.0, 0.0], [far, 0.0], [far, far], [0.0, far]];
        for (place, corner) in square.into_iter().zip(SHAPE) {
            let (found, back) = (at(to, corner), at(from, place));
            assert!(length(found, place) < 1e-9, "{found:?} {place:?}");
            assert!(length(back, corner) < 1e-9, "{back:?} {corner:?}");
        }
        // The diagonals cross in the middle of the square.
        let middle = at(from, [far / 2.0, far / 2.0]);
        for (one, other) in [(0, 2), (1, 3)] {
            assert!(cross(SHAPE[one], SHAPE[other], middle).abs() < 1e-6);
        }
    }
}
