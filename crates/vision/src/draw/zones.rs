//! Zones of rules: outlines with their names, filled while they are in effect.

use opencv::Result;
use opencv::core::{Mat, MatTraitConst, Point, Rect, Size, Vector, add_weighted};
use opencv::imgproc::{
    FONT_HERSHEY_SIMPLEX, LINE_AA, fill_poly, get_text_size, polylines, put_text,
};

use super::caption::{CAPITAL_HEIGHT, darken, printable};
use super::{Overlay, ZoneMark, scalar};

/// Of a zone that is not in effect, BGR.
const AT_REST: [u8; 3] = [235, 235, 235];

/// Of a zone that is in effect, BGR.
const ACTIVE: [u8; 3] = [40, 190, 255];

/// Under the outline, BGR.
const SHADE: [u8; 3] = [20, 20, 20];

/// How much of the colour is over the picture in a zone that is in effect.
const FILL: f64 = 0.3;

/// Points farther out are drawn there: no picture is as large.
const FARTHEST: f32 = 30_000.0;

pub(super) fn draw(canvas: &mut Mat, overlay: &Overlay<'_>, short_side: u32) -> Result<()> {
    let width = (f64::from(short_side) / 240.0).round().clamp(1.0, 12.0) as i32;
    for zone in overlay.zones {
        draw_zone(canvas, zone, width)?;
    }
    let mut taken = Vec::new();
    for zone in overlay.zones {
        draw_name(canvas, zone, short_side, &mut taken)?;
    }
    Ok(())
}

fn draw_zone(canvas: &mut Mat, zone: &ZoneMark, width: i32) -> Result<()> {
    let corners: Vec<Point> = zone.outline.iter().copied().map(point).collect();
    if corners.len() < 3 {
        return Ok(());
    }
    if zone.is_active {
        fill(canvas, &corners)?;
    }
    let color = if zone.is_active { ACTIVE } else { AT_REST };
    let outline = Vector::<Vector<Point>>::from_iter([Vector::from_iter(corners)]);
    for (pen, thickness) in [(SHADE, width + 2), (color, width)] {
        polylines(canvas, &outline, true, scalar(pen), thickness, LINE_AA, 0)?;
    }
    Ok(())
}

/// Fills a zone so that the picture stays visible; only the part of the canvas around it is copied.
fn fill(canvas: &mut Mat, corners: &[Point]) -> Result<()> {
    let bounds = |of: fn(&Point) -> i32| {
        let values = corners.iter().map(of);
        (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
    };
    let ((left, right), (top, bottom)) = (bounds(|point| point.x), bounds(|point| point.y));
    let around = Rect::new(left, top, right - left + 1, bottom - top + 1)
        & Rect::new(0, 0, canvas.cols(), canvas.rows());
    if around.width <= 0 || around.height <= 0 {
        return Ok(());
    }
    let moved = corners
        .iter()
        .map(|point| Point::new(point.x - around.x, point.y - around.y));
    let shape = Vector::<Vector<Point>>::from_iter([moved.collect::<Vector<Point>>()]);
    let mut part = Mat::roi_mut(canvas, around)?;
    let plain = part.try_clone()?;
    let mut filled = plain.try_clone()?;
    fill_poly(
        &mut filled,
        &shape,
        scalar(ACTIVE),
        LINE_AA,
        0,
        Point::new(0, 0),
    )?;
    add_weighted(&filled, FILL, &plain, 1.0 - FILL, 0.0, &mut part, -1)
}

/// Writes the name at the uppermost corner, inside the picture and over no other name. `taken`: where these are.
fn draw_name(
    canvas: &mut Mat,
    zone: &ZoneMark,
    short_side: u32,
    taken: &mut Vec<Rect>,
) -> Result<()> {
    let top = zone.outline.iter().min_by(|a, b| a[1].total_cmp(&b[1]));
    let Some(top) = top.copied().map(point) else {
        return Ok(());
    };
    let capital = (f64::from(short_side) / 50.0).clamp(6.0, 36.0);
    let (font, scale) = (FONT_HERSHEY_SIMPLEX, capital / CAPITAL_HEIGHT);
    let thickness = (capital / 8.0).round().max(1.0) as i32;
    let name = printable(&zone.name);
    let Size { width, height } = get_text_size(&name, font, scale, thickness, &mut 0)?;
    let margin = (capital * 0.4).round() as i32;
    let left = top
        .x
        .clamp(margin, (canvas.cols() - width - margin).max(margin));
    let highest = height + margin;
    let base = (top.y + height + 2 * margin).clamp(highest, (canvas.rows() - margin).max(highest));
    let wanted = Rect::new(
        left - margin,
        base - height - margin,
        width + 2 * margin,
        height + 2 * margin,
    );
    let backing = free_place(wanted, taken, canvas.rows());
    let base = base + backing.y - wanted.y;
    if !name.is_empty() {
        taken.push(backing);
    }
    darken(canvas, backing)?;
    let color = if zone.is_active { ACTIVE } else { AT_REST };
    let (at, pen) = (Point::new(left, base), scalar(color));
    put_text(
        canvas, &name, at, font, scale, pen, thickness, LINE_AA, false,
    )
}

/// The place of a name that lies over no other one: below those in its way, or above them where the picture of so
/// many rows ends. Where there is none the name stays.
fn free_place(wanted: Rect, taken: &[Rect], rows: i32) -> Rect {
    let moved = |to: &dyn Fn(&Rect) -> i32| {
        let mut place = wanted;
        // Every step leaves a name behind that does not come into the way again.
        for _ in 0..=taken.len() {
            let in_the_way = |other: &&Rect| (place & **other).area() > 0;
            let Some(other) = taken.iter().find(in_the_way) else {
                break;
            };
            place.y = to(other);
        }
        let is_inside = place.y >= 0 && place.y + place.height <= rows;
        (place == wanted || is_inside).then_some(place)
    };
    moved(&|other| other.y + other.height)
        .or_else(|| moved(&|other| other.y - wanted.height))
        .unwrap_or(wanted)
}

fn point(place: [f32; 2]) -> Point {
    let [x, y] = place.map(|value| match value.is_finite() {
        true => value.clamp(-FARTHEST, FARTHEST).round() as i32,
        false => 0,
    });
    Point::new(x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_one_corner_stand_below_each_other() {
        let wanted = Rect::new(10, 20, 50, 15);
        let mut taken = Vec::new();
        let mut place = |wanted: Rect, rows: i32| {
            let place = free_place(wanted, &taken, rows);
            taken.push(place);
            place.y
        };
        assert_eq!([1, 2, 3].map(|_| place(wanted, 200)), [20, 35, 50]);
        // Beside them there is room.
        assert_eq!(place(Rect::new(60, 20, 50, 15), 200), 20);
        // Where the picture ends they stand above.
        assert_eq!(place(wanted, 70), 5);
        // Where there is no place, the name stays.
        assert_eq!(place(wanted, 70), 20);
    }
}
