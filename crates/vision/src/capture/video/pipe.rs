//! Pipes as FFmpeg's input: opened once, read in order, and given up when the capture is stopped.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Read};
use std::ptr;
use std::sync::Arc;

use ffmpeg::Error;
use ffmpeg::ffi::*;

use super::interrupt::Interrupt;
use crate::avio::{IoCalls, IoContext};

/// How often a waiting read looks whether the capture was stopped, nanoseconds.
#[cfg(unix)]
const STOP_INTERVAL_NS: i64 = 100_000_000;

/// FFmpeg's view of a pipe, which gives what it has.
pub(super) struct PipeInput(IoContext<PipeSource>);

struct PipeSource {
    pipe: File,
    interrupt: Arc<Interrupt>,
}

impl PipeInput {
    pub(super) fn new(pipe: File, interrupt: Arc<Interrupt>) -> Result<PipeInput, Error> {
        let source = PipeSource { pipe, interrupt };
        // SAFETY: `read_pipe` takes its pointer for one to a `PipeSource`.
        let context = unsafe { IoContext::new(source, IoCalls::Read(read_pipe)) };
        context.map(PipeInput)
    }

    pub(super) fn context(&self) -> *mut AVIOContext {
        self.0.as_ptr()
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
