//! The cameras that can be found.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_uint};
use std::sync::{Mutex, MutexGuard};

use super::library::{AravisMissing, functions};
use super::object::text;

/// The most cameras of one list.
const MAX_DEVICES: c_uint = 256;

/// The library's list of cameras is one for the whole process: an update replaces its texts.
static LIST: Mutex<()> = Mutex::new(());

/// A camera as it announces itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Device {
    /// Opens it.
    pub(crate) id: String,
    /// The address of its hardware, or of its socket.
    pub(crate) hardware: String,
    /// Its address in the network.
    pub(crate) address: String,
    pub(crate) vendor: String,
    pub(crate) model: String,
    pub(crate) serial: String,
    /// `GigEVision`, `USB3Vision`.
    pub(crate) protocol: String,
}

/// The library's version.
pub(crate) fn version() -> Result<String, AravisMissing> {
    let functions = functions()?;
    // SAFETY: they take no arguments and return numbers.
    let (major, minor, micro) = unsafe {
        (
            (functions.arv_get_major_version)(),
            (functions.arv_get_minor_version)(),
            (functions.arv_get_micro_version)(),
        )
    };
    Ok(format!("{major}.{minor}.{micro}"))
}

/// Looks for cameras, which takes a second for those in the network.
pub(crate) fn list() -> Result<Vec<Device>, AravisMissing> {
    let functions = functions()?;
    let _one_at_a_time = lock();
    let of = |index: c_uint, get: unsafe extern "C" fn(c_uint) -> *const c_char| {
        // SAFETY: the functions take any number; under the lock no other thread of this program updates the list,
        // so that the text stays valid until it has been copied.
        unsafe { text(get(index)) }.unwrap_or_default()
    };
    // SAFETY: they take no arguments.
    let count = unsafe {
        (functions.arv_update_device_list)();
        (functions.arv_get_n_devices)().min(MAX_DEVICES)
    };
    let device = |index: c_uint| Device {
        id: of(index, functions.arv_get_device_id),
        hardware: of(index, functions.arv_get_device_physical_id),
        address: of(index, functions.arv_get_device_address),
        vendor: of(index, functions.arv_get_device_vendor),
        model: of(index, functions.arv_get_device_model),
        serial: of(index, functions.arv_get_device_serial_nbr),
        protocol: of(index, functions.arv_get_device_protocol),
    };
    let mut devices: Vec<Device> = (0..count).map(device).collect();
    devices.retain(|device| !device.id.is_empty());
    devices.sort_by(|one, other| one.id.cmp(&other.id));
    devices.dedup();
    Ok(devices)
}

/// Adds the library's camera without hardware to the list, for tests.
pub(crate) fn enable_fake() -> Result<(), AravisMissing> {
    let functions = functions()?;
    let _one_at_a_time = lock();
    // SAFETY: the text ends with a zero and is only read during the call.
    unsafe { (functions.arv_enable_interface)(c"Fake".as_ptr()) };
    Ok(())
}

/// While it is held, no thread of this program changes the list.
pub(super) fn lock() -> MutexGuard<'static, ()> {
    LIST.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
