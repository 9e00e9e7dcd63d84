//! Edges and nodes.

use opencv::Result;
use opencv::core::{Mat, Point};
use opencv::imgproc::{LINE_AA, circle, line};

use super::palette::{UNTRACKED, color, shade};
use super::{Overlay, scalar};

/// OpenCV takes coordinates as fixed-point numbers with this many fractional bits.
const SHIFT: i32 = 4;

/// Points farther out are not visible, and fixed-point numbers would overflow.
const FARTHEST: f32 = 1.0e6;

/// Sizes in pixels.
struct Strokes {
    edge: i32,
    /// On either side of an edge; none where it would be as wide as the edge itself.
    edge_outline: i32,
    radius: f32,
    node_outline: f32,
}

impl Strokes {
    /// For an image whose short side is `short_side` pixels.
    fn new(short_side: u32) -> Strokes {
        let unit = short_side as f32 / 240.0;
        Strokes {
            edge: (unit * 0.9).round().clamp(1.0, 40.0) as i32,
            edge_outline: (unit * 0.5).floor().clamp(0.0, 20.0) as i32,
            radius: (unit * 1.9).clamp(1.8, 80.0),
            node_outline: (unit * 0.5).clamp(0.8, 20.0),
        }
    }
}

pub(super) fn draw(canvas: &mut Mat, overlay: &Overlay<'_>, short_side: u32) -> Result<()> {
    let strokes = Strokes::new(short_side);
    for (index, points) in overlay.instances.iter().enumerate() {
        let points: Vec<Option<Point>> = points.iter().copied().map(fixed_point).collect();
        let of_instance = match overlay.tracks.get(index) {
            Some(Some(track)) => color(track.color),
            Some(None) => UNTRACKED,
            None => color(index),
        };
        let is_only = overlay.tracks.is_empty() && overlay.instances.len() == 1;
        draw_edges(canvas, overlay.edges, &points, of_instance, &strokes)?;
        for (node, point) in points.iter().enumerate() {
            let fill = if is_only { color(node) } else { of_instance };
            if let Some(point) = point {
                draw_node(canvas, *point, fill, &strokes)?;
            }
        }
    }
    Ok(())
}

fn draw_edges(
    canvas: &mut Mat,
    edges: &[[u32; 2]],
    points: &[Option<Point>],
    edge_color: [u8; 3],
    strokes: &Strokes,
) -> Result<()> {
    let at = |node: u32| points.get(node as usize).copied().flatten();
    let passes = [
        (
            scalar(shade(edge_color)),
            strokes.edge + 2 * strokes.edge_outline,
        ),
        (scalar(edge_color), strokes.edge),
    ];
    for (pen, thickness) in passes {
        for &[source, destination] in edges {
            if let (Some(from), Some(to)) = (at(source), at(destination)) {
                line(canvas, from, to, pen, thickness, LINE_AA, SHIFT)?;
            }
        }
    }
    Ok(())
}

fn draw_node(canvas: &mut Mat, at: Point, fill: [u8; 3], strokes: &Strokes) -> Result<()> {
    let radius = |pixels: f32| (pixels * (1 << SHIFT) as f32).round() as i32;
    let outer = radius(strokes.radius + strokes.node_outline);
    let inner = radius(strokes.radius);
    circle(canvas, at, outer, scalar(shade(fill)), -1, LINE_AA, SHIFT)?;
    circle(canvas, at, inner, scalar(fill), -1, LINE_AA, SHIFT)
}

fn fixed_point(point: Option<[f32; 2]>) -> Option<Point> {
    let [x, y] = point?;
    let fits = |value: f32| value.is_finite() && value.abs() < FARTHEST;
    let fixed = |value: f32| (value * (1 << SHIFT) as f32).round() as i32;
    (fits(x) && fits(y)).then(|| Point::new(fixed(x), fixed(y)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_cannot_be_drawn_are_left_out() {
        for bad in [f32::NAN, f32::INFINITY, -f32::INFINITY, 3.0e38, -1.0e6] {
            assert_eq!(fixed_point(Some([bad, 0.0])), None);
            assert_eq!(fixed_point(Some([0.0, bad])), None);
        }
        assert_eq!(fixed_point(None), None);
        assert_eq!(fixed_point(Some([1.5, -2.0])), Some(Point::new(24, -32)));
    }
}
