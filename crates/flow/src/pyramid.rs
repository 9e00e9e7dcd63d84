//! A picture in several sizes.

use crate::level::Level;
use crate::lucas_kanade::{ShiftedPoint, follow};
use crate::options::FlowOptions;
use crate::picture::Picture;
use crate::resize::resized;

/// A picture in several sizes, each half as large as the one before.
#[derive(Debug)]
pub struct Pyramid {
    /// The largest first.
    levels: Vec<Level>,
    window: usize,
    scale: f64,
}

impl Pyramid {
    /// The pyramid of a picture. The options have been checked.
    pub fn new(picture: &Picture<'_>, options: &FlowOptions) -> Self {
        let window = options.window_size as usize;
        let first = if options.img_scale == 1.0 {
            Level::of(picture, window)
        } else {
            let small = resized(picture, options.img_scale);
            Level::of(&small.picture(picture.channels()), window)
        };
        let mut levels = vec![first];
        for _ in 0..options.max_levels {
            let Some(last) = levels.last() else { break };
            // A level is larger than the window.
            let next = [last.width, last.height].map(|side| side.div_ceil(2));
            if next.iter().any(|side| *side <= window) {
                break;
            }
            let half = last.halved();
            levels.push(half);
        }
        Self {
            levels,
            window,
            scale: options.img_scale,
        }
    }

    /// Its memory, bytes.
    pub fn bytes(&self) -> usize {
        self.levels.iter().map(Level::bytes).sum()
    }

    /// Whether points of the one can be found in the other: pictures of one size, with the same options.
    pub fn fits(&self, other: &Self) -> bool {
        let shape = |pyramid: &Self| {
            let first = pyramid.levels.first();
            first.map(|level| (level.width, level.height, level.channels))
        };
        shape(self) == shape(other)
            && self.levels.len() == other.levels.len()
            && self.window == other.window
            && self.scale == other.scale
    }

    /// Where points of this picture are in `next`; `None` where the pictures do not
    /// [fit](Self::fits). Points are in pixels of the pictures as they were given.
    pub fn shifted(&self, next: &Self, points: &[[f32; 2]]) -> Option<Vec<ShiftedPoint>> {
        if !self.fits(next) {
            return None;
        }
        let scale = self.scale as f32;
        let scaled: Vec<[f32; 2]> = points
            .iter()
            .map(|xy| xy.map(|value| value * scale))
            .collect();
        let mut shifted = follow(&self.levels, &next.levels, self.window, &scaled);
        for found in &mut shifted {
            found.point = found.point.map(|value| value / scale);
        }
        Some(shifted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pyramid(width: u32, height: u32, options: &FlowOptions) -> Pyramid {
        let pixels = vec![9; (width * height) as usize];
        Pyramid::new(&Picture::new(width, height, 1, &pixels).unwrap(), options)
    }

    #[test]
    fn levels_end_where_they_would_be_no_larger_than_the_window() {
        let usual = FlowOptions::default();
        let levels = |width, height| pyramid(width, height, &usual).levels.len();
        assert_eq!(levels(640, 480), 4);
        assert_eq!(levels(640, 43), 2);
        assert_eq!(levels(640, 42), 1);
        assert_eq!(levels(1, 1), 1);
    }

    #[test]
    fn pictures_of_different_sizes_or_options_do_not_fit() {
        let usual = FlowOptions::default();
        let smaller = FlowOptions {
            window_size: 9,
            ..usual
        };
        let one = pyramid(64, 48, &usual);
        assert!(
            one.shifted(&pyramid(64, 48, &usual), &[[1.0, 2.0]])
                .is_some()
        );
        for other in [pyramid(64, 47, &usual), pyramid(64, 48, &smaller)] {
            assert!(one.shifted(&other, &[[1.0, 2.0]]).is_none());
        }
    }
}
