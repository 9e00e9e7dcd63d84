//! A stream that is offered to Lab Streaming Layer's network.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::ptr::NonNull;

use super::library::{Functions, functions};

/// Seconds of samples that are kept for a consumer that is slow.
const MAX_BUFFERED_S: c_int = 10;

/// `cft_double64` and `cft_string` of `lsl_channel_format_t`.
const DOUBLES: c_int = 2;
const STRINGS: c_int = 3;

/// A stream of samples. Consumers may come and go; nothing waits for them.
pub(super) struct Outlet {
    functions: &'static Functions,
    outlet: NonNull<c_void>,
    channels: usize,
}

// SAFETY: "outlets are thread-safe" (liblsl's documentation); the pointer is used by one thread at a time.
unsafe impl Send for Outlet {}

/// What a stream is.
pub(super) struct OutletInfo<'a> {
    pub(super) name: &'a str,
    /// As consumers look for it: `Pose`, `Markers`.
    pub(super) kind: &'a str,
    /// Labels and units of the channels.
    pub(super) channels: &'a [(String, &'static str)],
    pub(super) has_texts: bool,
}

impl Outlet {
    pub(super) fn open(info: &OutletInfo<'_>) -> io::Result<Self> {
        let functions = functions()?;
        let count = c_int::try_from(info.channels.len()).map_err(io::Error::other)?;
        let (name, kind) = (text(info.name), text(info.kind));
        let source = text(&format!("sleap-stream {} {}", info.kind, info.name));
        let format = if info.has_texts { STRINGS } else { DOUBLES };
        // SAFETY: the texts end with a zero byte and live until the call returns. A rate of 0 is an irregular one.
        let stream = unsafe {
            (functions.lsl_create_streaminfo)(
                name.as_ptr(),
                kind.as_ptr(),
                count,
                0.0,
                format,
                source.as_ptr(),
            )
        };
        if stream.is_null() {
            return Err(io::Error::other("liblsl makes no stream of this name"));
        }
        describe(functions, stream, info.channels);
        // SAFETY: `stream` is a stream that exists, and is not used after it was destroyed.
        let outlet = unsafe {
            let outlet = (functions.lsl_create_outlet)(stream, 0, MAX_BUFFERED_S);
            (functions.lsl_destroy_streaminfo)(stream);
            outlet
        };
        let outlet = NonNull::new(outlet);
        Ok(Self {
            functions,
            outlet: outlet.ok_or_else(|| io::Error::other("liblsl opens no outlet"))?,
            channels: info.channels.len(),
        })
    }

    /// Now, by the clock of samples, seconds.
    pub(super) fn clock(&self) -> f64 {
        // SAFETY: the function has no conditions.
        unsafe { (self.functions.lsl_local_clock)() }
    }

    /// Offers a sample of numbers.
    pub(super) fn push_numbers(&mut self, values: &[f64], time: f64) -> io::Result<()> {
        if values.len() != self.channels {
            return Err(io::Error::other("a sample that does not fit the stream"));
        }
        // SAFETY: the outlet exists, and reads as many numbers as it has channels.
        let code = unsafe {
            (self.functions.lsl_push_sample_dt)(self.outlet.as_ptr(), values.as_ptr(), time)
        };
        check(code)
    }

    /// Offers a sample of one text.
    pub(super) fn push_text(&mut self, value: &str, time: f64) -> io::Result<()> {
        if self.channels != 1 {
            return Err(io::Error::other("a sample that does not fit the stream"));
        }
        let value = text(value);
        let values: [*const c_char; 1] = [value.as_ptr()];
        // SAFETY: the outlet exists and has one channel; the text lives until the call returns.
        let code = unsafe {
            (self.functions.lsl_push_sample_strt)(self.outlet.as_ptr(), values.as_ptr(), time)
        };
        check(code)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        // SAFETY: the outlet exists, and is not used any more.
        unsafe { (self.functions.lsl_destroy_outlet)(self.outlet.as_ptr()) }
    }
}

/// Names the channels, as the XDF specification has it.
fn describe(functions: &Functions, stream: *mut c_void, channels: &[(String, &'static str)]) {
    let [list, entry, label, unit] = ["channels", "channel", "label", "unit"].map(text);
    // SAFETY: `stream` exists; the elements belong to it and live as long; texts are copied.
    unsafe {
        let list = (functions.lsl_append_child)((functions.lsl_get_desc)(stream), list.as_ptr());
        for (name, of) in channels {
            let channel = (functions.lsl_append_child)(list, entry.as_ptr());
            let (name, of) = (text(name), text(of));
            (functions.lsl_append_child_value)(channel, label.as_ptr(), name.as_ptr());
            (functions.lsl_append_child_value)(channel, unit.as_ptr(), of.as_ptr());
        }
    }
}

fn check(code: c_int) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::other(format!("liblsl reports error {code}"))),
    }
}

/// A text for C: what stands before a zero byte.
fn text(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}
