//! Decoded frames to the planes of a JPEG.

use bytes::Bytes;
use ffmpeg::ffi::AVPixelFormat;
use ffmpeg::frame::Video;

use super::jfif::ToJfif;
use crate::capture::reader::ReadFault;
use crate::frame_pixels::{PixelLayout, PlaneShape, row};
use crate::pool::Pool;
use crate::{ChromaSampling, PlanarImage};

/// Converts frames of planes, each by its own matrix and range.
#[derive(Default)]
pub(super) struct PlaneConverter {
    pool: Pool<Vec<u8>>,
    /// What a row of chroma adds to the luma of each of its pixels.
    shifts: Vec<i16>,
}

impl PlaneConverter {
    /// The frame's planes; `None` where it has none of 8 bits, or where they need more than a sum.
    pub(super) fn planes(&mut self, frame: &Video) -> Option<Result<PlanarImage, ReadFault>> {
        let layout = PixelLayout::of(frame)?;
        let (chroma, is_full) = sampling(layout.format)?;
        let to_jfif = ToJfif::of(layout.space, layout.range, is_full)?;
        let mut buffer = self.pool.take(Vec::new);
        self.fill(frame, &layout, chroma, &to_jfif, &mut buffer);
        let image = PlanarImage::new(
            (layout.width, layout.height),
            chroma,
            Bytes::from_owner(buffer),
        );
        Some(image.map_err(|error| ReadFault::Image(error.into())))
    }

    fn fill(
        &mut self,
        frame: &Video,
        layout: &PixelLayout,
        chroma: ChromaSampling,
        to_jfif: &ToJfif,
        buffer: &mut Vec<u8>,
    ) {
        let shape = |(width, height): (u32, u32)| PlaneShape {
            step: 1,
            width: width as usize,
            height: height as usize,
        };
        let whole = shape((layout.width, layout.height));
        let part = shape(chroma.plane(layout.width, layout.height));
        let (luma_bytes, chroma_bytes) = (whole.width * whole.height, part.width * part.height);
        // Every byte is written below.
        buffer.resize(luma_bytes + 2 * chroma_bytes, 0);
        let (luma, rest) = buffer.split_at_mut(luma_bytes);
        let (blue, red) = rest.split_at_mut(chroma_bytes);
        let across = if chroma == ChromaSampling::Full { 1 } else { 2 };
        self.shifts.resize(part.width * across, 0);
        let down = if chroma == ChromaSampling::Quarter {
            2
        } else {
            1
        };
        let out = blue
            .chunks_exact_mut(part.width)
            .zip(red.chunks_exact_mut(part.width));
        let rows = luma.chunks_mut(whole.width * down).zip(out).enumerate();
        for (y, (luma, (blue, red))) in rows {
            let from = (row(frame, 1, &part, y), row(frame, 2, &part, y));
            to_jfif.chroma(from, across, &mut self.shifts, (blue, red));
            for (below, luma) in luma.chunks_exact_mut(whole.width).enumerate() {
                let from = row(frame, 0, &whole, y * down + below);
                to_jfif.luma(from, &self.shifts, luma);
            }
        }
    }
}

/// The sampling of a format of three planes of 8 bits, and whether its name says that it has the full range.
fn sampling(format: AVPixelFormat) -> Option<(ChromaSampling, bool)> {
    match format {
        AVPixelFormat::YUV420P => Some((ChromaSampling::Quarter, false)),
        AVPixelFormat::YUVJ420P => Some((ChromaSampling::Quarter, true)),
        AVPixelFormat::YUV422P => Some((ChromaSampling::Half, false)),
        AVPixelFormat::YUVJ422P => Some((ChromaSampling::Half, true)),
        AVPixelFormat::YUV444P => Some((ChromaSampling::Full, false)),
        AVPixelFormat::YUVJ444P => Some((ChromaSampling::Full, true)),
        _ => None,
    }
}
