//! Frames as they are to be shown: turned and mirrored as their display matrix says.

use ffmpeg::Error;
use ffmpeg::frame::Video;

use crate::capture::reader::ReadFault;
use crate::frame_pixels::{PixelLayout, PlaneShape, allocate, row, row_mut};

/// A quarter or half turn and mirroring: first the sides are exchanged, then both axes mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::capture) struct Orientation {
    /// Rows become columns.
    transpose: bool,
    mirror_x: bool,
    mirror_y: bool,
}

impl Orientation {
    /// That of a display matrix, where there is one.
    ///
    /// # Errors
    /// It turns by an angle that is no multiple of 90 degrees.
    pub(super) fn of(matrix: Option<[i32; 9]>) -> Result<Orientation, ReadFault> {
        let is_set = |[a, b, _, c, d, ..]: &[i32; 9]| (*a, *c) != (0, 0) && (*b, *d) != (0, 0);
        let Some(matrix) = matrix.filter(is_set) else {
            return Ok(Orientation::default());
        };
        Orientation::of_matrix(&matrix).ok_or_else(|| {
            ReadFault::Ffmpeg(
                "its frames are to be shown at an angle that is no multiple of 90 degrees. Turn them first: \
                 `ffmpeg -i VIDEO turned.mp4`"
                    .to_owned(),
            )
        })
    }

    /// Of a display matrix, which maps a point (x, y) to (a x + c y, b x + d y): `[a, b, _, c, d, _, ..]`.
    /// `None`: it turns by an angle that is no multiple of 90 degrees.
    fn of_matrix(matrix: &[i32; 9]) -> Option<Orientation> {
        let [a, b, _, c, d, ..] = matrix.map(i64::from);
        // An angle up to half a degree counts as none, as for the `ffmpeg` program.
        let is_small = |part: i64, whole: i64| part.abs() * 100 <= whole.abs();
        if a != 0 && d != 0 && is_small(b, a) && is_small(c, d) {
            return Some(Orientation {
                transpose: false,
                mirror_x: a < 0,
                mirror_y: d < 0,
            });
        }
        let is_turned = b != 0 && c != 0 && is_small(a, b) && is_small(d, c);
        is_turned.then_some(Orientation {
            transpose: true,
            mirror_x: c < 0,
            mirror_y: b < 0,
        })
    }

    /// Frames stay as they are.
    pub(super) fn is_upright(&self) -> bool {
        *self == Orientation::default()
    }

    /// `frame` as it is to be shown, where its pixels can be moved as they are.
    pub(super) fn apply(&self, frame: &Video) -> Result<Option<Video>, Error> {
        let Some(layout) = PixelLayout::of(frame) else {
            return Ok(None);
        };
        let Some(planes) = layout.movable() else {
            return Ok(None);
        };
        let (width, height) = match self.transpose {
            true => (layout.height, layout.width),
            false => (layout.width, layout.height),
        };
        let mut shown = allocate(&layout, width, height)?;
        for (plane, shape) in planes.iter().enumerate() {
            self.move_plane(frame, &mut shown, plane, shape);
        }
        Ok(Some(shown))
    }

    fn move_plane(&self, from: &Video, to: &mut Video, plane: usize, shape: &PlaneShape) {
        if self.transpose {
            self.exchange_sides(from, to, plane, shape);
            return;
        }
        for y in 0..shape.height {
            let source_y = if self.mirror_y {
                shape.height - 1 - y
            } else {
                y
            };
            let source = row(from, plane, shape, source_y);
            let target = row_mut(to, plane, shape, y);
            if self.mirror_x {
                let pixels = source.chunks_exact(shape.step).rev();
                for (target, source) in target.chunks_exact_mut(shape.step).zip(pixels) {
                    target.copy_from_slice(source);
                }
            } else {
                target.copy_from_slice(source);
            }
        }
    }

    /// By squares that fit the processor's cache: columns are written at a distance of a whole row.
    fn exchange_sides(&self, from: &Video, to: &mut Video, plane: usize, shape: &PlaneShape) {
        const SIDE: usize = 32;
        let turned = PlaneShape {
            width: shape.height,
            height: shape.width,
            ..*shape
        };
        let step = shape.step;
        for top in (0..turned.height).step_by(SIDE) {
            for left in (0..turned.width).step_by(SIDE) {
                for y in top..(top + SIDE).min(turned.height) {
                    let target = row_mut(to, plane, &turned, y);
                    let source_x = if self.mirror_y {
                        shape.width - 1 - y
                    } else {
                        y
                    };
                    for x in left..(left + SIDE).min(turned.width) {
                        let source_y = if self.mirror_x {
                            shape.height - 1 - x
                        } else {
                            x
                        };
                        let source = row(from, plane, shape, source_y);
                        target[x * step..][..step]
                            .copy_from_slice(&source[source_x * step..][..step]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 16;

    fn of(a: i32, b: i32, c: i32, d: i32) -> Option<(bool, bool, bool)> {
        let matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30];
        let found = Orientation::of_matrix(&matrix)?;
        Some((found.transpose, found.mirror_x, found.mirror_y))
    }

    #[test]
    fn matrices_are_turns_and_mirrors() {
        assert_eq!(of(ONE, 0, 0, ONE), Some((false, false, false)));
        assert_eq!(of(-ONE, 0, 0, -ONE), Some((false, true, true)));
        assert_eq!(of(-ONE, 0, 0, ONE), Some((false, true, false)));
        // Clockwise by 90 degrees: a point moves from (x, y) to (-y, x).
        assert_eq!(of(0, ONE, -ONE, 0), Some((true, true, false)));
        assert_eq!(of(0, -ONE, ONE, 0), Some((true, false, true)));
        assert_eq!(of(0, ONE, ONE, 0), Some((true, false, false)));
    }

    #[test]
    fn other_angles_and_empty_matrices_are_none() {
        assert_eq!(of(46_341, 46_341, -46_341, 46_341), None);
        assert_eq!(of(0, 0, 0, 0), None);
        assert_eq!(of(i32::MIN, i32::MIN, i32::MAX, i32::MAX), None);
        let angle = [46_341, 46_341, 0, -46_341, 46_341, 0, 0, 0, 1 << 30];
        assert!(matches!(
            Orientation::of(Some(angle)),
            Err(ReadFault::Ffmpeg(_))
        ));
        for none in [None, Some([0; 9])] {
            assert!(Orientation::of(none).unwrap().is_upright());
        }
    }
}
