//! Gray images of coloured ones.

use opencv::core::Mat;
use opencv::imgproc;

use crate::Image;
use crate::mat::{ImageError, to_image, view};

/// The gray of an image of 1 (gray), 3 (BGR) or 4 (BGRA) channels, with OpenCV's weights, which models were trained
/// with. The luma that a video has inside is another one: poses found in it differ by up to a pixel.
///
/// # Errors
/// OpenCV has no memory.
pub fn gray(image: &Image) -> Result<Image, ImageError> {
    let code = match image.channels {
        3 => imgproc::COLOR_BGR2GRAY,
        4 => imgproc::COLOR_BGRA2GRAY,
        _ => return Ok(image.clone()),
    };
    let mut converted = Mat::default();
    imgproc::cvt_color_def(&view(image)?, &mut converted, code)
        .map_err(ImageError::opencv("convert an image to gray"))?;
    to_image(&converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_weighed_and_alpha_is_not() {
        let of = |channels, pixels: Vec<u8>| {
            let image = Image::new(2, 1, channels, pixels).unwrap();
            gray(&image).unwrap()
        };
        // Green, red.
        let expected = Image::new(2, 1, 1, vec![150, 76]).unwrap();
        assert_eq!(of(3, vec![0, 255, 0, 0, 0, 255]), expected);
        assert_eq!(of(4, vec![0, 255, 0, 9, 0, 0, 255, 99]), expected);
        assert_eq!(of(1, vec![150, 76]), expected);
    }
}
