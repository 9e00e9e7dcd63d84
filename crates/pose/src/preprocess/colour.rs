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
