//! The memory that a camera's frame arrives in.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fmt;
use std::time::Instant;

use super::library::{ArvBuffer, Functions};
use super::object::{CallError, Object};

/// `ARV_BUFFER_STATUS_…` of `arvbuffer.h`.
const SUCCESS: c_int = 0;
const TIMEOUT: c_int = 2;
const MISSING_PACKETS: c_int = 3;
const ABORTED: c_int = 7;

/// `ARV_BUFFER_PAYLOAD_TYPE_…` whose first part is an image.
const IMAGE_PAYLOADS: [c_int; 3] = [0x0001, 0x0005, 0x000a];

/// How a frame arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Complete,
    /// Packets are missing.
    Incomplete,
    /// The stream was ended meanwhile.
    Aborted,
    /// The camera sent something else than was announced.
    Unfit,
}

/// A frame's memory, outside the queues of its stream.
pub(crate) struct Buffer {
    object: Object<ArvBuffer>,
    /// When the last of it was here.
    arrived: Instant,
    /// Bytes that it may hold.
    capacity: usize,
    /// Frames that were lost directly before this one.
    missed: u64,
}

// SAFETY: a buffer is counted by atomic references, and only the thread that has it uses it: the library itself
// passes buffers between its thread and the program's.
unsafe impl Send for Buffer {}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.capacity)
    }
}

/// A frame as the camera sent it. Its fields are not checked.
#[derive(Clone, Copy)]
pub(crate) struct RawFrame<'a> {
    /// The number of its pixel format (PFNC).
    pub(crate) format: u32,
    /// Pixels of a row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// Bytes after each row that are no pixels.
    pub(crate) padding: usize,
    /// What was received.
    pub(crate) data: &'a [u8],
}

impl Buffer {
    /// Memory for a frame of at most so many bytes, all zero.
    pub(super) fn new(capacity: usize, functions: &'static Functions) -> Result<Buffer, CallError> {
        let none = || {
            CallError::other(format!(
                "there is no memory for a frame of {capacity} bytes"
            ))
        };
        // SAFETY: the function makes a new object, whose reference is the caller's, with `capacity` bytes. They
        // are written here, before anything else knows of them, so that no later frame shows foreign memory.
        let object = unsafe {
            let buffer = (functions.arv_buffer_new_allocate)(capacity);
            let object = Object::new(buffer, functions).ok_or_else(none)?;
            let data = (functions.arv_buffer_get_data)(object.as_ptr(), std::ptr::null_mut());
            if data.is_null() {
                return Err(none());
            }
            std::ptr::write_bytes(data, 0, capacity);
            object
        };
        Ok(Buffer {
            object,
            arrived: Instant::now(),
            capacity,
            missed: 0,
        })
    }

    /// A buffer that a stream has filled.
    ///
    /// # Safety
    /// The object is a buffer of this capacity that is in no queue.
    pub(super) unsafe fn filled(
        object: Object<ArvBuffer>,
        arrived: Instant,
        capacity: usize,
    ) -> Buffer {
        Buffer {
            object,
            arrived,
            capacity,
            missed: 0,
        }
    }

    pub(super) fn into_ptr(self) -> *mut ArvBuffer {
        self.object.into_ptr()
    }

    pub(super) fn arrival(&self) -> Arrival {
        // SAFETY: the object is a buffer.
        match unsafe { (self.functions().arv_buffer_get_status)(self.object.as_ptr()) } {
            SUCCESS => Arrival::Complete,
            TIMEOUT | MISSING_PACKETS => Arrival::Incomplete,
            ABORTED => Arrival::Aborted,
            _ => Arrival::Unfit,
        }
    }

    /// When the last of the frame was here.
    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    /// Frames that were lost directly before this one.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    pub(super) fn set_missed(&mut self, missed: u64) {
        self.missed = missed;
    }

    /// The camera's number of the frame.
    pub(super) fn number(&self) -> u64 {
        // SAFETY: the object is a buffer.
        unsafe { (self.functions().arv_buffer_get_frame_id)(self.object.as_ptr()) }
    }

    /// The camera's time stamp, nanoseconds; `None` where the camera gives none, and the library has put its own
    /// time in its place.
    pub(crate) fn device_time(&self) -> Option<u64> {
        // SAFETY: the object is a buffer.
        let (device, system) = unsafe {
            (
                (self.functions().arv_buffer_get_timestamp)(self.object.as_ptr()),
                (self.functions().arv_buffer_get_system_timestamp)(self.object.as_ptr()),
            )
        };
        (device != 0 && device != system).then_some(device)
    }

    /// The image in it; `None` where the camera sent something else.
    pub(crate) fn image(&self) -> Option<RawFrame<'_>> {
        let (functions, buffer) = (self.functions(), self.object.as_ptr());
        // SAFETY: the object is a buffer.
        let payload = unsafe { (functions.arv_buffer_get_payload_type)(buffer) };
        if self.arrival() != Arrival::Complete || !IMAGE_PAYLOADS.contains(&payload) {
            return None;
        }
        let mut received = 0;
        // SAFETY: the object is a buffer that holds an image, as checked above; the pointers are to numbers that
        // live through the calls.
        let (format, width, height, padding, data) = unsafe {
            let (mut padding, mut below): (c_int, c_int) = (0, 0);
            if let Some(arv_buffer_get_image_padding) = functions.arv_buffer_get_image_padding {
                arv_buffer_get_image_padding(buffer, &raw mut padding, &raw mut below);
            }
            (
                (functions.arv_buffer_get_image_pixel_format)(buffer),
                (functions.arv_buffer_get_image_width)(buffer),
                (functions.arv_buffer_get_image_height)(buffer),
                padding,
                (functions.arv_buffer_get_data)(buffer, &raw mut received),
            )
        };
        if data.is_null() {
            return None;
        }
        // SAFETY: there are `capacity` bytes, all of them written since the buffer was made, and not changed as
        // long as the buffer is in no queue of its stream.
        let data = unsafe { std::slice::from_raw_parts(data, received.min(self.capacity)) };
        Some(RawFrame {
            format,
            width: u32::try_from(width).ok()?,
            height: u32::try_from(height).ok()?,
            padding: usize::try_from(padding).ok()?,
            data,
        })
    }

    fn functions(&self) -> &'static Functions {
        self.object.functions()
    }
}
