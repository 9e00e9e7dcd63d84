//! Words on a dark backing.

use opencv::Result;
use opencv::core::{Mat, MatTraitConst, Point, Rect};
use opencv::imgproc::{FONT_HERSHEY_SIMPLEX, LINE_AA, get_text_size, put_text};

use super::scalar;

/// Height of a capital letter at font scale 1, pixels.
const CAPITAL_HEIGHT: f64 = 21.0;

/// Share of the frame that stays visible through the backing.
const BACKING: f64 = 0.35;

struct Layout {
    scale: f64,
    thickness: i32,
    margin: i32,
    line_height: i32,
}

pub(super) fn draw(canvas: &mut Mat, text: &str) -> Result<()> {
    let lines: Vec<String> = text.lines().map(printable).collect();
    if lines.iter().all(|line| line.trim().is_empty()) {
        return Ok(());
    }
    let (layout, text_width) = fit(canvas, &lines)?;
    let margin = layout.margin;
    let backing = Rect::new(
        0,
        0,
        (text_width + 2 * margin).min(canvas.cols()),
        (layout.line_height * lines.len() as i32 + margin).min(canvas.rows()),
    );
    darken(canvas, backing)?;
    for (row, line) in lines.iter().enumerate() {
        let baseline = layout.line_height * (row as i32 + 1);
        put_text(
            canvas,
            line,
            Point::new(margin, baseline),
            FONT_HERSHEY_SIMPLEX,
            layout.scale,
            scalar([245, 245, 245]),
            layout.thickness,
            LINE_AA,
            false,
        )?;
    }
    Ok(())
}

/// Sizes for letters of about a fortieth of the image, smaller where a line would not fit.
fn fit(canvas: &Mat, lines: &[String]) -> Result<(Layout, i32)> {
    let short_side = f64::from(canvas.cols().min(canvas.rows()));
    let mut capital = (short_side / 40.0).clamp(7.0, 60.0);
    loop {
        let layout = layout(capital);
        let width = text_width(lines, &layout)?;
        if width + 2 * layout.margin <= canvas.cols() || capital <= 5.0 {
            return Ok((layout, width));
        }
        capital = (capital * 0.9).max(5.0);
    }
}

fn layout(capital: f64) -> Layout {
    Layout {
        scale: capital / CAPITAL_HEIGHT,
        thickness: (capital / 9.0).round().max(1.0) as i32,
        margin: (capital * 0.7).round() as i32,
        line_height: (capital * 1.9).round() as i32,
    }
}

fn text_width(lines: &[String], layout: &Layout) -> Result<i32> {
    let mut widest = 0;
    for line in lines {
        let mut baseline = 0;
        let size = get_text_size(
            line,
            FONT_HERSHEY_SIMPLEX,
            layout.scale,
            layout.thickness,
            &mut baseline,
        )?;
        widest = widest.max(size.width);
    }
    Ok(widest)
}

fn darken(canvas: &mut Mat, area: Rect) -> Result<()> {
    use opencv::core::Mat as Matrix;
    let mut part = Matrix::roi_mut(canvas, area)?;
    let dark = part.try_clone()?;
    dark.convert_to(&mut part, -1, BACKING, 0.0)
}

/// The font has no letters beyond ASCII.
fn printable(line: &str) -> String {
    let shown = |letter: char| {
        if letter.is_ascii_graphic() {
            letter
        } else {
            '?'
        }
    };
    line.chars()
        .map(|letter| {
            if letter.is_whitespace() {
                ' '
            } else {
                shown(letter)
            }
        })
        .collect()
}
