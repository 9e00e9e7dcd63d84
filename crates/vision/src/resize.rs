//! Scaling whole images.

use opencv::core::{Mat, Size, ToInputArray};
use opencv::imgproc;

use crate::mat::{ImageError, to_image, view};
use crate::{Image, ImageShapeError};

/// `image` scaled to `width` x `height` pixels; the sides need not keep their ratio.
///
/// Area averaging where both sides shrink (or stay), so that no detail aliases, linear
/// interpolation otherwise. The image's own size costs nothing: the pixels are shared.
pub fn resize(image: &Image, width: u32, height: u32) -> Result<Image, ImageError> {
    let source = view(image)?;
    if (image.width, image.height) == (width, height) {
        return Ok(image.clone());
    }
    to_image(&scaled(
        &source,
        (image.width, image.height),
        (width, height),
    )?)
}

/// A matrix of `from` (columns, rows) pixels scaled to `to`.
pub(crate) fn scaled(
    source: &impl ToInputArray,
    from: (u32, u32),
    to: (u32, u32),
) -> Result<Mat, ImageError> {
    let (width, height) = to;
    if width == 0 || height == 0 || width > Image::MAX_SIDE || height > Image::MAX_SIDE {
        return Err(ImageShapeError::Size { width, height }.into());
    }
    let shrinks = width <= from.0 && height <= from.1;
    let method = if shrinks {
        imgproc::INTER_AREA
    } else {
        imgproc::INTER_LINEAR
    };
    let size = Size::new(width as i32, height as i32);
    let mut scaled = Mat::default();
    imgproc::resize(source, &mut scaled, size, 0.0, 0.0, method)
        .map_err(ImageError::opencv("resize an image"))?;
    Ok(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_averages_areas() {
        let image = Image::new(4, 2, 1, vec![0, 100, 10, 30, 100, 200, 20, 40]).unwrap();
        assert_eq!(&resize(&image, 2, 1).unwrap().data[..], &[100, 25]);
    }

    #[test]
    fn growing_interpolates() {
        let image = Image::new(2, 1, 1, vec![0, 100]).unwrap();
        assert_eq!(&resize(&image, 4, 1).unwrap().data[..], &[0, 25, 75, 100]);
    }

    #[test]
    fn every_channel_count_and_mixed_directions_work() {
        for channels in [1u8, 3, 4] {
            let image = Image::new(6, 4, channels, vec![9; 24 * usize::from(channels)]).unwrap();
            let scaled = resize(&image, 12, 2).unwrap();
            assert_eq!((scaled.width, scaled.height), (12, 2));
            assert!(scaled.data.iter().all(|&value| value == 9));
        }
    }

    #[test]
    fn the_same_size_shares_the_pixels() {
        let image = Image::new(2, 2, 1, vec![1, 2, 3, 4]).unwrap();
        let same = resize(&image, 2, 2).unwrap();
        assert_eq!(same.data.as_ptr(), image.data.as_ptr());
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let image = Image::new(2, 2, 1, vec![0; 4]).unwrap();
        for (width, height) in [(0, 2), (2, 0), (Image::MAX_SIDE + 1, 2)] {
            assert!(matches!(
                resize(&image, width, height),
                Err(ImageError::Shape(ImageShapeError::Size { .. }))
            ));
        }
    }
}
