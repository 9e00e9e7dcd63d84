//! Squares as cameras see them.

use opencv::core::{BORDER_CONSTANT, Mat, Scalar, Size};
use opencv::imgproc;

use super::*;
use crate::mat::{to_image, view};

/// What a camera does to the picture of a number.
#[derive(Clone, Copy)]
struct Camera {
    /// Side of the square's picture in the frame, pixels.
    side: u32,
    /// Degrees.
    turned: f64,
    /// Standard deviation of the blur, pixels.
    blur: f64,
    /// Brightest deviation of the noise, gray levels.
    noise: u32,
    gamma: f64,
    /// Black and white, gray levels.
    range: (f64, f64),
}

const GOOD: Camera = Camera {
    side: 200,
    turned: 0.0,
    blur: 0.0,
    noise: 0,
    gamma: 1.0,
    range: (0.0, 255.0),
};

/// The number before a gray wall, 480x360.
fn seen(number: u16, camera: Camera) -> Image {
    let drawn = draw(number, camera.side);
    let (width, height) = (480_usize, 360_usize);
    let mut frame = vec![90_u8; width * height];
    let side = camera.side as usize;
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    for row in 0..side {
        let to = (top + row) * width + left;
        frame[to..to + side].copy_from_slice(&drawn.data[row * side..(row + 1) * side]);
    }
    let frame = Image::new(width as u32, height as u32, 1, frame).unwrap();
    let mut state = u32::from(number) + 1;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let optics = optics(&frame, camera);
    let (black, white) = camera.range;
    let pixels: Vec<u8> = optics
        .data
        .iter()
        .map(|&value| {
            let light = (f64::from(value) / 255.0).powf(camera.gamma);
            let noise = f64::from(random() % (2 * camera.noise + 1)) - f64::from(camera.noise);
            (black + light * (white - black) + noise).clamp(0.0, 255.0) as u8
        })
        .collect();
    Image::new(optics.width, optics.height, 1, pixels).unwrap()
}

fn optics(frame: &Image, camera: Camera) -> Image {
    let size = Size::new(frame.width as i32, frame.height as i32);
    let (x, y) = (f64::from(size.width) / 2.0, f64::from(size.height) / 2.0);
    let (sin, cos) = camera.turned.to_radians().sin_cos();
    let turn = [
        [cos, sin, x - cos * x - sin * y],
        [-sin, cos, y + sin * x - cos * y],
    ];
    let turn = Mat::from_slice_2d(&turn).unwrap();
    let mut turned = Mat::default();
    let wall = Scalar::all(90.0);
    let pixels = view(frame).unwrap();
    let linear = imgproc::INTER_LINEAR;
    imgproc::warp_affine(
        &pixels,
        &mut turned,
        &turn,
        size,
        linear,
        BORDER_CONSTANT,
        wall,
    )
    .unwrap();
    if camera.blur == 0.0 {
        return to_image(&turned).unwrap();
    }
    let mut blurred = Mat::default();
    imgproc::gaussian_blur_def(&turned, &mut blurred, Size::new(0, 0), camera.blur).unwrap();
    to_image(&blurred).unwrap()
}

const NUMBERS: [u16; 6] = [0, 1, 0x1234, 0x8000, 0xa5a5, u16::MAX];

fn is_read(camera: Camera) {
    for number in NUMBERS {
        let read = read(&seen(number, camera));
        assert!(
            matches!(read, Ok(found) if found == number),
            "{number}: {read:?}"
        );
    }
}

#[test]
fn a_picture_is_read_at_any_size() {
    for side in [40, 61, 80, 133, 200, 333] {
        is_read(Camera { side, ..GOOD });
    }
}

#[test]
fn a_picture_is_read_however_the_camera_is_turned() {
    for turned in [-12.0, 3.0, 10.0, 45.0, 88.0, 180.0, 271.0] {
        is_read(Camera { turned, ..GOOD });
    }
}

#[test]
fn blur_noise_gamma_and_dull_light_are_borne() {
    is_read(Camera { blur: 4.0, ..GOOD });
    is_read(Camera { noise: 60, ..GOOD });
    for gamma in [0.45, 2.2] {
        is_read(Camera { gamma, ..GOOD });
    }
    is_read(Camera {
        range: (60.0, 120.0),
        noise: 6,
        ..GOOD
    });
    is_read(Camera {
        side: 120,
        turned: 7.0,
        blur: 1.5,
        noise: 20,
        gamma: 0.6,
        range: (30.0, 220.0),
    });
}

#[test]
fn colour_pictures_are_read_as_gray_ones_are() {
    let gray = seen(77, GOOD);
    let pixels: Vec<u8> = gray.data.iter().flat_map(|&value| [value; 3]).collect();
    let colour = Image::new(gray.width, gray.height, 3, pixels).unwrap();
    assert_eq!(read(&colour).unwrap(), 77);
}

#[test]
fn two_pictures_in_one_exposure_are_refused() {
    let (one, other) = (seen(500, GOOD), seen(501, GOOD));
    let both = one.data.iter().zip(&other.data);
    let mixed: Vec<u8> = both.map(|(a, b)| a.midpoint(*b)).collect();
    let mixed = Image::new(one.width, one.height, 1, mixed).unwrap();
    assert!(matches!(read(&mixed), Err(ClockReadError::Unclear)));
    // A rolling shutter: the upper half is older.
    let half = one.data.len() / 2;
    let rolling = [&one.data[..half], &other.data[half..]].concat();
    let rolling = Image::new(one.width, one.height, 1, rolling).unwrap();
    assert!(matches!(read(&rolling), Err(ClockReadError::Damaged)));
}

#[test]
fn pictures_without_a_number_have_none() {
    let too_blurred = seen(9, Camera { blur: 25.0, ..GOOD });
    assert!(read(&too_blurred).is_err());
    for (width, height) in [(1, 1), (3, 2), (480, 360)] {
        let plain = Image::new(width, height, 1, vec![128; (width * height) as usize]).unwrap();
        assert!(matches!(read(&plain), Err(ClockReadError::NotFound)));
    }
    let (scene, _) = crate::synthetic::render(&crate::synthetic::Config::default(), 3);
    assert!(read(&scene).is_err());
}
