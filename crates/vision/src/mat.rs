//! Between [`Image`] and OpenCV's matrices.

use bytes::Bytes;
use opencv::boxed_ref::BoxedRef;
use opencv::core::{self, Mat, MatTraitConst, MatTraitConstManual, Vec3b, Vec4b};

use crate::{Image, ImageShapeError};

/// Why an operation on an image failed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The image's fields do not fit each other, or the size asked for is not possible.
    #[error(transparent)]
    Shape(#[from] ImageShapeError),
    /// OpenCV reported an error.
    #[error("OpenCV failed to {what}: {reason}")]
    OpenCv {
        /// The operation, as a verb.
        what: &'static str,
        /// OpenCV's message.
        reason: String,
    },
}

impl ImageError {
    pub(crate) fn opencv(what: &'static str) -> impl FnOnce(opencv::Error) -> ImageError {
        move |error| ImageError::OpenCv {
            what,
            reason: error.message,
        }
    }
}

/// A matrix over the image's own bytes; nothing is copied.
pub(crate) fn view(image: &Image) -> Result<BoxedRef<'_, Mat>, ImageError> {
    image.check()?;
    // `check` bounds both sides to 65,535.
    let (rows, cols) = (image.height as i32, image.width as i32);
    match image.channels {
        1 => Mat::new_rows_cols_with_bytes::<u8>(rows, cols, &image.data),
        3 => Mat::new_rows_cols_with_bytes::<Vec3b>(rows, cols, &image.data),
        _ => Mat::new_rows_cols_with_bytes::<Vec4b>(rows, cols, &image.data),
    }
    .map_err(ImageError::opencv("view an image"))
}

/// The matrix as an image, with one copy of its pixels.
///
/// 16-bit matrices (image sequences, some cameras) keep their upper eight bits.
pub(crate) fn to_image(mat: &Mat) -> Result<Image, ImageError> {
    let what = ImageError::opencv;
    if mat.depth() == core::CV_16U {
        let mut narrow = Mat::default();
        mat.convert_to(&mut narrow, core::CV_8U, 1.0 / 256.0, 0.0)
            .map_err(what("narrow 16-bit pixels"))?;
        return to_image(&narrow);
    }
    if mat.depth() != core::CV_8U {
        return Err(ImageError::OpenCv {
            what: "convert an image",
            reason: format!("its pixel type {} is neither 8 nor 16 bits", mat.typ()),
        });
    }
    let (rows, cols) = (mat.rows().max(0) as u32, mat.cols().max(0) as u32);
    // A two-channel matrix becomes a channel count that `Image::new` refuses.
    let channels = u8::try_from(mat.channels()).unwrap_or(u8::MAX);
    let owned;
    let mat = if mat.is_continuous() {
        mat
    } else {
        owned = mat.try_clone().map_err(what("copy an image"))?;
        &owned
    };
    let pixels = mat.data_bytes().map_err(what("read pixels"))?;
    Ok(Image::new(
        cols,
        rows,
        channels,
        Bytes::copy_from_slice(pixels),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    use opencv::core::{Rect, Scalar};

    #[test]
    fn a_view_and_back_is_the_same_image() {
        for channels in [1u8, 3, 4] {
            let pixels: Vec<u8> = (0..5 * 4 * channels).collect();
            let image = Image::new(5, 4, channels, pixels).unwrap();
            let owned = view(&image).unwrap().clone_pointee();
            assert_eq!(to_image(&owned).unwrap(), image);
        }
    }

    #[test]
    fn part_of_a_matrix_is_packed() {
        let pixels: Vec<u8> = (0..16).collect();
        let image = Image::new(4, 4, 1, pixels).unwrap();
        let whole = view(&image).unwrap();
        let part = whole.roi(Rect::new(1, 1, 2, 2)).unwrap().clone_pointee();
        assert_eq!(&to_image(&part).unwrap().data[..], &[5, 6, 9, 10]);
    }

    #[test]
    fn sixteen_bits_are_narrowed_and_floats_refused() {
        let deep = |kind| Mat::new_rows_cols_with_default(1, 2, kind, Scalar::all(512.0)).unwrap();
        assert_eq!(&to_image(&deep(core::CV_16UC1)).unwrap().data[..], &[2, 2]);
        assert!(to_image(&deep(core::CV_32FC1)).is_err());
        assert!(to_image(&deep(core::CV_8UC2)).is_err());
        assert!(to_image(&Mat::default()).is_err());
    }
}
