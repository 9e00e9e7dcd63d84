//! How a frame lies in the model's input.

use crate::frame::FrameView;

/// The place of a frame in the model's input: scaled to fit, at the top left.
///
/// As sleap-nn's size matcher does it: one scale for both axes, the rest stays zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct InputFit {
    /// Width and height of the frame.
    frame: [usize; 2],
    /// Width and height of the frame's image in the input; at least one pixel.
    image: [usize; 2],
    /// Width and height of the input.
    model: [usize; 2],
    /// Input pixels per frame pixel, along x and y.
    scale: [f32; 2],
}

impl InputFit {
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
            // A very thin frame: keep one pixel, with the scale that this pixel really has.
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
    pub(crate) fn to_frame(self, [x, y]: [f32; 2]) -> [f32; 2] {
        [x / self.scale[0], y / self.scale[1]]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fit(frame: [u32; 2], model: [u32; 2]) -> InputFit {
        let data = vec![0; frame[0] as usize * frame[1] as usize];
        InputFit::new(
            &FrameView::new(frame[0], frame[1], 1, &data).expect("a frame"),
            model,
        )
    }

    #[test]
    fn the_tighter_side_sets_the_scale() {
        for (frame, model, image) in [
            ([512, 384], [256, 192], (256, 192)),
            ([640, 360], [256, 192], (256, 144)),
            ([360, 640], [256, 192], (108, 192)),
            ([100, 50], [256, 192], (256, 128)),
            ([1, 1], [256, 192], (192, 192)),
            ([256, 100], [256, 192], (256, 100)),
        ] {
            assert_eq!(fit(frame, model).image_size(), image, "{frame:?}");
        }
    }

    #[test]
    fn halves_round_to_even_as_in_python() {
        // 5 * 0.5 = 2.5 and 7 * 0.5 = 3.5
        assert_eq!(fit([16, 5], [8, 8]).image_size(), (8, 2));
        assert_eq!(fit([16, 7], [8, 8]).image_size(), (8, 4));
    }

    #[test]
    fn a_sliver_keeps_one_pixel_and_its_points_stay_in_the_frame() {
        let fit = fit([1000, 1], [100, 100]);
        assert_eq!(fit.image_size(), (100, 1));
        let [x, y] = fit.to_frame([50.0, 0.9]);
        assert!((x - 500.0).abs() < 1e-3 && (0.0..1.0).contains(&y));
    }

    proptest! {
        #[test]
        fn images_fill_one_side_and_points_map_back(
            frame in prop::array::uniform2(1_u32..300),
            model in prop::array::uniform2(1_u32..300),
        ) {
            let fit = fit(frame, model);
            let (width, height) = fit.image_size();
            prop_assert!((1..=model[0] as usize).contains(&width));
            prop_assert!((1..=model[1] as usize).contains(&height));
            prop_assert!(width == model[0] as usize || height == model[1] as usize);
            // The far corner of the image is the far corner of the frame, to the rounding of the
            // image's size.
            let corner = fit.to_frame([width as f32, height as f32]);
            let one_pixel = fit.to_frame([0.51, 0.51]);
            for axis in 0..2 {
                let off = (corner[axis] - frame[axis] as f32).abs();
                prop_assert!(off <= one_pixel[axis], "{corner:?} for {frame:?}");
            }
        }
    }
}
