//! A frame of a camera as an image.

use std::borrow::Cow;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, ToInputArray};
use opencv::imgproc::{
    COLOR_BayerBG2BGR, COLOR_BayerGB2BGR, COLOR_BayerGR2BGR, COLOR_BayerRG2BGR, COLOR_RGB2BGR,
    cvt_color_def,
};

use super::unpack::{packed_len, unpack};
use super::yuv;
use crate::aravis::RawFrame;
use crate::aravis::format::{BayerOrder, Layout, PixelFormat};
use crate::capture::FrameContent;
use crate::mat::{self, ImageError};
use crate::{DeepImage, DeepImageError, Image};

/// Why a frame cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameFault {
    /// Its pixel format is not read here.
    #[error("its pixel format 0x{0:08x} is not read here")]
    Format(u32),
    /// Its size is impossible.
    #[error("its size {0}x{1} is impossible")]
    Size(u32, u32),
    /// Bytes are missing.
    #[error("it has {there} of {needed} bytes")]
    Short {
        /// Bytes that its size needs.
        needed: usize,
        /// Bytes that came.
        there: usize,
    },
    /// Its pixels cannot be converted.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Its samples make no image.
    #[error(transparent)]
    Deep(#[from] DeepImageError),
}

/// The frame as an image: one channel, or blue, green and red. Samples of more than 8 bits come as they are where
/// `deep` is set; otherwise [`DeepImage::narrow`] leaves their high eight bits.
pub(super) fn content(frame: &RawFrame<'_>, deep: bool) -> Result<FrameContent, FrameFault> {
    let format = PixelFormat::by_code(frame.format).ok_or(FrameFault::Format(frame.format))?;
    let (width, height) = (frame.width, frame.height);
    let sides = 1..=Image::MAX_SIDE;
    let is_odd = matches!(format.layout, Layout::Yuv422(..)) && width % 2 == 1;
    if !sides.contains(&width) || !sides.contains(&height) || is_odd {
        return Err(FrameFault::Size(width, height));
    }
    let rows = Rows::of(frame, format)?;
    if format.significant_bits() == 8 {
        return shallow(frame, format, rows.bytes()).map(FrameContent::Pixels);
    }
    let image = deep_image(frame, format, &rows.samples(format))?;
    Ok(match deep {
        true => FrameContent::Deep(image),
        false => FrameContent::Pixels(image.narrow()),
    })
}

/// Where the samples are in a frame.
struct Rows<'a> {
    data: &'a [u8],
    /// From the beginning of a row to that of the next.
    stride: usize,
    /// Bytes of a row.
    len: usize,
    /// Samples of a row.
    samples: usize,
}

impl<'a> Rows<'a> {
    fn of(frame: &RawFrame<'a>, format: PixelFormat) -> Result<Rows<'a>, FrameFault> {
        let there = frame.data.len();
        let short = |needed| FrameFault::Short { needed, there };
        // Without padding a row may begin inside a byte: then all rows are one.
        let (rows, pixels) = match frame.padding {
            0 => (1, frame.width as usize * frame.height as usize),
            _ => (frame.height as usize, frame.width as usize),
        };
        let samples = pixels * format.samples();
        let len = packed_len(format.packing, samples).ok_or_else(|| short(usize::MAX))?;
        let stride = len.saturating_add(frame.padding);
        let needed = stride.saturating_mul(rows - 1).saturating_add(len);
        let data = frame.data.get(..needed).ok_or_else(|| short(needed))?;
        Ok(Rows {
            data,
            stride,
            len,
            samples,
        })
    }

    fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let len = self.len;
        self.data.chunks(self.stride).map(move |row| &row[..len])
    }

    /// The bytes of all rows, without what is between them.
    fn bytes(&self) -> Cow<'a, [u8]> {
        match self.data.len() == self.len {
            true => Cow::Borrowed(self.data),
            false => self.iter().flatten().copied().collect(),
        }
    }

    /// The samples of all rows.
    fn samples(&self, format: PixelFormat) -> Vec<u16> {
        let mut samples = Vec::new();
        for row in self.iter() {
            unpack(format.packing, row, self.samples, &mut samples);
        }
        samples
    }
}

/// An image of a byte a sample.
fn shallow(
    frame: &RawFrame<'_>,
    format: PixelFormat,
    bytes: Cow<'_, [u8]>,
) -> Result<Image, FrameFault> {
    let image = |channels, pixels: Vec<u8>| {
        let image = Image::new(frame.width, frame.height, channels, pixels);
        image.map_err(|fault| FrameFault::Image(fault.into()))
    };
    let converted = |image: &Image, code| Ok(image_converted(image, code)?);
    match format.layout {
        Layout::Mono => image(1, bytes.into_owned()),
        Layout::Bgr => image(3, bytes.into_owned()),
        Layout::Rgb => converted(&image(3, bytes.into_owned())?, COLOR_RGB2BGR),
        Layout::Bayer(order) => converted(&image(1, bytes.into_owned())?, demosaic_code(order)),
        Layout::Yuv422(order, range) => {
            let mut pixels = Vec::new();
            yuv::to_bgr(order, range, &bytes, &mut pixels);
            image(3, pixels)
        }
    }
}

/// An image of two bytes a sample.
fn deep_image(
    frame: &RawFrame<'_>,
    format: PixelFormat,
    samples: &[u16],
) -> Result<DeepImage, FrameFault> {
    let bits = format.significant_bits();
    let image = |channels, samples: &[u16]| {
        let bytes: Vec<u8> = samples.iter().flat_map(|it| it.to_le_bytes()).collect();
        Ok(DeepImage::new(
            (frame.width, frame.height),
            channels,
            bits,
            bytes,
        )?)
    };
    let Layout::Bayer(order) = format.layout else {
        return image(1, samples);
    };
    let what = ImageError::opencv;
    let flat = Mat::from_slice(samples).map_err(what("view a frame"))?;
    // The frame's sides are bounded to 65,535.
    let source = flat.reshape(1, frame.height as i32);
    let colours = converted(&source.map_err(what("view a frame"))?, demosaic_code(order))?;
    let flat = colours.reshape(1, 1).map_err(what("read pixels"))?;
    image(3, flat.data_typed::<u16>().map_err(what("read pixels"))?)
}

/// The colours of an image of 8 bits that has one of three in each pixel.
pub(in crate::capture) fn demosaic(order: BayerOrder, mosaic: &Image) -> Result<Image, ImageError> {
    image_converted(mosaic, demosaic_code(order))
}

/// OpenCV names a mosaic after the second and third pixel of its second row.
fn demosaic_code(order: BayerOrder) -> i32 {
    match order {
        BayerOrder::BlueGreen => COLOR_BayerRG2BGR,
        BayerOrder::GreenBlue => COLOR_BayerGR2BGR,
        BayerOrder::GreenRed => COLOR_BayerGB2BGR,
        BayerOrder::RedGreen => COLOR_BayerBG2BGR,
    }
}

fn image_converted(image: &Image, code: i32) -> Result<Image, ImageError> {
    mat::to_image(&converted(&mat::view(image)?, code)?)
}

fn converted(source: &impl ToInputArray, code: i32) -> Result<Mat, ImageError> {
    let mut converted = Mat::default();
    cvt_color_def(source, &mut converted, code)
        .map_err(ImageError::opencv("convert the colours of a frame"))?;
    Ok(converted)
}

#[cfg(test)]
#[path = "pixels_tests.rs"]
mod tests;
