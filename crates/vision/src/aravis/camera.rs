//! An open camera.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::devices;
use super::library::{ArvCamera, ArvDevice, Functions, functions};
use super::object::{CallError, Object, c_text, checked};
use super::stream::Stream;

/// The most bytes of one frame: 100 megapixels of 16 bits.
const MAX_PAYLOAD: usize = 256 << 20;

/// `ARV_GV_STREAM_OPTION_PACKET_SOCKET_DISABLED` of `arvgvstream.h`.
const NO_PACKET_SOCKET: c_int = 1;

/// Calls a function with the camera, further arguments, and the place for an error.
macro_rules! call {
    ($camera:expr, $name:ident $(, $argument:expr)*) => {{
        let (functions, camera) = ($camera.functions(), $camera.object.as_ptr());
        // SAFETY: the object is a camera, and all that the arguments point to lives through the call.
        checked(functions, |error| unsafe { (functions.$name)(camera $(, $argument)*, error) })
    }};
}

/// A camera. Its thread is the one that opened it.
pub(crate) struct Camera {
    object: Object<ArvCamera>,
    /// Set by the library when the camera is gone, or another program has taken it.
    is_lost: Arc<AtomicBool>,
}

impl Camera {
    /// Opens a camera by its id, or, in a network, by its address.
    pub(crate) fn open(id: &str) -> Result<Camera, CallError> {
        let functions = functions().map_err(|missing| CallError::other(missing.to_string()))?;
        let name = c_text(id)?;
        let _list_stays = devices::lock();
        // SAFETY: the text lives through the call; the new reference is the caller's.
        let object = unsafe {
            let camera = checked(functions, |error| {
                (functions.arv_camera_new)(name.as_ptr(), error)
            })?;
            Object::new(camera, functions)
        };
        let object = object.ok_or_else(|| CallError::other("the library did not open it"))?;
        let camera = Camera {
            object,
            is_lost: Arc::default(),
        };
        camera.watch()?;
        Ok(camera)
    }

    /// Lets the library report that the camera is gone.
    fn watch(&self) -> Result<(), CallError> {
        let device = self.device();
        if device.is_null() {
            return Err(CallError::other("the library gave no device"));
        }
        let data = Arc::into_raw(Arc::clone(&self.is_lost)).cast_mut();
        // SAFETY: devices have this signal, whose handlers have these arguments; the reference in `data` is
        // released by `forget_lost` when the device, and with it the handler, ends.
        unsafe {
            (self.functions().g_signal_connect_data)(
                device.cast(),
                c"control-lost".as_ptr(),
                on_lost,
                data.cast(),
                forget_lost,
                0,
            );
        }
        Ok(())
    }

    /// The library has lost the camera.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Whether the camera still answers. One that does not is taken for lost.
    pub(crate) fn answers(&self) -> bool {
        let answers = !self.is_lost() && self.integer("Width").is_ok();
        if !answers {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        answers
    }

    /// Makes the stream for frames as the camera is set now. `newest`: of several frames that wait, only the newest
    /// one is kept.
    pub(crate) fn stream(&self, newest: bool) -> Result<Stream, CallError> {
        let capacity = call!(self, arv_camera_get_payload)? as usize;
        if capacity == 0 || capacity > MAX_PAYLOAD {
            return Err(CallError::other(format!(
                "it announces frames of {capacity} bytes; at most {MAX_PAYLOAD} are taken"
            )));
        }
        let is_gige = self.is_gige();
        if is_gige {
            // Packets come through an ordinary socket: the other kind, which needs special rights, holds them back
            // for up to 5 ms.
            // SAFETY: the object is a camera of GigE Vision.
            unsafe {
                (self.functions().arv_camera_gv_set_stream_options)(
                    self.object.as_ptr(),
                    NO_PACKET_SOCKET,
                );
            }
        }
        Stream::new(&self.object, is_gige, capacity, newest)
    }

    /// Begins to send frames.
    pub(crate) fn start(&self) -> Result<(), CallError> {
        call!(self, arv_camera_start_acquisition)
    }

    /// Sends no more frames.
    pub(crate) fn stop(&self) -> Result<(), CallError> {
        call!(self, arv_camera_stop_acquisition)
    }

    /// The number of the pixel format (PFNC).
    pub(crate) fn pixel_format(&self) -> Result<u32, CallError> {
        call!(self, arv_camera_get_pixel_format)
    }

    /// Frames per second that are set; `None` where the camera has no such setting.
    pub(crate) fn frame_rate(&self) -> Result<Option<f64>, CallError> {
        match call!(self, arv_camera_is_frame_rate_available)? {
            0 => Ok(None),
            _ => call!(self, arv_camera_get_frame_rate).map(Some),
        }
    }

    /// The least and the most frames per second that can be set.
    pub(crate) fn frame_rate_bounds(&self) -> Result<(f64, f64), CallError> {
        let (mut least, mut most) = (0.0, 0.0);
        call!(
            self,
            arv_camera_get_frame_rate_bounds,
            &raw mut least,
            &raw mut most
        )?;
        Ok((least, most))
    }

    /// Sets the frames per second, within the camera's bounds. It switches triggers off.
    pub(crate) fn set_frame_rate(&self, rate: f64) -> Result<(), CallError> {
        call!(self, arv_camera_set_frame_rate, rate)
    }

    /// A frame is taken for each signal of this source, on its rising edge, and no other.
    pub(crate) fn set_trigger(&self, source: &str) -> Result<(), CallError> {
        let source = c_text(source)?;
        call!(self, arv_camera_set_trigger, source.as_ptr())
    }

    /// Frames are taken without triggers.
    pub(crate) fn clear_triggers(&self) -> Result<(), CallError> {
        call!(self, arv_camera_clear_triggers)
    }

    /// Triggers a frame.
    pub(crate) fn trigger(&self) -> Result<(), CallError> {
        call!(self, arv_camera_software_trigger)
    }

    /// Whether it is a camera in the network.
    pub(crate) fn is_gige(&self) -> bool {
        // SAFETY: the object is a camera.
        unsafe { (self.functions().arv_camera_is_gv_device)(self.object.as_ptr()) != 0 }
    }

    /// Whether this program may set it and stream from it.
    pub(crate) fn is_controlled(&self) -> bool {
        // SAFETY: the device of a camera of GigE Vision is one of GigE Vision.
        !self.is_gige()
            || unsafe { (self.functions().arv_gv_device_is_controller)(self.device()) != 0 }
    }

    /// Finds the largest packets that reach this machine, and sets them. Returns their bytes.
    pub(crate) fn fit_packets(&self) -> Result<u32, CallError> {
        call!(self, arv_camera_gv_auto_packet_size)
    }

    /// Bytes of a packet.
    pub(crate) fn packet_size(&self) -> Result<u32, CallError> {
        call!(self, arv_camera_gv_get_packet_size)
    }

    /// The device of the camera, which lives as long as it does.
    pub(super) fn device(&self) -> *mut ArvDevice {
        // SAFETY: the object is a camera.
        unsafe { (self.functions().arv_camera_get_device)(self.object.as_ptr()) }
    }

    pub(super) fn functions(&self) -> &'static Functions {
        self.object.functions()
    }
}

/// Called on a thread of the library.
unsafe extern "C" fn on_lost(_: *mut ArvDevice, data: *mut c_void) {
    // SAFETY: `data` is a reference to a flag, which `forget_lost` has not released yet.
    let is_lost = unsafe { &*data.cast::<AtomicBool>() };
    is_lost.store(true, Ordering::Relaxed);
}

/// Called when the handler ends, after its last call.
unsafe extern "C" fn forget_lost(data: *mut c_void, _: *mut c_void) {
    // SAFETY: the reference was made by `Arc::into_raw`, and is released once.
    drop(unsafe { Arc::from_raw(data.cast::<AtomicBool>().cast_const()) });
}
