//! Drawing skeletons and text over frames.

mod caption;
mod names;
mod palette;
mod skeleton;
mod trails;
mod zones;

use opencv::core::{Mat, Scalar};
use opencv::imgproc;

use crate::Image;
use crate::mat::{ImageError, to_image, view};
use caption::Caption;
pub use palette::{COLORS, UNTRACKED};
pub use trails::{TrailPiece, Trails};

/// What to draw over a frame. Points are (x, y) in its pixels; (0, 0) is the centre of the
/// first pixel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overlay<'a> {
    /// Names of the skeleton's nodes; only their number matters here.
    pub nodes: &'a [String],
    /// Pairs of node indices. Indices without a node are skipped.
    pub edges: &'a [[u32; 2]],
    /// One list of points per animal, a point per node; `None` where the node was not found.
    pub instances: &'a [Vec<Option<[f32; 2]>>],
    /// The track of each animal, in the same order; empty where animals are not told apart.
    pub tracks: &'a [Option<TrackMark>],
    /// Where animals were.
    pub trails: &'a [TrailPiece],
    /// Areas of the picture.
    pub zones: &'a [ZoneMark],
    /// Text for the upper left corner, lines separated by `\n`; empty for none.
    pub caption: &'a str,
}

/// The track of an animal, as it is drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackMark {
    /// Its colour in the palette, which repeats after twelve.
    pub color: usize,
    /// Its name, which is written beside the animal.
    pub name: String,
}

/// An area of the picture, as it is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ZoneMark {
    /// Its name, which is written at its uppermost corner.
    pub name: String,
    /// Its corners; the last one is joined to the first one.
    pub outline: Vec<[f32; 2]>,
    /// It is filled.
    pub is_active: bool,
}

impl From<(&str, Vec<[f32; 2]>, bool)> for ZoneMark {
    fn from((name, outline, is_active): (&str, Vec<[f32; 2]>, bool)) -> Self {
        Self {
            name: name.to_owned(),
            outline,
            is_active,
        }
    }
}

impl From<(usize, String)> for TrackMark {
    fn from((color, name): (usize, String)) -> Self {
        Self { color, name }
    }
}

/// A BGR copy of `image` with the overlay drawn on it.
///
/// Lines and letters scale with the image. Points that are not finite or far outside are
/// left out. Tracks have a colour each, instances without one are gray. Where animals are not told apart,
/// instances have a colour each; where there is only one, its nodes have.
pub fn overlay(image: &Image, overlay: &Overlay<'_>) -> Result<Image, ImageError> {
    let mut canvas = to_bgr(image)?;
    let short_side = image.width.min(image.height);
    draw(&mut canvas, overlay, short_side).map_err(ImageError::opencv("draw the overlay"))?;
    to_image(&canvas)
}

/// In small frames animals walk under the caption: its backing must not hide them.
fn draw(canvas: &mut Mat, overlay: &Overlay<'_>, short_side: u32) -> opencv::Result<()> {
    let caption = Caption::fit(canvas, overlay.caption)?;
    if let Some(caption) = &caption {
        caption.draw_backing(canvas)?;
    }
    zones::draw(canvas, overlay, short_side)?;
    trails::draw(canvas, overlay, short_side)?;
    skeleton::draw(canvas, overlay, short_side)?;
    names::draw(canvas, overlay, short_side)?;
    match caption {
        Some(caption) => caption.draw_text(canvas),
        None => Ok(()),
    }
}

fn to_bgr(image: &Image) -> Result<Mat, ImageError> {
    let source = view(image)?;
    let mut canvas = Mat::default();
    match image.channels {
        1 => imgproc::cvt_color_def(&source, &mut canvas, imgproc::COLOR_GRAY2BGR),
        4 => imgproc::cvt_color_def(&source, &mut canvas, imgproc::COLOR_BGRA2BGR),
        _ => opencv::core::MatTraitConst::copy_to(&source, &mut canvas),
    }
    .map_err(ImageError::opencv("convert an image to colour"))?;
    Ok(canvas)
}

fn scalar([blue, green, red]: [u8; 3]) -> Scalar {
    Scalar::new(f64::from(blue), f64::from(green), f64::from(red), 0.0)
}
