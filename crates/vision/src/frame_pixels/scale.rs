//! Conversion of pixels by FFmpeg's scaler, with the options for which `ffmpeg-the-third` has no safe form.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use ffmpeg::Error;
use ffmpeg::ffi::*;
use ffmpeg::frame::Video;
use ffmpeg::software::scaling::Flags;

use super::layout::{PixelLayout, allocate};

/// What pixels are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelTarget {
    format: AVPixelFormat,
    /// 1 (gray) or 3 (BGR).
    pub(crate) channels: u8,
    /// Of samples of 16 bits; `None`: they have 8.
    pub(crate) significant_bits: Option<u8>,
}

impl PixelTarget {
    /// What MPEG-4 is encoded from.
    pub(crate) const MPEG4: PixelTarget = PixelTarget {
        format: AVPixelFormat::YUV420P,
        channels: 3,
        significant_bits: None,
    };

    /// Gray of gray frames, else BGR. `deep`: with as many bits as the frame has, which colours take as
    /// 16: their conversion scales them.
    pub(crate) fn of(layout: &PixelLayout, deep: bool) -> PixelTarget {
        let depth = layout.depth();
        let gray = layout.is_gray();
        let (format, significant_bits) = match (gray, depth) {
            (true, 10) if deep => (AVPixelFormat::GRAY10LE, Some(10)),
            (true, 12) if deep => (AVPixelFormat::GRAY12LE, Some(12)),
            (true, 14) if deep => (AVPixelFormat::GRAY14LE, Some(14)),
            (true, 9..=16) if deep => (AVPixelFormat::GRAY16LE, Some(16)),
            (false, 9..=16) if deep => (AVPixelFormat::BGR48LE, Some(16)),
            (true, _) => (AVPixelFormat::GRAY8, None),
            (false, _) => (AVPixelFormat::BGR24, None),
        };
        PixelTarget {
            format,
            channels: if gray { 1 } else { 3 },
            significant_bits,
        }
    }
}

/// Converts frames of one layout, as the `ffmpeg` program does without further options.
pub(crate) struct Scaler {
    context: NonNull<SwsContext>,
    pub(crate) source: PixelLayout,
    pub(crate) target: PixelTarget,
}

// SAFETY: the context is used by its owner alone, and by no thread of its own.
unsafe impl Send for Scaler {}

impl Scaler {
    /// `None`: FFmpeg does not convert this format.
    pub(crate) fn new(source: PixelLayout, target: PixelTarget) -> Option<Scaler> {
        // SAFETY: the formats are checked by the functions that are called.
        let is_known = unsafe { sws_isSupportedInput(source.format) > 0 };
        // SAFETY: a new context, which `Scaler` frees.
        let context = NonNull::new(unsafe { sws_alloc_context() })?;
        let scaler = Scaler {
            context,
            source,
            target,
        };
        (is_known && scaler.configure()).then_some(scaler)
    }

    fn configure(&self) -> bool {
        let (source, target) = (&self.source, self.target.format);
        let sides = (i64::from(source.width), i64::from(source.height));
        let options = [
            (c"srcw", sides.0),
            (c"srch", sides.1),
            (c"src_format", i64::from(source.format.0)),
            (c"dstw", sides.0),
            (c"dsth", sides.1),
            (c"dst_format", i64::from(target.0)),
            (c"sws_flags", i64::from(Flags::BICUBIC.bits())),
            // By convention, MPEG's chroma lies between two rows.
            (c"src_v_chr_pos", 128),
        ];
        let is_420 = source.format == AVPixelFormat::YUV420P;
        let options = &options[..options.len() - usize::from(!is_420)];
        // SAFETY: the options are those of the context, and their names are constants.
        unsafe {
            let context = self.context.as_ptr();
            for (name, value) in options {
                if av_opt_set_int(context.cast(), name.as_ptr(), *value, 0) < 0 {
                    return false;
                }
            }
            if sws_init_context(context, ptr::null_mut(), ptr::null_mut()) < 0 {
                return false;
            }
        }
        self.set_colours();
        true
    }

    /// Sets the source's own matrix and range. Formats without them have none to set.
    fn set_colours(&self) {
        let (mut from, mut to) = (ptr::null_mut(), ptr::null_mut());
        let (mut from_full, mut to_full) = (0, 0);
        let (mut brightness, mut contrast, mut saturation) = (0, 0, 0);
        // SAFETY: all pointers are to variables of this function; the tables are constants of the library.
        unsafe {
            let context = self.context.as_ptr();
            let found = sws_getColorspaceDetails(
                context,
                &mut from,
                &mut from_full,
                &mut to,
                &mut to_full,
                &mut brightness,
                &mut contrast,
                &mut saturation,
            );
            if found < 0 {
                return;
            }
            let space = match self.source.space.0 {
                known @ (1..=7 | 9 | 10) => known,
                _ => AVColorSpace::BT470BG.0,
            };
            let table = sws_getCoefficients(space as c_int);
            match self.source.range {
                AVColorRange::MPEG => from_full = 0,
                AVColorRange::JPEG => from_full = 1,
                _ => {}
            }
            sws_setColorspaceDetails(
                context, table, from_full, table, to_full, brightness, contrast, saturation,
            );
        }
    }

    /// Converts `frame`, which must have the layout that the scaler was made for, into one of its own memory.
    ///
    /// # Errors
    /// No memory, or another layout.
    pub(crate) fn run(&mut self, frame: &Video, out: &mut Video) -> Result<(), Error> {
        let wanted = PixelLayout {
            format: self.target.format,
            ..self.source
        };
        let fits = PixelLayout::of(out).is_some_and(|out| {
            (out.format, out.width, out.height) == (wanted.format, wanted.width, wanted.height)
        });
        if !fits {
            *out = allocate(&wanted, wanted.width, wanted.height)?;
        }
        if PixelLayout::of(frame) != Some(self.source) {
            return Err(Error::InputChanged);
        }
        // SAFETY: both frames have the sizes and formats that the context was made for; `out` was made by
        // `allocate`, with the padding that FFmpeg wants.
        let rows = unsafe {
            let (from, to) = (&*frame.as_ptr(), &*out.as_mut_ptr());
            sws_scale(
                self.context.as_ptr(),
                from.data.as_ptr().cast(),
                from.linesize.as_ptr(),
                0,
                from.height,
                to.data.as_ptr().cast(),
                to.linesize.as_ptr(),
            )
        };
        match rows {
            error if error < 0 => Err(Error::from(error)),
            _ => Ok(()),
        }
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context is this scaler's own.
        unsafe { sws_freeContext(self.context.as_ptr()) };
    }
}
