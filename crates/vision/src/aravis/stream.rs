//! The frames of a camera that runs: filled on the library's thread, taken on the capture's.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::buffer::{Arrival, Buffer};
use super::library::{ArvBuffer, ArvCamera, ArvStream, Functions};
use super::numbers::FrameNumbers;
use super::object::{CallError, Object, checked};
use super::waiting::Waiting;

/// The callback's word that a buffer is filled: `ARV_STREAM_CALLBACK_TYPE_BUFFER_DONE` of `arvstream.h`.
const BUFFER_DONE: c_int = 3;

/// `ARV_GV_STREAM_SOCKET_BUFFER_FIXED` of `arvgvstream.h`.
const SOCKET_BUFFER_FIXED: c_int = 0;

/// Bytes of packets that may wait while this machine does something else; the system may grant fewer. One frame, the
/// library's choice, is lost in part whenever its thread is late.
const SOCKET_BUFFER: c_int = 16 << 20;

/// Memory of all buffers together, and how many there are.
const MAX_MEMORY: usize = 512 << 20;
const BUFFERS: std::ops::RangeInclusive<usize> = 4..=24;

/// Frames that a camera has numbered and that were not delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// All of them.
    pub(crate) frames: u64,
    /// Those of which parts arrived.
    pub(crate) incomplete: u64,
    /// Of all, those that came after the last whole one.
    pub(crate) pending: u64,
}

/// A stream of a camera. Dropping it ends it.
pub(crate) struct Stream {
    /// Dropped first of all: that joins the library's thread, which uses `shared`.
    object: Option<Object<ArvStream>>,
    shared: Arc<Shared>,
}

/// What the library's thread and the capture's share.
struct Shared {
    functions: &'static Functions,
    /// Null before the stream exists and while it ends.
    stream: AtomicPtr<ArvStream>,
    /// Bytes of each buffer.
    capacity: usize,
    frames: Mutex<Received>,
    arrived: Condvar,
}

/// What has arrived.
#[derive(Debug)]
struct Received {
    waiting: Waiting<Buffer>,
    numbers: FrameNumbers,
    lost: Lost,
}

impl Received {
    /// Takes up a buffer that has been filled. Returns one that is free again.
    fn arrive(&mut self, mut buffer: Buffer) -> Option<Buffer> {
        match buffer.arrival() {
            Arrival::Complete => {
                let missed = self.numbers.complete(buffer.number());
                self.lost.frames += missed;
                buffer.set_missed(missed);
                self.waiting.add(buffer)
            }
            Arrival::Aborted => Some(buffer),
            Arrival::Incomplete | Arrival::Unfit => {
                self.numbers.incomplete();
                self.lost.incomplete += 1;
                Some(buffer)
            }
        }
    }

    fn lost(&self) -> Lost {
        Lost {
            frames: self.lost.frames + self.numbers.pending(),
            pending: self.numbers.pending(),
            ..self.lost
        }
    }
}

impl Stream {
    /// Makes the stream of a camera with buffers for frames of `capacity` bytes. `newest`: of several frames that
    /// wait, only the newest one is kept.
    pub(super) fn new(
        camera: &Object<ArvCamera>,
        is_gige: bool,
        capacity: usize,
        newest: bool,
    ) -> Result<Stream, CallError> {
        let functions = camera.functions();
        let shared = Arc::new(Shared {
            functions,
            stream: AtomicPtr::new(ptr::null_mut()),
            capacity,
            frames: Mutex::new(Received {
                waiting: Waiting::new(newest),
                numbers: FrameNumbers::default(),
                lost: Lost::default(),
            }),
            arrived: Condvar::new(),
        });
        let data = Arc::as_ptr(&shared).cast_mut().cast::<c_void>();
        // SAFETY: the camera is one; `data` outlives the stream, whose owner, the value made below, drops it before
        // `shared`. The new reference is the caller's.
        let object = unsafe {
            let create = functions.arv_camera_create_stream;
            let stream = checked(functions, |error| {
                create(camera.as_ptr(), on_event, data, error)
            })?;
            Object::new(stream, functions)
        };
        let object = object.ok_or_else(|| CallError::other("the camera has no stream"))?;
        if is_gige {
            // SAFETY: streams of GigE Vision have these properties, whose values are numbers; null ends the list.
            unsafe {
                (functions.g_object_set)(
                    object.as_ptr().cast(),
                    c"socket-buffer".as_ptr(),
                    SOCKET_BUFFER_FIXED,
                    c"socket-buffer-size".as_ptr(),
                    SOCKET_BUFFER,
                    ptr::null::<c_void>(),
                );
            }
        }
        shared.stream.store(object.as_ptr(), Ordering::Release);
        let stream = Stream {
            object: Some(object),
            shared,
        };
        let count = (MAX_MEMORY / capacity.max(1)).clamp(*BUFFERS.start(), *BUFFERS.end());
        for _ in 0..count {
            stream.give_back(Buffer::new(capacity, functions)?);
        }
        Ok(stream)
    }

    /// The next frame that is whole; `None` if none comes within this time.
    pub(crate) fn next(&self, timeout: Duration) -> Option<Buffer> {
        let received = self.shared.lock();
        let waited = self
            .shared
            .arrived
            .wait_timeout_while(received, timeout, |it| it.waiting.is_empty());
        let (mut received, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        received.waiting.take()
    }

    /// Lets the buffer be filled again.
    pub(crate) fn give_back(&self, buffer: Buffer) {
        self.shared.give_back(buffer);
    }

    /// Frames that were lost so far.
    pub(crate) fn lost(&self) -> Lost {
        self.shared.lock().lost()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The library's thread ends with the last reference, which is this one: it is joined here.
        drop(self.object.take());
        self.shared.stream.store(ptr::null_mut(), Ordering::Release);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Received> {
        // Counting and queueing are complete before a panic could happen: the queue is valid.
        self.frames
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn give_back(&self, buffer: Buffer) {
        let stream = self.stream.load(Ordering::Acquire);
        if !stream.is_null() {
            // SAFETY: the pointer is null before the stream is made and after its end; the queue takes the
            // buffer's reference.
            unsafe { (self.functions.arv_stream_push_buffer)(stream, buffer.into_ptr()) };
        }
    }

    /// Takes the buffers that the library has filled.
    fn collect(&self) {
        let stream = self.stream.load(Ordering::Acquire);
        if stream.is_null() {
            return;
        }
        loop {
            // SAFETY: the stream exists, as its thread is the caller; a buffer that leaves the queue is the
            // caller's with its reference, and all buffers of the stream have this capacity.
            let buffer = unsafe {
                let buffer = (self.functions.arv_stream_try_pop_buffer)(stream);
                let Some(object) = Object::new(buffer, self.functions) else {
                    return;
                };
                Buffer::filled(object, Instant::now(), self.capacity)
            };
            let free = self.lock().arrive(buffer);
            if let Some(free) = free {
                self.give_back(free);
            }
            self.arrived.notify_one();
        }
    }
}

/// Called on the library's thread.
unsafe extern "C" fn on_event(data: *mut c_void, event: c_int, _: *mut ArvBuffer) {
    if event != BUFFER_DONE {
        return;
    }
    // SAFETY: `data` is the `Shared` of the stream, which lives until the stream's thread has been joined, and is
    // only used through shared references.
    let shared = unsafe { &*data.cast::<Shared>() };
    shared.collect();
}
