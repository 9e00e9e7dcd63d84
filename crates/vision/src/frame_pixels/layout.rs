//! Where the pixels of FFmpeg's frames are.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use ffmpeg::Error;
use ffmpeg::ffi::*;
use ffmpeg::frame::Video;

/// What decides how a frame's pixels are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelLayout {
    pub(crate) format: AVPixelFormat,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) space: AVColorSpace,
    pub(crate) range: AVColorRange,
}

impl PixelLayout {
    /// Of a decoded frame; `None` for one without pixels.
    pub(crate) fn of(frame: &Video) -> Option<PixelLayout> {
        // SAFETY: the pointer is to the frame that is borrowed.
        let frame = unsafe { &*frame.as_ptr() };
        let is_filled = !frame.data[0].is_null() && frame.width > 0 && frame.height > 0;
        is_filled.then_some(PixelLayout {
            format: AVPixelFormat(frame.format),
            width: frame.width.unsigned_abs(),
            height: frame.height.unsigned_abs(),
            space: frame.colorspace,
            range: frame.color_range,
        })
    }

    fn descriptor(&self) -> Option<&'static AVPixFmtDescriptor> {
        // SAFETY: the descriptors are constants of the library.
        unsafe { av_pix_fmt_desc_get(self.format).as_ref() }
    }

    fn has(&self, flags: c_int) -> bool {
        let own = self.descriptor().map_or(0, |descriptor| descriptor.flags);
        own & flags.unsigned_abs() as u64 != 0
    }

    /// The format's name, such as `yuv420p10le`.
    pub(crate) fn name(&self) -> String {
        let Some(descriptor) = self.descriptor() else {
            return "unknown".to_owned();
        };
        // SAFETY: names of formats are constant texts.
        let name = unsafe { CStr::from_ptr(descriptor.name) };
        name.to_string_lossy().into_owned()
    }

    /// Bits of a sample; 0 where they are no integers or not known.
    pub(crate) fn depth(&self) -> u8 {
        let depth = self.descriptor().map_or(0, |it| it.comp[0].depth);
        let is_integer = !self.has(AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_PAL);
        u8::try_from(depth).unwrap_or(0) * u8::from(is_integer)
    }

    /// Whether there is luma and nothing else but alpha.
    pub(crate) fn is_gray(&self) -> bool {
        let few = self.descriptor().is_some_and(|it| it.nb_components <= 2);
        few && !self.has(AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_BAYER)
    }

    /// The bytes from one pixel to the next in each plane, where pixels can be moved as they are: no
    /// bit streams, no palettes, no chroma that covers areas of unequal sides.
    pub(crate) fn movable(&self) -> Option<Vec<PlaneShape>> {
        let it = self.descriptor()?;
        let no = AV_PIX_FMT_FLAG_BITSTREAM
            | AV_PIX_FMT_FLAG_PAL
            | AV_PIX_FMT_FLAG_HWACCEL
            | AV_PIX_FMT_FLAG_BAYER;
        if self.has(no) || it.log2_chroma_w != it.log2_chroma_h {
            return None;
        }
        let components = &it.comp[..usize::from(it.nb_components)];
        let planes = components.iter().map(|component| component.plane).max()?;
        let shape = |plane: c_int| {
            let first = components.iter().find(|it| it.plane == plane)?;
            let is_chroma = plane == 1 || plane == 2;
            let shift = if is_chroma { it.log2_chroma_w } else { 0 };
            Some(PlaneShape {
                step: usize::try_from(first.step).ok()?,
                width: self.width.div_ceil(1 << shift) as usize,
                height: self.height.div_ceil(1 << shift) as usize,
            })
        };
        (0..=planes).map(shape).collect()
    }
}

/// Bits of a sample of a decoded frame, where they are more than 8.
pub(crate) fn significant_bits(frame: &Video) -> Option<u8> {
    let depth = PixelLayout::of(frame)?.depth();
    (9..=16).contains(&depth).then_some(depth)
}

/// A plane of a frame: pixels of `step` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlaneShape {
    pub(crate) step: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A frame of the layout's format with sides of its own, its pixels not set.
pub(crate) fn allocate(layout: &PixelLayout, width: u32, height: u32) -> Result<Video, Error> {
    let out_of_memory = Error::Other {
        errno: libc::ENOMEM,
    };
    let (Ok(columns), Ok(rows)) = (c_int::try_from(width), c_int::try_from(height)) else {
        return Err(out_of_memory);
    };
    let mut frame = Video::empty();
    // SAFETY: the frame is new, and its fields are set before they are used.
    unsafe {
        let Some(fields) = frame.as_mut_ptr().as_mut() else {
            return Err(out_of_memory);
        };
        fields.format = layout.format.0;
        (fields.width, fields.height) = (columns, rows);
        (fields.colorspace, fields.color_range) = (layout.space, layout.range);
        match av_frame_get_buffer(fields, 0) {
            error if error < 0 => Err(Error::from(error)),
            _ => Ok(frame),
        }
    }
}

/// Row `y` of a plane, which has `shape` in frames of this layout, as [`PixelLayout::movable`] gives it.
pub(crate) fn row<'a>(frame: &'a Video, plane: usize, shape: &PlaneShape, y: usize) -> &'a [u8] {
    let start = row_start(frame, plane, shape, y);
    // SAFETY: `row_start` has checked that the row is inside of the plane, which is borrowed.
    unsafe { std::slice::from_raw_parts(start, shape.width * shape.step) }
}

/// The same row, to be written.
pub(crate) fn row_mut<'a>(
    frame: &'a mut Video,
    plane: usize,
    shape: &PlaneShape,
    y: usize,
) -> &'a mut [u8] {
    let start = row_start(frame, plane, shape, y).cast_mut();
    // SAFETY: as for `row`; the frame was allocated by `allocate`, so that its buffer has no other owner.
    unsafe { std::slice::from_raw_parts_mut(start, shape.width * shape.step) }
}

fn row_start(frame: &Video, plane: usize, shape: &PlaneShape, y: usize) -> *const u8 {
    // SAFETY: the pointer is to the frame that is borrowed.
    let fields = unsafe { &*frame.as_ptr() };
    let (data, stride) = (fields.data[plane], fields.linesize[plane] as isize);
    let is_inside = y < shape.height && shape.width * shape.step <= stride.unsigned_abs();
    assert!(!data.is_null() && is_inside, "a row outside of its plane");
    // SAFETY: a plane has `height` rows at a distance of `stride`, which is negative in pictures that are
    // stored from the bottom up.
    unsafe { data.offset(y as isize * stride) }
}
