//! Pipes as FFmpeg's input: opened once, read in order, and given up when the capture is stopped.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Read};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use ffmpeg::Error;
use ffmpeg::ffi::*;

use super::interrupt::Interrupt;

/// Bytes that FFmpeg reads at a time. A pipe gives what it has.
const BUFFER_BYTES: usize = 64 << 10;

/// How often a waiting read looks whether the capture was stopped, nanoseconds.
#[cfg(unix)]
const STOP_INTERVAL_NS: i64 = 100_000_000;

/// FFmpeg's view of a pipe.
pub(super) struct PipeInput {
    context: NonNull<AVIOContext>,
    // The context has a pointer to it.
    _source: Box<PipeSource>,
}

// SAFETY: the context is used by the thread that owns this alone.
unsafe impl Send for PipeInput {}

struct PipeSource {
    pipe: File,
    interrupt: Arc<Interrupt>,
}

impl PipeInput {
    pub(super) fn new(pipe: File, interrupt: Arc<Interrupt>) -> Result<PipeInput, Error> {
        let mut source = Box::new(PipeSource { pipe, interrupt });
        let opaque: *mut c_void = ptr::from_mut(&mut *source).cast();
        let out_of_memory = Error::Other {
            errno: libc::ENOMEM,
        };
        // SAFETY: the buffer is allocated for the context, which frees neither; `drop` frees both. The source
        // is boxed, and lives as long as the context.
        let context = unsafe {
            let buffer = av_malloc(BUFFER_BYTES);
            if buffer.is_null() {
                return Err(out_of_memory);
            }
            let size = BUFFER_BYTES as c_int;
            let context =
                avio_alloc_context(buffer.cast(), size, 0, opaque, Some(read_pipe), None, None);
            if context.is_null() {
                av_free(buffer);
            }
            context
        };
        Ok(PipeInput {
            context: NonNull::new(context).ok_or(out_of_memory)?,
            _source: source,
        })
    }

    pub(super) fn context(&self) -> *mut AVIOContext {
        self.context.as_ptr()
    }
}

impl Drop for PipeInput {
    fn drop(&mut self) {
        // SAFETY: both were allocated in `new`; FFmpeg may have put another buffer in the place of the first.
        unsafe {
            let mut context = self.context.as_ptr();
            av_freep(ptr::from_mut(&mut (*context).buffer).cast());
            avio_context_free(&mut context);
        }
    }
}

unsafe extern "C" fn read_pipe(source: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    // SAFETY: the pointer is to the source that `PipeInput` holds as long as the context, and FFmpeg calls this
    // from one thread at a time.
    let source = unsafe { &mut *source.cast::<PipeSource>() };
    let Ok(room @ 1..) = usize::try_from(size) else {
        return AVERROR(libc::EINVAL);
    };
    // SAFETY: FFmpeg's buffer has `size` bytes, which were set before or are zero.
    let buffer = unsafe {
        ptr::write_bytes(buffer, 0, room);
        std::slice::from_raw_parts_mut(buffer, room)
    };
    loop {
        if source.interrupt.is_due() {
            return AVERROR_EXIT;
        }
        if !is_ready(&source.pipe) {
            continue;
        }
        match source.pipe.read(buffer) {
            Ok(0) => return AVERROR_EOF,
            Ok(read) => return c_int::try_from(read).unwrap_or(size),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => {}
                _ => return AVERROR(error.raw_os_error().unwrap_or(libc::EIO)),
            },
        }
    }
}

/// Waits a moment until there is something to read, or the writer has closed the pipe. A named pipe that no
/// writer has opened yet is not at its end.
#[cfg(unix)]
fn is_ready(pipe: &File) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: STOP_INTERVAL_NS,
    };
    let mut waiting = [PollFd::new(pipe, PollFlags::IN)];
    poll(&mut waiting, Some(&moment)).is_ok_and(|ready| ready > 0)
}

#[cfg(not(unix))]
fn is_ready(_: &File) -> bool {
    true
}
