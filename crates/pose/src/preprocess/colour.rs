//! From interleaved gray, BGR or BGRA to the model's planes: gray, or red, green and blue.

use crate::frame::FrameView;

/// OpenCV's weights of red, green and blue for 8-bit gray, in 1/32768.
const RED: u32 = 9798;
const GREEN: u32 = 19235;
const BLUE: u32 = 3735;
const SHIFT: u32 = 15;

/// Writes the `channels` planes (1 gray, 3 RGB) of `frame` to `planes`.
pub(crate) fn planes(frame: &FrameView<'_>, channels: usize, planes: &mut [u8]) {
    let pixels = planes.len() / channels;
    let data = frame.data();
    match (frame.channels(), channels) {
        (1, 1) => planes.copy_from_slice(data),
        (1, _) => {
            for plane in planes.chunks_exact_mut(pixels) {
                plane.copy_from_slice(data);
            }
        }
        (3, 1) => gray(data.as_chunks::<3>().0, planes),
        (_, 1) => gray(data.as_chunks::<4>().0, planes),
        (3, _) => split(data.as_chunks::<3>().0, planes),
        (_, _) => split(data.as_chunks::<4>().0, planes),
    }
}

fn gray<const N: usize>(pixels: &[[u8; N]], plane: &mut [u8]) {
    for (pixel, target) in pixels.iter().zip(plane) {
        *target = gray_of(pixel[0], pixel[1], pixel[2]);
    }
}

/// The weights sum to 1 << SHIFT, so the result never exceeds 255.
#[inline]
fn gray_of(blue: u8, green: u8, red: u8) -> u8 {
    let sum = RED * u32::from(red) + GREEN * u32::from(green) + BLUE * u32::from(blue);
    ((sum + (1 << (SHIFT - 1))) >> SHIFT) as u8
}

fn split<const N: usize>(pixels: &[[u8; N]], planes: &mut [u8]) {
    let (red, rest) = planes.split_at_mut(pixels.len());
    let (green, blue) = rest.split_at_mut(pixels.len());
    for (((pixel, red), green), blue) in pixels.iter().zip(red).zip(green).zip(blue) {
        [*blue, *green, *red] = [pixel[0], pixel[1], pixel[2]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        bgr: Vec<u8>,
        gray: Vec<u8>,
    }

    fn convert(channels: u8, data: &[u8], to: usize) -> Vec<u8> {
        let pixels = data.len() / usize::from(channels);
        let width = u32::try_from(pixels).expect("small");
        let frame = FrameView::new(width, 1, channels, data).expect("a frame");
        let mut result = vec![0; pixels * to];
        planes(&frame, to, &mut result);
        result
    }

    #[test]
    fn gray_is_what_opencv_makes_of_it() {
        let vector: Vector =
            serde_json::from_str(include_str!("../../tests/vectors/gray.json")).expect("vectors");
        assert!(vector.gray.len() > 100);
        assert_eq!(convert(3, &vector.bgr, 1), vector.gray);
    }

    #[test]
    fn corners_of_the_cube_stay_in_range() {
        let corners: [([u8; 3], u8); 8] = [
            ([0, 0, 0], 0),
            ([255, 0, 0], 29),
            ([0, 255, 0], 150),
            ([0, 0, 255], 76),
            ([255, 255, 0], 179),
            ([255, 0, 255], 105),
            ([0, 255, 255], 226),
            ([255, 255, 255], 255),
        ];
        for ([blue, green, red], gray) in corners {
            assert_eq!(gray_of(blue, green, red), gray, "b{blue} g{green} r{red}");
        }
    }

    #[test]
    fn equal_channels_stay_as_they_are() {
        for value in 0..=255 {
            assert_eq!(gray_of(value, value, value), value);
        }
    }

    #[test]
    fn alpha_is_ignored() {
        let bgr = [10, 20, 30, 200, 100, 50];
        let bgra = [10, 20, 30, 0, 200, 100, 50, 255];
        for to in [1, 3] {
            assert_eq!(convert(4, &bgra, to), convert(3, &bgr, to));
        }
    }

    #[test]
    fn colour_models_get_red_first() {
        assert_eq!(convert(3, &[1, 2, 3, 4, 5, 6], 3), [3, 6, 2, 5, 1, 4]);
    }

    #[test]
    fn gray_frames_fill_every_plane() {
        assert_eq!(convert(1, &[7, 8], 1), [7, 8]);
        assert_eq!(convert(1, &[7, 8], 3), [7, 8, 7, 8, 7, 8]);
    }
}
