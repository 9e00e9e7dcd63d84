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
    for zone in overlay.zones {
        draw_name(canvas, zone, short_side)?;
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

/// Writes the name at the uppermost corner, inside the picture.
fn draw_name(canvas: &mut Mat, zone: &ZoneMark, short_side: u32) -> Result<()> {
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
    let backing = Rect::new(
        left - margin,
        base - height - margin,
        width + 2 * margin,
        height + 2 * margin,
    );
    darken(canvas, backing)?;
    let color = if zone.is_active { ACTIVE } else { AT_REST };
    let (at, pen) = (Point::new(left, base), scalar(color));
    put_text(
        canvas, &name, at, font, scale, pen, thickness, LINE_AA, false,
    )
}

fn point(place: [f32; 2]) -> Point {
    let [x, y] = place.map(|value| match value.is_finite() {
        true => value.clamp(-FARTHEST, FARTHEST).round() as i32,
        false => 0,
    });
    Point::new(x, y)
}
