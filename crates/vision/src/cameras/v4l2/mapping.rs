//! The memory of a frame, which the driver fills.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// No camera has larger frames.
const MAX_BYTES: usize = 1 << 30;

/// A buffer of a driver in this process's memory.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// Maps `len` bytes at the place that the driver has named.
    pub(super) fn new(device: &File, place: u32, len: usize) -> io::Result<Mapping> {
        if len == 0 || len > MAX_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its driver has buffers of {len} bytes"),
            ));
        }
        let (protection, flags) = (ProtFlags::READ, MapFlags::SHARED);
        // SAFETY: the system chooses the address, so that no other memory is replaced.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                protection,
                flags,
                device,
                place.into(),
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(Errno::NOMEM)?;
        Ok(Mapping { start, len })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of a buffer that the driver has handed over; until the buffer is given back it does not write to
    /// them.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the memory was mapped by `new`, with this length, and stays so until `drop`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the memory was mapped by `new`, and no slice of it outlives this value.
        if let Err(error) = unsafe { munmap(self.start.as_ptr().cast(), self.len) } {
            tracing::debug!(%error, "a frame's memory stays mapped");
        }
    }
}
