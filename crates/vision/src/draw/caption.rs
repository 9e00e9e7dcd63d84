//! Text on a dark backing.

use opencv::Result;
use opencv::core::{Mat, MatTraitConst, Point, Rect};
use opencv::imgproc::{FONT_HERSHEY_SIMPLEX, LINE_AA, get_text_size, put_text};

use super::scalar;

/// Height of a capital letter at font scale 1, pixels.
pub(super) const CAPITAL_HEIGHT: f64 = 21.0;

/// Letters below this height cannot be read, pixels.
const SMALLEST_CAPITAL: f64 = 5.0;

/// Share of the frame that stays visible through the backing.
const TRANSPARENCY: f64 = 0.35;

const TEXT_COLOR: [u8; 3] = [245, 245, 245];

/// Lines with the size at which they are written.
pub(super) struct Caption {
    lines: Vec<String>,
    /// Of the widest line, pixels.
    width: i32,
    scale: f64,
    thickness: i32,
    margin: i32,
    line_height: i32,
}

impl Caption {
    /// Letters of a fortieth of the canvas, or smaller where a line would not fit; `None`
    /// without text.
    pub(super) fn fit(canvas: &Mat, text: &str) -> Result<Option<Caption>> {
        let lines: Vec<String> = text.lines().map(printable).collect();
        if lines.iter().all(|line| line.trim().is_empty()) {
            return Ok(None);
        }
        let short_side = f64::from(canvas.cols().min(canvas.rows()));
        let mut capital = (short_side / 40.0).clamp(7.0, 60.0);
        loop {
            let caption = Caption::sized(&lines, capital)?;
            let fits = caption.width + 2 * caption.margin <= canvas.cols();
            if fits || capital <= SMALLEST_CAPITAL {
                return Ok(Some(caption));
            }
            capital = (capital * 0.9).max(SMALLEST_CAPITAL);
        }
    }

    fn sized(lines: &[String], capital: f64) -> Result<Caption> {
        let scale = capital / CAPITAL_HEIGHT;
        let thickness = (capital / 9.0).round().max(1.0) as i32;
        let mut width = 0;
        for line in lines {
            let font = FONT_HERSHEY_SIMPLEX;
            let size = get_text_size(line, font, scale, thickness, &mut 0)?;
            width = width.max(size.width);
        }
        Ok(Caption {
            lines: lines.to_vec(),
            width,
            scale,
            thickness,
            margin: (capital * 0.7).round() as i32,
            line_height: (capital * 1.9).round() as i32,
        })
    }

    pub(super) fn draw_backing(&self, canvas: &mut Mat) -> Result<()> {
        let lines = i32::try_from(self.lines.len()).unwrap_or(i32::MAX);
        let height = lines
            .saturating_mul(self.line_height)
            .saturating_add(self.margin);
        let width = self.width.saturating_add(2 * self.margin);
        darken(canvas, Rect::new(0, 0, width, height))
    }

    pub(super) fn draw_text(&self, canvas: &mut Mat) -> Result<()> {
        let mut baseline = 0i32;
        for line in &self.lines {
            baseline = baseline.saturating_add(self.line_height);
            if baseline > canvas.rows() {
                break;
            }
            let at = Point::new(self.margin, baseline);
            let (font, color) = (FONT_HERSHEY_SIMPLEX, scalar(TEXT_COLOR));
            let (scale, thickness) = (self.scale, self.thickness);
            put_text(
                canvas, line, at, font, scale, color, thickness, LINE_AA, false,
            )?;
        }
        Ok(())
    }
}

/// Makes the part of an area that is in the image dark enough for text.
pub(super) fn darken(canvas: &mut Mat, area: Rect) -> Result<()> {
    let area = area & Rect::new(0, 0, canvas.cols(), canvas.rows());
    if area.width <= 0 || area.height <= 0 {
        return Ok(());
    }
    let mut part = Mat::roi_mut(canvas, area)?;
    let visible = part.try_clone()?;
    visible.convert_to(&mut part, -1, TRANSPARENCY, 0.0)
}

/// The font has no letters beyond ASCII.
pub(super) fn printable(line: &str) -> String {
    let shown = |letter: char| match letter {
        letter if letter.is_ascii_graphic() => letter,
        letter if letter.is_whitespace() => ' ',
        _ => '?',
    };
    line.chars().map(shown).collect()
}
