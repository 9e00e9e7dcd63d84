//! The calls of FFmpeg for which `ffmpeg-the-third` has no safe form, or one that is not sound for any input.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Once};

use ffmpeg::codec::Id;
use ffmpeg::codec::decoder;
use ffmpeg::codec::packet::Ref;
use ffmpeg::ffi::*;
use ffmpeg::format::context::Input;
use ffmpeg::frame::Video;
use ffmpeg::{Dictionary, Error, Packet, Stream};

use super::concealment;
use super::interrupt::Interrupt;
use super::pipe::PipeInput;

/// An open input. Its reads end early where its [`Interrupt`] says so.
pub(super) struct Demuxer {
    // Dropped first: closing it may ask the interrupt, and use the pipe.
    pub(super) input: Input,
    _pipe: Option<PipeInput>,
    interrupt: Arc<Interrupt>,
}

impl Demuxer {
    /// Opens `url` and reads as much of it as shows what its streams contain. `pipe`: what is read in its place.
    /// `format`: the demuxer's name, where it is not detected.
    ///
    /// # Errors
    /// Those of FFmpeg.
    pub(super) fn open(
        url: &CStr,
        pipe: Option<PipeInput>,
        format: Option<&CStr>,
        mut options: Dictionary,
        interrupt: Arc<Interrupt>,
    ) -> Result<Demuxer, Error> {
        // SAFETY: the context is allocated here; `avformat_open_input` frees it where it fails, and `Input`
        // closes it otherwise. The interrupt outlives the context, see `Demuxer`.
        unsafe {
            let mut context = avformat_alloc_context();
            if context.is_null() {
                return Err(Error::Other {
                    errno: libc::ENOMEM,
                });
            }
            (*context).interrupt_callback = AVIOInterruptCB {
                callback: Some(is_interrupted),
                opaque: Arc::as_ptr(&interrupt).cast_mut().cast(),
            };
            if let Some(pipe) = &pipe {
                (*context).pb = pipe.context();
                (*context).flags |= AVFMT_FLAG_CUSTOM_IO;
            }
            let format = format.map_or(ptr::null(), |name| av_find_input_format(name.as_ptr()));
            let opened =
                avformat_open_input(&mut context, url.as_ptr(), format, options.as_mut_ptr());
            if opened < 0 {
                return Err(Error::from(opened));
            }
            let input = Input::wrap(context);
            let demuxer = Demuxer {
                input,
                _pipe: pipe,
                interrupt,
            };
            // Each packet that is read for it would arrive before it is used.
            if demuxer._pipe.is_some() && demuxer.is_bare() {
                return Ok(demuxer);
            }
            match avformat_find_stream_info(context, ptr::null_mut()) {
                error if error < 0 => Err(Error::from(error)),
                _ => Ok(demuxer),
            }
        }
    }

    /// Whether it contains frames without compression, whose header says all of them.
    fn is_bare(&self) -> bool {
        let mut streams = self.input.streams();
        streams.len() == 1
            && streams.all(|stream| {
                let parameters = stream.parameters();
                parameters.id() == Id::RAWVIDEO && parameters.width() > 0
            })
    }

    /// Why the last bytes could not be read. Many demuxers report the end of the input then.
    pub(super) fn fault(&self) -> Option<Error> {
        // SAFETY: the context is open, and its input, which some demuxers lack, is checked for null.
        let input = unsafe { (*self.input.as_ptr()).pb.as_ref() };
        let error = input.map_or(0, |input| input.error);
        (error < 0 && error != AVERROR_EOF).then(|| Error::from(error))
    }

    pub(super) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The stream's rate as FFmpeg shows it, frames per second; 0 where it is not known.
    pub(super) fn frame_rate(&mut self, stream: usize) -> f64 {
        let Some(found) = self.input.stream(stream) else {
            return 0.0;
        };
        // SAFETY: the stream is one of this context, which nothing else uses meanwhile.
        let rate = unsafe {
            let stream = found.as_ptr().cast_mut();
            av_guess_frame_rate(self.input.as_mut_ptr(), stream, ptr::null_mut())
        };
        match rate.den {
            0 => 0.0,
            den => f64::from(rate.num) / f64::from(den),
        }
    }
}

extern "C" fn is_interrupted(interrupt: *mut c_void) -> c_int {
    // SAFETY: the pointer was made of the reference-counted interrupt that `Demuxer` holds as long as the context.
    let interrupt = unsafe { &*interrupt.cast::<Interrupt>() };
    c_int::from(interrupt.is_due())
}

/// Entries of the stream's index that are frames to show; 0 where there is no index.
pub(super) fn indexed_frames(stream: &Stream) -> u64 {
    // SAFETY: the entries are those of a stream that is borrowed; each is checked for null.
    unsafe {
        let stream = stream.as_ptr().cast_mut();
        let entries = 0..avformat_index_get_entries_count(stream);
        let is_shown = |entry: c_int| {
            let entry = avformat_index_get_entry(stream, entry);
            !entry.is_null() && (*entry).size() > 0 && (*entry).flags() & AVINDEX_DISCARD_FRAME == 0
        };
        entries.filter(|&entry| is_shown(entry)).count() as u64
    }
}

/// The stream's display matrix, where its container has one. From FFmpeg 8 on, its frames carry it.
#[cfg(not(ffmpeg_8))]
pub(super) fn stream_matrix(stream: &Stream) -> Option<[i32; 9]> {
    let mut size = 0;
    // SAFETY: the bytes belong to the stream, which is borrowed while they are copied.
    unsafe {
        let kind = AVPacketSideDataType::DISPLAYMATRIX;
        let data = av_stream_get_side_data(stream.as_ptr(), kind, &mut size);
        (!data.is_null() && size >= 36).then(|| data.cast::<[i32; 9]>().read_unaligned())
    }
}

#[cfg(ffmpeg_8)]
pub(super) fn stream_matrix(_: &Stream) -> Option<[i32; 9]> {
    None
}

/// The display matrix that a frame carries itself.
pub(super) fn frame_matrix(frame: &Video) -> Option<[i32; 9]> {
    // SAFETY: the side data belong to the frame, which is borrowed while they are copied.
    unsafe {
        let kind = AVFrameSideDataType::DISPLAYMATRIX;
        let found = av_frame_get_side_data(frame.as_ptr(), kind).as_ref()?;
        (found.size >= 36).then(|| found.data.cast::<[i32; 9]>().read_unaligned())
    }
}

/// Whether a packet is decoded only because later ones need it, as before the begin of an edit list.
pub(super) fn is_discarded(packet: &Packet) -> bool {
    // SAFETY: the pointer is to the packet that is borrowed.
    unsafe { (*packet.as_ptr()).flags & AV_PKT_FLAG_DISCARD != 0 }
}

/// Lets [`super::concealment`] hear what decoders write to FFmpeg's log. Nothing is printed any more.
pub(super) fn hear_decoders() {
    static ONCE: Once = Once::new();
    // SAFETY: the callback may be called by any thread at any time, and keeps nothing of what it gets.
    ONCE.call_once(|| unsafe { av_log_set_callback(Some(logged)) });
}

/// Takes a message of FFmpeg's log; its arguments, whose type differs between machines, are not looked at.
unsafe extern "C" fn logged<Arguments>(
    object: *mut c_void,
    _level: c_int,
    message: *const c_char,
    _: Arguments,
) {
    // SAFETY: FFmpeg passes null or an object that begins with a pointer to its class, whose name is a constant, and
    // a constant as the message. A codec's context is one of the class that is compared with.
    let (packet, message) = unsafe {
        let class = object.cast::<*const AVClass>();
        if message.is_null() || class.is_null() || (*class) != avcodec_get_class() {
            return;
        }
        let context = object.cast::<AVCodecContext>();
        ((*context).opaque.addr() as u64, CStr::from_ptr(message))
    };
    concealment::note(packet, message);
}

/// Names the packet that the decoder gets next. Each of its threads takes the number over with a packet.
pub(super) fn number_packet(decoder: &mut decoder::Video, number: u64) {
    // SAFETY: the context is open. FFmpeg hands the value on and never follows it as a pointer.
    unsafe { (*decoder.as_mut_ptr()).opaque = ptr::without_provenance_mut(number as usize) };
}

/// Whether the decoder has marked the frame as one whose missing parts it has filled in.
pub(super) fn is_concealed(frame: &Video) -> bool {
    // SAFETY: the pointer is to the frame that is borrowed.
    unsafe {
        let frame = &*frame.as_ptr();
        frame.decode_error_flags != 0 || frame.flags & AV_FRAME_FLAG_CORRUPT != 0
    }
}

/// An address or path as FFmpeg takes it; `None` where it contains a zero byte.
pub(super) fn c_text(text: &[u8]) -> Option<CString> {
    CString::new(text).ok()
}
