//! A video file that FFmpeg's muxers write, through a file which is open already.
//!
//! FFmpeg's own files lose the reason of an error, and report some errors never. Here each picture's bytes
//! reach the operating system before the next picture is taken, and the first error of the system is kept.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ptr::{self, NonNull};

use ffmpeg::codec::packet::Mut;
use ffmpeg::ffi::*;
use ffmpeg::{Error, Packet, Rational, codec};

use crate::avio::{IoCalls, IoContext, Written};

/// Why a video cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum MuxError {
    /// The system did not take it.
    #[error(transparent)]
    System(io::Error),
    /// FFmpeg refused it.
    #[error("FFmpeg: {0}")]
    Ffmpeg(#[from] Error),
}

/// What the only track of a video contains.
pub(super) struct Track<'a> {
    /// Width and height, pixels.
    pub(super) size: (u32, u32),
    /// Pictures per second.
    pub(super) rate: Rational,
    /// What makes the pictures; `None`: they are JPEGs.
    pub(super) encoder: Option<&'a codec::Context>,
}

/// A video under way. Dropping it leaves the file without its table of contents.
pub(super) struct Muxer {
    context: NonNull<AVFormatContext>,
    io: IoContext<Sink>,
    /// Seconds per picture.
    step: Rational,
}

// SAFETY: the contexts are used by the thread that owns this alone.
unsafe impl Send for Muxer {}

struct Sink {
    file: File,
    /// The first error of the system.
    error: Option<io::Error>,
}

impl Muxer {
    /// Writes the header of a video in the container that FFmpeg calls `format`.
    ///
    /// # Errors
    /// The container does not take such a track, or the system does not take the bytes.
    pub(super) fn begin(file: File, format: &CStr, track: &Track<'_>) -> Result<Muxer, MuxError> {
        let sink = Sink { file, error: None };
        // SAFETY: both functions take their pointer for one to a `Sink`.
        let io = unsafe { IoContext::new(sink, IoCalls::Write(write_sink, seek_sink)) }?;
        let mut context = ptr::null_mut();
        // SAFETY: the name is a constant text, and the context a variable of this function.
        let made = unsafe {
            avformat_alloc_output_context2(&mut context, ptr::null(), format.as_ptr(), ptr::null())
        };
        let context = NonNull::new(context).ok_or(Error::from(made))?;
        let mut muxer = Muxer {
            context,
            io,
            step: track.rate.invert(),
        };
        let begun = muxer.begin_track(track);
        muxer.checked(begun)?;
        Ok(muxer)
    }

    fn begin_track(&mut self, track: &Track<'_>) -> c_int {
        let (Ok(width), Ok(height)) =
            (c_int::try_from(track.size.0), c_int::try_from(track.size.1))
        else {
            return AVERROR(libc::EINVAL);
        };
        // SAFETY: the contexts are this value's own; the encoder's is borrowed, and its parameters are copied.
        unsafe {
            let context = self.context.as_mut();
            context.pb = self.io.as_ptr();
            // Each picture is written before the next one, so that an error belongs to its picture.
            context.flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_FLUSH_PACKETS;
            let Some(stream) = avformat_new_stream(context, ptr::null()).as_mut() else {
                return AVERROR(libc::ENOMEM);
            };
            stream.time_base = self.step.into();
            stream.avg_frame_rate = track.rate.into();
            let parameters = &mut *stream.codecpar;
            if let Some(encoder) = track.encoder {
                let copied = avcodec_parameters_from_context(parameters, encoder.as_ptr());
                if copied < 0 {
                    return copied;
                }
            } else {
                parameters.codec_type = AVMediaType::VIDEO;
                parameters.codec_id = AVCodecID::MJPEG;
                parameters.format = AVPixelFormat::YUVJ420P.0;
                (parameters.width, parameters.height) = (width, height);
            }
            avformat_write_header(context, ptr::null_mut())
        }
    }

    /// Writes a compressed picture, whose time stamps count pictures.
    pub(super) fn write(&mut self, mut packet: Packet) -> Result<(), MuxError> {
        packet.set_stream(0);
        packet.set_duration(1);
        // SAFETY: the context has one stream, which `begin` has added. The packet is borrowed for the calls.
        let written = unsafe {
            let context = self.context.as_ptr();
            let stream = &**(*context).streams;
            packet.rescale_ts(self.step, Rational::from(stream.time_base));
            let written = av_write_frame(context, packet.as_mut_ptr());
            match written {
                // Ends a cluster of Matroska, which would stay in memory for seconds otherwise.
                0.. => av_write_frame(context, ptr::null_mut()),
                error => error,
            }
        };
        self.checked(written)
    }

    /// Writes what stands at the end of a video: its table of contents.
    pub(super) fn finish(mut self) -> Result<(), MuxError> {
        // SAFETY: the header was written, and the context is used by nothing else.
        let written = unsafe {
            let written = av_write_trailer(self.context.as_ptr());
            avio_flush(self.io.as_ptr());
            written
        };
        self.checked(written)
    }

    /// The system's own error where there was one.
    fn checked(&mut self, result: c_int) -> Result<(), MuxError> {
        match (self.io.target().error.take(), result) {
            (Some(error), _) => Err(MuxError::System(error)),
            (None, error) if error < 0 => Err(Error::from(error).into()),
            (None, _) => Ok(()),
        }
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: the context was allocated in `begin`; it does not free the one of its file.
        unsafe { avformat_free_context(self.context.as_ptr()) };
    }
}

unsafe extern "C" fn write_sink(sink: *mut c_void, bytes: Written, size: c_int) -> c_int {
    // SAFETY: the pointer is to the sink of the `IoContext`, and FFmpeg calls this from
    // the thread that uses the context.
    let sink = unsafe { &mut *sink.cast::<Sink>() };
    let Ok(len) = usize::try_from(size) else {
        return AVERROR(libc::EINVAL);
    };
    // SAFETY: FFmpeg's buffer has `size` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, len) };
    match sink.file.write_all(bytes) {
        Ok(()) => size,
        Err(error) => sink.fail(error) as c_int,
    }
}

unsafe extern "C" fn seek_sink(sink: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as for `write_sink`.
    let sink = unsafe { &mut *sink.cast::<Sink>() };
    let whence = whence & !AVSEEK_FORCE;
    let place = match whence {
        AVSEEK_SIZE => return sink.len(),
        libc::SEEK_CUR => SeekFrom::Current(offset),
        libc::SEEK_END => SeekFrom::End(offset),
        _ => match u64::try_from(offset) {
            Ok(offset) => SeekFrom::Start(offset),
            Err(_) => return i64::from(AVERROR(libc::EINVAL)),
        },
    };
    match sink.file.seek(place) {
        Ok(place) => i64::try_from(place).unwrap_or(i64::MAX),
        Err(error) => sink.fail(error),
    }
}

impl Sink {
    /// Keeps the error; FFmpeg's number for it.
    fn fail(&mut self, error: io::Error) -> i64 {
        let number = AVERROR(error.raw_os_error().unwrap_or(libc::EIO));
        self.error.get_or_insert(error);
        i64::from(number)
    }

    fn len(&mut self) -> i64 {
        match self.file.metadata() {
            Ok(found) => i64::try_from(found.len()).unwrap_or(i64::MAX),
            Err(error) => self.fail(error),
        }
    }
}
