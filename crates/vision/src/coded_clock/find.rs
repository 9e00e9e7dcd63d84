//! Squares of cells in a picture.

use opencv::core::{Mat, MatTraitConst, Point, Rect, Size, Vector, mean_def};
use opencv::imgproc;

use super::SIDE;
use super::bits::Levels;
use super::outline::{self, Corner};
use crate::Image;
use crate::mat::{ImageError, view};

/// Pixels of a cell in the straightened square.
const CELL: i32 = 12;

/// Shortest side of a square that can be read, pixels.
const MIN_SIDE: f64 = 24.0;

/// Most squares that are looked at in one picture.
const MAX_SQUARES: usize = 64;

/// Brightness of the cells of what may be squares, the largest first.
pub(super) fn squares(image: &Image) -> Result<Vec<Levels>, ImageError> {
    search(image).map_err(ImageError::opencv("look for a square"))?
}

type Search = opencv::Result<Result<Vec<Levels>, ImageError>>;

fn search(image: &Image) -> Search {
    let pixels = match view(image) {
        Ok(pixels) => pixels,
        Err(error) => return Ok(Err(error)),
    };
    let mut gray = Mat::default();
    match image.channels {
        1 => pixels.copy_to(&mut gray)?,
        3 => imgproc::cvt_color_def(&pixels, &mut gray, imgproc::COLOR_BGR2GRAY)?,
        _ => imgproc::cvt_color_def(&pixels, &mut gray, imgproc::COLOR_BGRA2GRAY)?,
    }
    let mut corners = Vec::new();
    for mask in masks(&gray)? {
        corners.extend(quadrangles(&mask)?);
    }
    corners.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    corners.truncate(MAX_SQUARES);
    let levels = corners.iter().map(|(_, corners)| levels(&gray, corners));
    Ok(Ok(levels.collect::<opencv::Result<_>>()?))
}

/// What is dark: in the whole picture, and beside its surroundings.
fn masks(gray: &Mat) -> opencv::Result<Vec<Mat>> {
    let (mut whole, mut local) = (Mat::default(), Mat::default());
    let otsu = imgproc::THRESH_BINARY_INV | imgproc::THRESH_OTSU;
    imgproc::threshold(gray, &mut whole, 0.0, 255.0, otsu)?;
    // Wider than the frame of a square, so that it is dark beside the white around it.
    let around = (gray.cols().min(gray.rows()) / 3).max(3) | 1;
    imgproc::adaptive_threshold(
        gray,
        &mut local,
        255.0,
        imgproc::ADAPTIVE_THRESH_MEAN_C,
        imgproc::THRESH_BINARY_INV,
        around.min(255),
        4.0,
    )?;
    Ok(vec![whole, local])
}

/// Outlines with four corners, by their areas; the corners clockwise on the picture.
fn quadrangles(mask: &Mat) -> opencv::Result<Vec<(f64, [Corner; 4])>> {
    let mut outlines: Vector<Vector<Point>> = Vector::new();
    let (mode, method) = (imgproc::RETR_LIST, imgproc::CHAIN_APPROX_SIMPLE);
    imgproc::find_contours_def(mask, &mut outlines, mode, method)?;
    let mut found = Vec::new();
    for outline in &outlines {
        let points = outline.iter().map(|it| [it.x.into(), it.y.into()]);
        let points: Vec<Corner> = points.collect();
        let area = outline::area(&points);
        if area < MIN_SIDE * MIN_SIDE {
            continue;
        }
        let tolerance = 0.03 * outline::perimeter(&points);
        let corners = outline::quadrangle(&points, tolerance);
        found.extend(corners.map(|corners| (area, clockwise(corners))));
    }
    Ok(found)
}

/// The same corners in clockwise order, as y points down.
fn clockwise(corners: [Corner; 4]) -> [Corner; 4] {
    let [a, b, c, d] = corners;
    let turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if turn >= 0.0 {
        [a, b, c, d]
    } else {
        [a, d, c, b]
    }
}

/// The brightness of the cells within four corners.
fn levels(gray: &Mat, corners: &[Corner; 4]) -> opencv::Result<Levels> {
    let side = CELL * SIDE as i32;
    let map = outline::to_square(f64::from(side - 1), corners);
    let map = Mat::from_slice_2d(&map)?;
    let mut square = Mat::default();
    imgproc::warp_perspective_def(gray, &mut square, &map, Size::new(side, side))?;
    let mut levels = [[0.0; SIDE]; SIDE];
    // The middle of a cell: its edges are blurred.
    let (offset, size) = (CELL / 4, CELL / 2);
    for (row, line) in levels.iter_mut().enumerate() {
        for (column, level) in line.iter_mut().enumerate() {
            let (x, y) = (column as i32 * CELL, row as i32 * CELL);
            let middle = Rect::new(x + offset, y + offset, size, size);
            *level = mean_def(&Mat::roi(&square, middle)?)?[0] as f32;
        }
    }
    Ok(levels)
}
