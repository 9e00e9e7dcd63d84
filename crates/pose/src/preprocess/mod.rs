//! From frames to the model's input: colour, size, layout.

mod colour;
mod fit;
mod resize;

pub(crate) use fit::InputFit;

use crate::frame::FrameView;

use resize::Resizer;

/// Writes frames into the model's input; its buffers are kept between frames.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preprocessor {
    /// The planes of one frame in its own size.
    planes: Vec<u8>,
    resizer: Resizer,
}

impl Preprocessor {
    /// Writes `frame` into `slot`, `channels` planes of the model's size, at the place of `fit`.
    pub(crate) fn write(
        &mut self,
        frame: &FrameView<'_>,
        channels: usize,
        fit: &InputFit,
        slot: &mut [u8],
    ) {
        let (width, height) = fit.model_size();
        if fit.is_exact() {
            colour::planes(frame, channels, slot);
            return;
        }
        let source = frame.width() as usize * frame.height() as usize;
        slot.fill(0);
        self.resizer.prepare(fit);
        let (first, others) = slot.split_at_mut(width * height);
        if frame.channels() == 1 {
            // Its one plane is the frame itself, and all planes of the input are alike.
            self.resizer.resize(frame.data(), first, width);
            for target in others.chunks_exact_mut(width * height) {
                target.copy_from_slice(first);
            }
            return;
        }
        self.planes.resize(channels * source, 0);
        colour::planes(frame, channels, &mut self.planes);
        let targets = std::iter::once(first).chain(others.chunks_exact_mut(width * height));
        for (plane, target) in self.planes.chunks_exact(source).zip(targets) {
            self.resizer.resize(plane, target, width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of `tests/vectors/size_match.json`, made by sleap-nn's own code.
    #[derive(serde::Deserialize)]
    struct Case {
        frame: [u32; 2],
        model: [u32; 2],
        scale: f64,
        fnv1a: String,
        pixels: Option<Vec<u8>>,
    }

    fn cases() -> Vec<Case> {
        serde_json::from_str(include_str!("../../tests/vectors/size_match.json")).expect("vectors")
    }

    /// The pictures of `tests/vectors/make.py`.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 12345_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    fn fnv1a(data: &[u8]) -> String {
        let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    /// One gray frame of noise, preprocessed for a gray model.
    fn preprocess(frame: [u32; 2], model: [u32; 2]) -> (Vec<u8>, InputFit) {
        let data = noise(frame[0] as usize * frame[1] as usize);
        let view = FrameView::new(frame[0], frame[1], 1, &data).expect("a frame");
        let fit = InputFit::new(&view, model);
        let mut pixels = vec![0; model[0] as usize * model[1] as usize];
        Preprocessor::default().write(&view, 1, &fit, &mut pixels);
        (pixels, fit)
    }

    #[test]
    fn frames_are_matched_to_the_size_bit_for_bit_as_sleap_nn_does() {
        let cases = cases();
        assert!(cases.len() > 10);
        for case in cases {
            let (pixels, fit) = preprocess(case.frame, case.model);
            let label = format!("{:?} to {:?}", case.frame, case.model);
            if let Some(expected) = case.pixels {
                assert_eq!(pixels, expected, "{label}");
            }
            assert_eq!(fnv1a(&pixels), case.fnv1a, "{label}");
            assert_eq!(fit.to_frame([case.scale as f32; 2]), [1.0; 2], "{label}");
        }
    }

    #[test]
    fn a_frame_of_the_model_s_size_is_copied() {
        let (pixels, fit) = preprocess([37, 23], [37, 23]);
        assert_eq!(pixels, noise(37 * 23));
        assert_eq!(fit.to_frame([5.25, 7.5]), [5.25, 7.5]);
    }

    #[test]
    fn buffers_left_by_other_frames_do_not_show() {
        let sizes = [[64, 48], [16, 12], [9, 30], [30, 9], [16, 12], [1, 1]];
        let model = [16, 12];
        let mut reused = Preprocessor::default();
        for size in sizes {
            let data = noise((size[0] * size[1]) as usize);
            let view = FrameView::new(size[0], size[1], 1, &data).expect("a frame");
            let mut pixels = [99; 16 * 12];
            reused.write(&view, 1, &InputFit::new(&view, model), &mut pixels);
            let (fresh, _) = preprocess(size, model);
            assert_eq!(pixels[..], fresh, "{size:?}");
        }
    }

    #[test]
    fn a_gray_frame_is_the_same_in_all_planes() {
        let data = noise(30 * 20);
        let view = FrameView::new(30, 20, 1, &data).expect("a frame");
        let fit = InputFit::new(&view, [12, 12]);
        let mut pixels = [99; 3 * 144];
        Preprocessor::default().write(&view, 3, &fit, &mut pixels);
        let (gray, _) = preprocess([30, 20], [12, 12]);
        for plane in pixels.chunks_exact(144) {
            assert_eq!(plane, gray);
        }
    }

    #[test]
    fn each_plane_is_resized_on_its_own() {
        let gray = noise(30 * 20);
        let bgr: Vec<u8> = gray
            .iter()
            .flat_map(|&value| [value, 0, 255 - value])
            .collect();
        let view = FrameView::new(30, 20, 3, &bgr).expect("a frame");
        let fit = InputFit::new(&view, [12, 12]);
        let mut pixels = [0; 3 * 144];
        Preprocessor::default().write(&view, 3, &fit, &mut pixels);
        let (blue_alone, _) = preprocess([30, 20], [12, 12]);
        let planes: Vec<_> = pixels.chunks_exact(144).collect();
        assert_eq!(planes[2], blue_alone);
        assert_eq!(planes[1], [0; 144]);
        // 12 x 8 of image, the rest is padding.
        assert!(planes[0][12 * 8..].iter().all(|&value| value == 0));
        let opposite = |(&red, &blue): (&u8, &u8)| u16::from(red) + u16::from(blue);
        let sums = planes[0].iter().zip(planes[2]).take(12 * 8).map(opposite);
        assert!(sums.into_iter().all(|sum| (254..=256).contains(&sum)));
    }
}
