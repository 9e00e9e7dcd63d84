//! Frames from arrays of NumPy.

use bytes::Bytes;
use numpy::{PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use vision::capture::FrameContent;
use vision::{DeepImage, Image};

use crate::errors::{ExceptionKind, raised};

/// How arrays are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArrayForm {
    /// Three channels are red, green, blue; otherwise blue, green, red, as OpenCV has them.
    pub(crate) rgb: bool,
    /// Bits of 16-bit samples that are used.
    pub(crate) bits: u8,
    /// The pixels are copied, so that the array may be written to at once.
    pub(crate) copy: bool,
}

/// An array that is a frame.
pub(crate) struct ArrayFrame {
    width: u32,
    height: u32,
    channels: u8,
    is_deep: bool,
    pixels: SharedPixels,
}

impl ArrayFrame {
    /// Looks at an array: height x width, height x width x 1 or height x width x 3 samples of 8 or 16 bits.
    /// Anything else that NumPy makes an array of is taken as well. An array whose rows are apart is copied.
    ///
    /// # Errors
    /// It has another shape or other samples.
    pub(crate) fn new(frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = as_array(frame)?;
        let untyped = array.cast::<PyUntypedArray>()?;
        let (height, width, channels) = shape(untyped)?;
        let array = match untyped.is_c_contiguous() {
            true => array,
            false => numpy_call("ascontiguousarray", &array)?,
        };
        let (pixels, is_deep) = if let Ok(samples) = array.cast::<PyArrayDyn<u8>>() {
            (SharedPixels::of(samples, 1), false)
        } else if let Ok(samples) = array.cast::<PyArrayDyn<u16>>() {
            (SharedPixels::of(samples, 2), true)
        } else {
            let dtype = array.getattr("dtype")?.str()?.to_string();
            return Err(wrong(
                &array,
                format!(
                    "a frame has samples of uint8 or uint16, not {dtype}: convert it, for example with \
                     frame.astype('uint8')"
                ),
            ));
        };
        Ok(Self {
            width,
            height,
            channels,
            is_deep,
            pixels,
        })
    }

    /// The frame for a stream.
    ///
    /// # Errors
    /// A side is zero or too long.
    pub(crate) fn content(self, py: Python<'_>, form: ArrayForm) -> PyResult<FrameContent> {
        let (size, channels, is_deep) = ((self.width, self.height), self.channels, self.is_deep);
        let data = py.detach(|| self.bytes(form));
        let format = |error: String| raised(py, ExceptionKind::Format, error);
        match is_deep {
            true => DeepImage::new(size, channels, form.bits, data)
                .map(FrameContent::Deep)
                .map_err(|error| format(error.to_string())),
            false => Image::new(size.0, size.1, channels, data)
                .map(FrameContent::Pixels)
                .map_err(|error| format(error.to_string())),
        }
    }

    /// The samples in the order of blue, green, red, those of 16 bits little-endian.
    fn bytes(self, form: ArrayForm) -> Bytes {
        let sample = 1 + usize::from(self.is_deep);
        let is_swapped = cfg!(target_endian = "big") && self.is_deep;
        let samples = self.pixels.as_ref();
        if form.rgb && self.channels == 3 {
            let pixels = samples.chunks_exact(3 * sample);
            let bgr = pixels.flat_map(|pixel| pixel.chunks_exact(sample).rev().flatten().copied());
            let bytes: Vec<u8> = bgr.collect();
            return Bytes::from(if is_swapped { swapped(&bytes) } else { bytes });
        }
        match (is_swapped, form.copy) {
            (true, _) => Bytes::from(swapped(samples)),
            (false, true) => Bytes::copy_from_slice(samples),
            (false, false) => Bytes::from_owner(self.pixels),
        }
    }
}

fn swapped(samples: &[u8]) -> Vec<u8> {
    let samples = samples.chunks_exact(2);
    samples.flat_map(|sample| [sample[1], sample[0]]).collect()
}

/// The array itself, or one that NumPy makes of the object.
fn as_array<'py>(frame: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if frame.cast::<PyUntypedArray>().is_ok() {
        return Ok(frame.clone());
    }
    let array = numpy_call("asarray", frame)?;
    match array.cast::<PyUntypedArray>() {
        Ok(_) => Ok(array),
        Err(_) => Err(wrong(frame, "a frame is an array of NumPy".to_owned())),
    }
}

fn numpy_call<'py>(name: &str, array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    array.py().import("numpy")?.call_method1(name, (array,))
}

/// Height, width and channels.
fn shape(array: &Bound<'_, PyUntypedArray>) -> PyResult<(u32, u32, u8)> {
    let found = match *array.shape() {
        [height, width] => Some((height, width, 1)),
        [height, width, 1] => Some((height, width, 1)),
        [height, width, 3] => Some((height, width, 3)),
        _ => None,
    };
    let side = |side: usize| u32::try_from(side).ok();
    let found =
        found.and_then(|(height, width, channels)| Some((side(height)?, side(width)?, channels)));
    found.ok_or_else(|| {
        let message = format!(
            "a frame has the shape (height, width), (height, width, 1) or (height, width, 3), not {:?}",
            array.shape()
        );
        wrong(array.as_any(), message)
    })
}

fn wrong(object: &Bound<'_, PyAny>, message: String) -> PyErr {
    raised(object.py(), ExceptionKind::Format, message)
}

/// The samples of an array, which lives as long as this does.
struct SharedPixels {
    start: *const u8,
    len: usize,
    /// Owns the samples. An array that is referred to is not resized by NumPy.
    _array: Py<PyAny>,
}

// SAFETY: the pointer is only read, and `_array` may be dropped on any thread.
#[allow(unsafe_code)]
unsafe impl Send for SharedPixels {}

// SAFETY: as above; nothing is changed through a reference.
#[allow(unsafe_code)]
unsafe impl Sync for SharedPixels {}

impl SharedPixels {
    /// `array` is contiguous and has samples of `sample` bytes.
    fn of<T: numpy::Element>(array: &Bound<'_, PyArrayDyn<T>>, sample: usize) -> Self {
        debug_assert!(array.is_c_contiguous());
        Self {
            start: array.data().cast_const().cast(),
            len: array.len() * sample,
            _array: array.clone().into_any().unbind(),
        }
    }
}

impl AsRef<[u8]> for SharedPixels {
    #[allow(unsafe_code)]
    fn as_ref(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: `start` is the first of `len` bytes of a contiguous array, which `_array` keeps. Python may write
        // to it meanwhile, as for every extension that reads an array without Python's lock; bytes have no
        // values that could be invalid.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

/// Pixels for a model, which takes 8 bits.
pub(crate) struct ModelFrame {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: u8,
    pub(crate) data: Bytes,
}

impl ModelFrame {
    /// Reads an array as [`ArrayFrame::new`] does. Samples of 16 bits lose the lower ones.
    ///
    /// # Errors
    /// It is no frame.
    pub(crate) fn new(frame: &Bound<'_, PyAny>, form: ArrayForm) -> PyResult<Self> {
        let content = ArrayFrame::new(frame)?.content(frame.py(), form)?;
        let image = frame.py().detach(|| content.brightness());
        let image = image.map_err(|error| wrong(frame, error.to_string()))?;
        Ok(Self {
            width: image.width,
            height: image.height,
            channels: image.channels,
            data: image.data,
        })
    }
}
