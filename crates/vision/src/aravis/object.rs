//! Objects that are counted by references, errors and texts of GLib.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::{self, NonNull};

use super::library::{Functions, GError};

/// The most characters that are kept of a text of a camera or of the library.
const MAX_TEXT: usize = 200;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CallError {
    /// The library's words.
    pub(crate) message: String,
    /// What the program does about it.
    pub(crate) kind: CallErrorKind,
}

/// Kinds of failures that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallErrorKind {
    /// There is no such camera.
    NotFound,
    /// The camera does not answer.
    Timeout,
    /// Another program controls the camera.
    Busy,
    /// Anything else.
    Other,
}

impl CallErrorKind {
    /// By the numbers of `ArvDeviceError` in `arvdevice.h`.
    fn of_device(code: c_int) -> CallErrorKind {
        match code {
            6 => CallErrorKind::NotFound,
            5 => CallErrorKind::Timeout,
            // NOT_CONTROLLER, PROTOCOL_ERROR_ACCESS_DENIED, PROTOCOL_ERROR_BUSY
            10 | 17 | 18 => CallErrorKind::Busy,
            _ => CallErrorKind::Other,
        }
    }
}

impl CallError {
    pub(super) fn other(message: impl Into<String>) -> CallError {
        CallError {
            message: message.into(),
            kind: CallErrorKind::Other,
        }
    }
}

/// Calls a function that reports a failure through its last argument.
pub(super) fn checked<T>(
    functions: &Functions,
    call: impl FnOnce(*mut *mut GError) -> T,
) -> Result<T, CallError> {
    let mut error: *mut GError = ptr::null_mut();
    let value = call(&raw mut error);
    if error.is_null() {
        return Ok(value);
    }
    // SAFETY: the function has stored an error, which is the caller's from then on: it is read, freed once, and
    // not used afterwards.
    let (message, domain, code) = unsafe {
        let GError {
            domain,
            code,
            message,
        } = *error;
        let message = text(message).unwrap_or_default();
        (functions.g_error_free)(error);
        (message, domain, code)
    };
    // SAFETY: it takes no arguments and returns a number.
    let of_devices = unsafe { (functions.arv_device_error_quark)() };
    let kind = match domain == of_devices {
        true => CallErrorKind::of_device(code),
        false => CallErrorKind::Other,
    };
    Err(CallError { message, kind })
}

/// A copy of a text of the library, cut to a bounded length; `None` where there is none.
///
/// # Safety
/// `text` is null, or points to bytes that end with a zero and stay unchanged during the call.
pub(super) unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let bytes = unsafe { CStr::from_ptr(text) };
    let text = bytes.to_string_lossy();
    Some(text.trim().chars().take(MAX_TEXT).collect())
}

/// A text for the library.
pub(super) fn c_text(text: &str) -> Result<CString, CallError> {
    CString::new(text).map_err(|_| CallError::other(format!("{text:?} has a zero in it")))
}

/// A reference to an object of GLib, given back when it is dropped.
pub(super) struct Object<T> {
    pointer: NonNull<T>,
    functions: &'static Functions,
}

impl<T> Object<T> {
    /// `None` for null.
    ///
    /// # Safety
    /// `pointer` is null, or an object of GLib of this type, and one reference to it is the caller's.
    pub(super) unsafe fn new(pointer: *mut T, functions: &'static Functions) -> Option<Object<T>> {
        NonNull::new(pointer).map(|pointer| Object { pointer, functions })
    }

    /// The object, which lives at least as long as `self`.
    pub(super) fn as_ptr(&self) -> *mut T {
        self.pointer.as_ptr()
    }

    pub(super) fn functions(&self) -> &'static Functions {
        self.functions
    }

    /// The object with its reference, which is the caller's now.
    pub(super) fn into_ptr(self) -> *mut T {
        let pointer = self.as_ptr();
        std::mem::forget(self);
        pointer
    }
}

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        // SAFETY: the reference is this value's, which ends here.
        unsafe { (self.functions.g_object_unref)(self.pointer.as_ptr().cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_copied_and_bounded() {
        let long = CString::new("x".repeat(5000)).unwrap();
        // SAFETY: null, or texts that live through the call.
        let (none, long, odd) = unsafe {
            (
                text(ptr::null()),
                text(long.as_ptr()),
                text(c" \xffa ".as_ptr()),
            )
        };
        assert_eq!(none, None);
        assert_eq!(long.unwrap().len(), MAX_TEXT);
        assert_eq!(odd.unwrap(), "\u{fffd}a");
        assert!(c_text("a\0b").is_err());
    }

    #[test]
    fn a_camera_that_another_program_controls_is_told_from_one_that_is_silent() {
        assert_eq!(CallErrorKind::of_device(10), CallErrorKind::Busy);
        assert_eq!(CallErrorKind::of_device(5), CallErrorKind::Timeout);
        assert_eq!(CallErrorKind::of_device(6), CallErrorKind::NotFound);
        assert_eq!(CallErrorKind::of_device(0), CallErrorKind::Other);
    }
}
