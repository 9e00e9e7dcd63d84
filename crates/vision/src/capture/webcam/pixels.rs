//! The bytes of a camera's frame to its picture.

use bytes::Bytes;
use ffmpeg::ffi::{AVColorRange, AVColorSpace, AVPixelFormat};
use ffmpeg::frame::Video;

use super::formats::{PixelKind, Plane};
use crate::aravis::format::BayerOrder;
use crate::cameras::{Colours, StreamFormat};
use crate::capture::genicam::demosaic;
use crate::capture::reader::ReadFault;
use crate::capture::video::Converter;
use crate::capture::{FrameContent, PixelForm};
use crate::frame_pixels::{PixelLayout, PlaneShape, allocate, row_mut};
use crate::jpeg::{CameraJpeg, Color, JpegDecodeError, JpegDecoder, JpegLimits};
use crate::{Image, ImageError};

/// Reads the frames of one format.
pub(super) enum PixelReader {
    Jpeg(JpegReader),
    Raw(Box<RawReader>),
}

impl PixelReader {
    /// `None`: this format is not read here, or its size is impossible. `keeps_jpeg`: a camera's JPEGs are passed on
    /// as they are.
    pub(super) fn new(
        format: &StreamFormat,
        form: PixelForm,
        keeps_jpeg: bool,
    ) -> Option<PixelReader> {
        let sides = 1..=Image::MAX_SIDE;
        if !sides.contains(&format.size.0) || !sides.contains(&format.size.1) {
            return None;
        }
        Some(match PixelKind::of(format.code)? {
            PixelKind::Jpeg => PixelReader::Jpeg(JpegReader {
                decoder: None,
                form,
                keeps_jpeg,
            }),
            kind => PixelReader::Raw(Box::new(RawReader::new(format, kind, form)?)),
        })
    }

    /// The picture of a frame's bytes, which may be any.
    pub(super) fn content(&mut self, bytes: &[u8]) -> Result<FrameContent, ReadFault> {
        match self {
            PixelReader::Jpeg(reader) => reader.content(bytes).map_err(|fault| {
                tracing::debug!(%fault, bytes = bytes.len(), "a camera's JPEG is not used");
                ReadFault::Undecodable
            }),
            PixelReader::Raw(reader) => reader.content(bytes),
        }
    }
}

/// Reads a camera's JPEGs.
pub(super) struct JpegReader {
    decoder: Option<JpegDecoder>,
    form: PixelForm,
    keeps_jpeg: bool,
}

impl JpegReader {
    fn content(&mut self, bytes: &[u8]) -> Result<FrameContent, JpegDecodeError> {
        if self.keeps_jpeg {
            let jpeg = CameraJpeg::from_camera(Bytes::copy_from_slice(bytes))?;
            return Ok(FrameContent::Jpeg(jpeg));
        }
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(JpegDecoder::new()?),
        };
        let (jpeg, limits) = (CameraJpeg::trimmed(bytes), JpegLimits::default());
        if self.form == PixelForm::Planar
            && let Some(planes) = decoder.decode_planar(jpeg, &limits)?
        {
            return Ok(FrameContent::Planar(planes));
        }
        let colour = match decoder.header(jpeg)?.channels {
            1 => Color::Gray,
            _ => Color::Bgr,
        };
        decoder
            .decode(jpeg, colour, &limits)
            .map(FrameContent::Pixels)
    }
}

/// Reads frames that are not compressed.
pub(super) struct RawReader {
    kind: PixelKind,
    /// Of the driver's frames.
    planes: Vec<Plane>,
    /// The same without gaps: some drivers name a stride that their frames do not have.
    tight: Vec<Plane>,
    /// What FFmpeg converts from.
    layout: PixelLayout,
    /// The frame as FFmpeg has it; used again.
    frame: Option<Video>,
    converter: Converter,
}

impl RawReader {
    fn new(format: &StreamFormat, kind: PixelKind, form: PixelForm) -> Option<RawReader> {
        let (width, height) = format.size;
        let (space, range) = colours(&format.colours);
        let mut layout = PixelLayout {
            format: ffmpeg_format(kind, form == PixelForm::Planar)?,
            width,
            height,
            space,
            range,
        };
        if layout.is_gray() {
            // Its levels are as the camera delivers them.
            layout.range = AVColorRange::UNSPECIFIED;
        }
        Some(RawReader {
            kind,
            planes: kind.planes(format.size, format.stride as usize)?,
            tight: kind.planes(format.size, 0)?,
            layout,
            frame: None,
            converter: Converter::new(form),
        })
    }

    fn content(&mut self, bytes: &[u8]) -> Result<FrameContent, ReadFault> {
        let fits = |planes: &Vec<Plane>| planes.iter().all(|plane| plane.end() <= bytes.len());
        let planes = [&self.planes, &self.tight].into_iter().find(|it| fits(it));
        let Some(planes) = planes else {
            tracing::debug!(bytes = bytes.len(), "bytes of a frame are missing");
            return Err(ReadFault::Undecodable);
        };
        if let PixelKind::Bayer(order) = self.kind {
            return self
                .coloured(order, bytes, planes)
                .map(FrameContent::Pixels);
        }
        let (width, height) = (self.layout.width, self.layout.height);
        let frame = match &mut self.frame {
            Some(frame) => frame,
            none => none.insert(allocate(&self.layout, width, height)?),
        };
        let size = (width as usize, height as usize);
        copy(self.kind, self.layout.format, size, (bytes, planes), frame);
        self.converter.content(frame, Default::default())
    }

    fn coloured(
        &self,
        order: BayerOrder,
        bytes: &[u8],
        planes: &[Plane],
    ) -> Result<Image, ReadFault> {
        let pixels: Vec<u8> = planes
            .iter()
            .flat_map(|plane| rows(bytes, plane))
            .flatten()
            .copied()
            .collect();
        let mosaic = Image::new(self.layout.width, self.layout.height, 1, pixels);
        Ok(demosaic(order, &mosaic.map_err(ImageError::from)?)?)
    }
}

/// The format from which FFmpeg converts; `None`: it does not. `planar`: luma and chroma go into planes.
fn ffmpeg_format(kind: PixelKind, planar: bool) -> Option<AVPixelFormat> {
    let planes = |down| match down {
        1 => AVPixelFormat::YUV422P,
        _ => AVPixelFormat::YUV420P,
    };
    Some(match kind {
        PixelKind::Jpeg => return None,
        // Converted by OpenCV.
        PixelKind::Bayer(_) => AVPixelFormat::BGR24,
        PixelKind::Pairs { .. } if planar => planes(1),
        PixelKind::Interleaved { down: 2, .. } if planar => planes(2),
        // FFmpeg's scaler does not read NV16.
        PixelKind::Interleaved { down: 1, .. } => planes(1),
        PixelKind::Planes { down, .. } => planes(down),
        PixelKind::Packed { format, .. }
        | PixelKind::Pairs { format, .. }
        | PixelKind::Interleaved { format, .. } => format,
    })
}

/// Matrix and range of V4L2's numbers.
fn colours(colours: &Colours) -> (AVColorSpace, AVColorRange) {
    // Of `enum v4l2_colorspace`.
    const SMPTE240M: u32 = 2;
    const REC709: u32 = 3;
    const JPEG: u32 = 7;
    const BT2020: u32 = 10;
    const DCI_P3: u32 = 12;
    // Of `enum v4l2_quantization`.
    const FULL: u32 = 1;
    let space = match (colours.encoding, colours.space) {
        (2 | 4, _) | (0, REC709 | DCI_P3) => AVColorSpace::BT709,
        (6, _) | (0, BT2020) => AVColorSpace::BT2020_NCL,
        (7, _) => AVColorSpace::BT2020_CL,
        (8, _) | (0, SMPTE240M) => AVColorSpace::SMPTE240M,
        _ => AVColorSpace::SMPTE170M,
    };
    let range = match (colours.range, colours.space) {
        (FULL, _) | (0, JPEG) => AVColorRange::JPEG,
        _ => AVColorRange::MPEG,
    };
    (space, range)
}

fn rows<'a>(bytes: &'a [u8], plane: &Plane) -> impl Iterator<Item = &'a [u8]> {
    let &Plane {
        start,
        stride,
        row,
        rows,
    } = plane;
    (0..rows).map(move |y| &bytes[start + y * stride..][..row])
}

/// Copies a frame's pixels, whose planes lie inside of its bytes, to where FFmpeg has them in this format.
fn copy(
    kind: PixelKind,
    format: AVPixelFormat,
    (width, height): (usize, usize),
    (bytes, planes): (&[u8], &[Plane]),
    frame: &mut Video,
) {
    let half = width.div_ceil(2);
    match kind {
        PixelKind::Pairs {
            format: own,
            places,
        } if own != format => {
            for (y, row) in rows(bytes, &planes[0]).enumerate() {
                let luma = shape(width, height);
                take(row, places[0], 2, row_mut(frame, 0, &luma, y));
                for (plane, place) in [(1, places[1]), (2, places[2])] {
                    take(
                        row,
                        place,
                        4,
                        row_mut(frame, plane, &shape(half, height), y),
                    );
                }
            }
        }
        PixelKind::Interleaved {
            format: own,
            red_first,
            ..
        } if own != format => {
            straight(bytes, &planes[..1], &[0], frame);
            let chroma = shape(half, planes[1].rows);
            for (y, row) in rows(bytes, &planes[1]).enumerate() {
                for (plane, place) in swapped(red_first).into_iter().zip([0, 1]) {
                    take(row, place, 2, row_mut(frame, plane, &chroma, y));
                }
            }
        }
        PixelKind::Planes { red_first, .. } => {
            let [first, second] = swapped(red_first);
            straight(bytes, planes, &[0, first, second], frame);
        }
        _ => straight(bytes, planes, &[0, 1], frame),
    }
}

/// The planes of a frame of FFmpeg that the first and second difference go to.
fn swapped(red_first: bool) -> [usize; 2] {
    if red_first { [2, 1] } else { [1, 2] }
}

fn shape(width: usize, height: usize) -> PlaneShape {
    PlaneShape {
        step: 1,
        width,
        height,
    }
}

/// Copies planes as they are, each to one of the frame.
fn straight(bytes: &[u8], planes: &[Plane], to: &[usize], frame: &mut Video) {
    for (plane, &to) in planes.iter().zip(to) {
        let shape = shape(plane.row, plane.rows);
        for (y, row) in rows(bytes, plane).enumerate() {
            row_mut(frame, to, &shape, y).copy_from_slice(row);
        }
    }
}

/// Copies each `step`th byte, from the one at `first` on.
fn take(row: &[u8], first: usize, step: usize, to: &mut [u8]) {
    match step {
        2 => to
            .iter_mut()
            .zip(row.chunks(2))
            .for_each(|(to, from)| *to = from[first]),
        _ => to
            .iter_mut()
            .zip(row.chunks(4))
            .for_each(|(to, from)| *to = from[first]),
    }
}

#[cfg(test)]
#[path = "pixels_tests.rs"]
mod tests;
