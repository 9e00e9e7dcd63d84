//! Names of tracks beside their animals.

use opencv::Result;
use opencv::core::{Mat, MatTraitConst, Point, Rect, Size};
use opencv::imgproc::{FONT_HERSHEY_SIMPLEX, LINE_AA, get_text_size, put_text};

use super::caption::{CAPITAL_HEIGHT, darken, printable};
use super::palette::color;
use super::{Overlay, TrackMark, scalar};

/// Characters of a name that are drawn.
const MAX_CHARS: usize = 40;

/// Sizes in pixels.
struct Letters {
    capital: f64,
    scale: f64,
    thickness: i32,
}

impl Letters {
    /// For an image whose short side is `short_side` pixels.
    fn new(short_side: u32) -> Self {
        let capital = (f64::from(short_side) / 45.0).clamp(6.0, 40.0);
        Self {
            capital,
            scale: capital / CAPITAL_HEIGHT,
            thickness: (capital / 8.0).round().max(1.0) as i32,
        }
    }
}

/// Writes each track's name over the uppermost node of its instance.
pub(super) fn draw(canvas: &mut Mat, overlay: &Overlay<'_>, short_side: u32) -> Result<()> {
    let letters = Letters::new(short_side);
    for (points, mark) in overlay.instances.iter().zip(overlay.tracks) {
        if let (Some(mark), Some(top)) = (mark, uppermost(points, canvas)) {
            draw_name(canvas, mark, top, &letters)?;
        }
    }
    Ok(())
}

/// The uppermost node that is in the image.
fn uppermost(points: &[Option<[f32; 2]>], canvas: &Mat) -> Option<[f32; 2]> {
    let (width, height) = (canvas.cols() as f32, canvas.rows() as f32);
    let is_inside = |[x, y]: &[f32; 2]| (0.0..width).contains(x) && (0.0..height).contains(y);
    let visible = points.iter().flatten().filter(|point| is_inside(point));
    visible.copied().min_by(|a, b| a[1].total_cmp(&b[1]))
}

fn draw_name(canvas: &mut Mat, mark: &TrackMark, top: [f32; 2], letters: &Letters) -> Result<()> {
    let cut: String = mark.name.chars().take(MAX_CHARS).collect();
    let name = printable(&cut);
    let (font, scale, thickness) = (FONT_HERSHEY_SIMPLEX, letters.scale, letters.thickness);
    let Size { width, height } = get_text_size(&name, font, scale, thickness, &mut 0)?;
    let margin = (letters.capital * 0.4).round() as i32;
    let [x, y] = top.map(|value| value.round() as i32);
    let right_most = (canvas.cols() - width - margin).max(margin);
    let left = (x - width / 2).clamp(margin, right_most);
    let over = y - (letters.capital * 0.9).round() as i32 - margin;
    let base = over.max(height + margin);
    let backing = Rect::new(
        left - margin,
        base - height - margin,
        width + 2 * margin,
        height + 2 * margin,
    );
    darken(canvas, backing)?;
    let (at, pen) = (Point::new(left, base), scalar(color(mark.color)));
    put_text(
        canvas, &name, at, font, scale, pen, thickness, LINE_AA, false,
    )
}
