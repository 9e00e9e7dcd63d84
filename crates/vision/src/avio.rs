//! FFmpeg's reading and writing through functions of this crate.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use ffmpeg::Error;
use ffmpeg::ffi::*;

/// Bytes that FFmpeg reads or writes at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// FFmpeg 7 promises not to change what it writes.
#[cfg(ffmpeg_7)]
pub(crate) type Written = *const u8;
#[cfg(not(ffmpeg_7))]
pub(crate) type Written = *mut u8;

/// What FFmpeg calls, each with a pointer to the `T` of its [`IoContext`].
pub(crate) enum IoCalls {
    /// Fills a buffer of so many bytes.
    Read(unsafe extern "C" fn(*mut c_void, *mut u8, c_int) -> c_int),
    /// Takes so many bytes; moves to a place.
    Write(
        unsafe extern "C" fn(*mut c_void, Written, c_int) -> c_int,
        unsafe extern "C" fn(*mut c_void, i64, c_int) -> i64,
    ),
}

/// A context of FFmpeg whose bytes come from a `T`, or go to it.
pub(crate) struct IoContext<T> {
    context: NonNull<AVIOContext>,
    /// A box, to which the context has a pointer.
    target: NonNull<T>,
}

// SAFETY: the context is used by the thread that owns this alone.
unsafe impl<T: Send> Send for IoContext<T> {}

impl<T> IoContext<T> {
    /// A context for `target`.
    ///
    /// # Errors
    /// No memory.
    ///
    /// # Safety
    /// The functions take their pointer for one to a `T`.
    pub(crate) unsafe fn new(target: T, calls: IoCalls) -> Result<IoContext<T>, Error> {
        let out_of_memory = Error::Other {
            errno: libc::ENOMEM,
        };
        let (read, write, seek) = match calls {
            IoCalls::Read(read) => (Some(read), None, None),
            IoCalls::Write(write, seek) => (None, Some(write), Some(seek)),
        };
        let target = NonNull::from(Box::leak(Box::new(target)));
        // SAFETY: the buffer is allocated for the context, which frees neither; `drop` frees both, and the target
        // after them.
        let context = unsafe {
            let buffer = av_malloc(BUFFER_BYTES);
            let context = match buffer.is_null() {
                true => ptr::null_mut(),
                false => avio_alloc_context(
                    buffer.cast(),
                    BUFFER_BYTES as c_int,
                    c_int::from(write.is_some()),
                    target.as_ptr().cast(),
                    read,
                    write,
                    seek,
                ),
            };
            if context.is_null() {
                av_free(buffer);
                drop(Box::from_raw(target.as_ptr()));
            }
            context
        };
        let context = NonNull::new(context).ok_or(out_of_memory)?;
        Ok(IoContext { context, target })
    }

    pub(crate) fn as_ptr(&self) -> *mut AVIOContext {
        self.context.as_ptr()
    }

    /// What its bytes come from or go to.
    pub(crate) fn target(&mut self) -> &mut T {
        // SAFETY: the box is this value's own, and FFmpeg uses it only in calls to which the context is given.
        unsafe { self.target.as_mut() }
    }
}

impl<T> Drop for IoContext<T> {
    fn drop(&mut self) {
        // SAFETY: all three were allocated in `new`; FFmpeg may have put another buffer in the place of the first.
        unsafe {
            let mut context = self.context.as_ptr();
            av_freep(ptr::from_mut(&mut (*context).buffer).cast());
            avio_context_free(&mut context);
            drop(Box::from_raw(self.target.as_ptr()));
        }
    }
}
