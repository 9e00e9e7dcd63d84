//! How a frame lies in the model's input.

use crate::frame::FrameView;

/// The place of a frame in the model's input: scaled to fit, at the top left.
///
/// As sleap-nn's size matcher does it: one scale for both axes, the rest stays zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    /// Width and height of the frame.
    frame: [usize; 2],
    /// Width and height of the frame's image in the input; at least one pixel.
    image: [usize; 2],
    /// Width and height of the input.
    model: [usize; 2],
    /// Input pixels per frame pixel, along x and y.
    scale: [f32; 2],
}

impl Fit {
    /// Fits `frame` into an input of `model` width and height.
    pub(crate) fn new(frame: &FrameView<'_>, model: [u32; 2]) -> Self {
        let frame = [frame.width(), frame.height()];
        let usize_of = |pair: [u32; 2]| pair.map(|n| n as usize);
        if frame == model {
            return Self {
                frame: usize_of(frame),
                image: usize_of(model),
                model: usize_of(model),
                scale: [1.0; 2],
            };
        }
        let ratio = |axis: usize| f64::from(model[axis]) / f64::from(frame[axis]);
        let common = ratio(0).min(ratio(1));
        let axis = |axis: usize| {
            // Python's round(): ties to even.
            let length = (f64::from(frame[axis]) * common).round_ties_even();
            if length >= 1.0 {
                // At most the model's length, and that is u32.
                return (length as usize, common as f32);
            }
            // A sliver of a frame: keep one pixel, and say truly where that pixel comes from.
            (1, (1.0 / f64::from(frame[axis])) as f32)
        };
        let ((width, x_scale), (height, y_scale)) = (axis(0), axis(1));
        Self {
            frame: usize_of(frame),
            image: [width, height],
            model: usize_of(model),
            scale: [x_scale, y_scale],
        }
    }

    /// Width and height of the frame.
    pub(crate) fn frame_size(&self) -> (usize, usize) {
        (self.frame[0], self.frame[1])
    }

    /// Width and height of the frame's image in the input.
    pub(crate) fn image_size(&self) -> (usize, usize) {
        (self.image[0], self.image[1])
    }

    /// Width and height of the input.
    pub(crate) fn model_size(&self) -> (usize, usize) {
        (self.model[0], self.model[1])
    }

    /// The frame already has the model's size.
    pub(crate) fn is_exact(&self) -> bool {
        self.frame == self.model
    }

    /// From the model's pixels to the frame's.
    pub(crate) fn to_frame(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [x / self.scale[0], y / self.scale[1]]
    }
}
