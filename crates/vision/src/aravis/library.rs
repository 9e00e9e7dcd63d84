//! The functions of Aravis and GLib that are used, looked up in the library when it is first needed.
//!
//! Each is declared as in the headers of Aravis 0.8 (`aravis-0.8/arv*.h`) and GLib 2. Those that came after
//! Aravis 0.8.20, the oldest version that is used here, are optional.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::OnceLock;

use libloading::Library;

/// The names under which the library is looked for.
#[cfg(not(target_os = "macos"))]
const NAMES: [&str; 1] = ["libaravis-0.8.so.0"];
#[cfg(target_os = "macos")]
const NAMES: [&str; 3] = [
    "libaravis-0.8.0.dylib",
    "/opt/homebrew/lib/libaravis-0.8.0.dylib",
    "/usr/local/lib/libaravis-0.8.0.dylib",
];

/// What to do where the library is not installed.
const INSTALL_ADVICE: &str = if cfg!(target_os = "macos") {
    "install it (`brew install aravis`)"
} else {
    "install it (`sudo apt install libaravis-0.8-0`)"
};

/// Why the library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AravisMissing {
    /// It is not installed.
    #[error("Aravis, the library for GenICam cameras, is not installed here: {INSTALL_ADVICE}")]
    NotInstalled,
    /// It is there, and has not all functions that are used.
    #[error(
        "the library Aravis of this machine has no function {0}: it has to be 0.8.20 or newer. Install another version"
    )]
    Unusable(String),
}

/// Objects of Aravis and GLib, of which only addresses are used.
macro_rules! opaque {
    ($($name:ident)*) => {
        $(
            #[repr(C)]
            pub(super) struct $name {
                _opaque: [u8; 0],
            }
        )*
    };
}

opaque! { ArvCamera ArvDevice ArvStream ArvBuffer ArvGcNode }

/// `struct _GError` of `glib/gerror.h`.
#[repr(C)]
pub(super) struct GError {
    pub(super) domain: u32,
    pub(super) code: c_int,
    pub(super) message: *const c_char,
}

/// `struct _GSList` of `glib/gslist.h`.
#[repr(C)]
pub(super) struct GSList {
    pub(super) data: *const c_void,
    pub(super) next: *const GSList,
}

/// `ArvStreamCallback` of `arvstream.h`.
pub(super) type StreamCallback = unsafe extern "C" fn(*mut c_void, c_int, *mut ArvBuffer);

/// A handler of the signal `control-lost`, which has no arguments beside the device and the data.
pub(super) type LostHandler = unsafe extern "C" fn(*mut ArvDevice, *mut c_void);

/// `GClosureNotify` of `gobject/gclosure.h`.
pub(super) type ClosureNotify = unsafe extern "C" fn(*mut c_void, *mut c_void);

/// Declares the functions and how they are found.
macro_rules! functions {
    (
        required { $(fn $name:ident($($kind:ty),*) $(-> $result:ty)?;)* }
        optional { $(fn $late:ident($($late_kind:ty),*) $(-> $late_result:ty)?;)* }
    ) => {
        /// The functions, by their names.
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($kind),*) $(-> $result)?,)*
            $(pub(super) $late: Option<unsafe extern "C" fn($($late_kind),*) $(-> $late_result)?>,)*
            /// Sets properties; the list of names and values ends with a null pointer.
            pub(super) g_object_set: unsafe extern "C" fn(*mut c_void, *const c_char, ...),
        }

        impl Functions {
            /// An error names the function that is not there.
            fn find(library: &Library) -> Result<Functions, &'static str> {
                Ok(Functions {
                    // SAFETY: the types are those of the headers, for all versions of the library that have
                    // this name; the functions stay valid because the library is never unloaded. GLib is found
                    // through the library, which is linked against it.
                    $($name: unsafe { found(library, stringify!($name)) }.ok_or(stringify!($name))?,)*
                    // SAFETY: as above.
                    $($late: unsafe { found(library, stringify!($late)) },)*
                    // SAFETY: as above.
                    g_object_set: unsafe { found(library, "g_object_set") }.ok_or("g_object_set")?,
                })
            }
        }
    };
}

functions! {
    required {
        fn g_object_unref(*mut c_void);
        fn g_error_free(*mut GError);
        fn g_free(*mut c_void);
        fn g_type_check_instance_is_a(*mut c_void, usize) -> c_int;
        fn g_signal_connect_data(
            *mut c_void, *const c_char, LostHandler, *mut c_void, ClosureNotify, c_int
        ) -> c_ulong;

        fn arv_get_major_version() -> c_uint;
        fn arv_get_minor_version() -> c_uint;
        fn arv_get_micro_version() -> c_uint;
        fn arv_enable_interface(*const c_char);
        fn arv_update_device_list();
        fn arv_get_n_devices() -> c_uint;
        fn arv_get_device_id(c_uint) -> *const c_char;
        fn arv_get_device_physical_id(c_uint) -> *const c_char;
        fn arv_get_device_address(c_uint) -> *const c_char;
        fn arv_get_device_vendor(c_uint) -> *const c_char;
        fn arv_get_device_model(c_uint) -> *const c_char;
        fn arv_get_device_serial_nbr(c_uint) -> *const c_char;
        fn arv_get_device_protocol(c_uint) -> *const c_char;
        fn arv_device_error_quark() -> u32;

        fn arv_camera_new(*const c_char, *mut *mut GError) -> *mut ArvCamera;
        fn arv_camera_get_device(*mut ArvCamera) -> *mut ArvDevice;
        fn arv_camera_create_stream(
            *mut ArvCamera, StreamCallback, *mut c_void, *mut *mut GError
        ) -> *mut ArvStream;
        fn arv_camera_start_acquisition(*mut ArvCamera, *mut *mut GError);
        fn arv_camera_stop_acquisition(*mut ArvCamera, *mut *mut GError);
        fn arv_camera_get_payload(*mut ArvCamera, *mut *mut GError) -> c_uint;
        fn arv_camera_get_pixel_format(*mut ArvCamera, *mut *mut GError) -> u32;
        fn arv_camera_is_frame_rate_available(*mut ArvCamera, *mut *mut GError) -> c_int;
        fn arv_camera_set_frame_rate(*mut ArvCamera, f64, *mut *mut GError);
        fn arv_camera_get_frame_rate(*mut ArvCamera, *mut *mut GError) -> f64;
        fn arv_camera_get_frame_rate_bounds(*mut ArvCamera, *mut f64, *mut f64, *mut *mut GError);
        fn arv_camera_set_trigger(*mut ArvCamera, *const c_char, *mut *mut GError);
        fn arv_camera_clear_triggers(*mut ArvCamera, *mut *mut GError);
        fn arv_camera_software_trigger(*mut ArvCamera, *mut *mut GError);
        fn arv_camera_is_gv_device(*mut ArvCamera) -> c_int;
        fn arv_camera_gv_auto_packet_size(*mut ArvCamera, *mut *mut GError) -> c_uint;
        fn arv_camera_gv_get_packet_size(*mut ArvCamera, *mut *mut GError) -> c_uint;
        fn arv_gv_device_is_controller(*mut ArvDevice) -> c_int;
        fn arv_camera_gv_set_stream_options(*mut ArvCamera, c_int);

        fn arv_device_get_feature(*mut ArvDevice, *const c_char) -> *mut ArvGcNode;
        fn arv_device_is_feature_available(*mut ArvDevice, *const c_char, *mut *mut GError) -> c_int;
        fn arv_device_execute_command(*mut ArvDevice, *const c_char, *mut *mut GError);
        fn arv_device_get_boolean_feature_value(*mut ArvDevice, *const c_char, *mut *mut GError) -> c_int;
        fn arv_device_set_boolean_feature_value(*mut ArvDevice, *const c_char, c_int, *mut *mut GError);
        fn arv_device_get_string_feature_value(
            *mut ArvDevice, *const c_char, *mut *mut GError
        ) -> *const c_char;
        fn arv_device_set_string_feature_value(
            *mut ArvDevice, *const c_char, *const c_char, *mut *mut GError
        );
        fn arv_device_get_integer_feature_value(*mut ArvDevice, *const c_char, *mut *mut GError) -> i64;
        fn arv_device_set_integer_feature_value(*mut ArvDevice, *const c_char, i64, *mut *mut GError);
        fn arv_device_get_integer_feature_bounds(
            *mut ArvDevice, *const c_char, *mut i64, *mut i64, *mut *mut GError
        );
        fn arv_device_get_integer_feature_increment(
            *mut ArvDevice, *const c_char, *mut *mut GError
        ) -> i64;
        fn arv_device_get_float_feature_value(*mut ArvDevice, *const c_char, *mut *mut GError) -> f64;
        fn arv_device_set_float_feature_value(*mut ArvDevice, *const c_char, f64, *mut *mut GError);
        fn arv_device_get_float_feature_bounds(
            *mut ArvDevice, *const c_char, *mut f64, *mut f64, *mut *mut GError
        );
        fn arv_device_dup_available_enumeration_feature_values_as_strings(
            *mut ArvDevice, *const c_char, *mut c_uint, *mut *mut GError
        ) -> *mut *const c_char;
        fn arv_gc_feature_node_get_actual_access_mode(*mut ArvGcNode) -> c_int;
        fn arv_gc_category_get_features(*mut ArvGcNode) -> *const GSList;
        fn arv_gc_feature_node_get_type() -> usize;
        fn arv_gc_category_get_type() -> usize;
        fn arv_gc_command_get_type() -> usize;
        fn arv_gc_enumeration_get_type() -> usize;
        fn arv_gc_boolean_get_type() -> usize;
        fn arv_gc_integer_get_type() -> usize;
        fn arv_gc_float_get_type() -> usize;
        fn arv_gc_string_get_type() -> usize;

        fn arv_stream_push_buffer(*mut ArvStream, *mut ArvBuffer);
        fn arv_stream_try_pop_buffer(*mut ArvStream) -> *mut ArvBuffer;
        fn arv_buffer_new_allocate(usize) -> *mut ArvBuffer;
        fn arv_buffer_get_status(*mut ArvBuffer) -> c_int;
        fn arv_buffer_get_payload_type(*mut ArvBuffer) -> c_int;
        fn arv_buffer_get_data(*mut ArvBuffer, *mut usize) -> *mut u8;
        fn arv_buffer_get_frame_id(*mut ArvBuffer) -> u64;
        fn arv_buffer_get_timestamp(*mut ArvBuffer) -> u64;
        fn arv_buffer_get_system_timestamp(*mut ArvBuffer) -> u64;
        fn arv_buffer_get_image_pixel_format(*mut ArvBuffer) -> u32;
        fn arv_buffer_get_image_width(*mut ArvBuffer) -> c_int;
        fn arv_buffer_get_image_height(*mut ArvBuffer) -> c_int;
    }
    optional {
        fn arv_buffer_get_image_padding(*mut ArvBuffer, *mut c_int, *mut c_int);
    }
}

/// # Safety
/// `T` is the type of the function with this name.
unsafe fn found<T: Copy>(library: &Library, name: &str) -> Option<T> {
    // SAFETY: as the caller promises.
    unsafe { library.get::<T>(name) }
        .ok()
        .map(|function| *function)
}

static FUNCTIONS: OnceLock<Result<Functions, AravisMissing>> = OnceLock::new();

/// The functions of the library, which is loaded by the first call and stays.
pub(super) fn functions() -> Result<&'static Functions, AravisMissing> {
    let found = FUNCTIONS.get_or_init(|| load(&NAMES));
    found.as_ref().map_err(Clone::clone)
}

fn load(names: &[&str]) -> Result<Functions, AravisMissing> {
    let open = |name: &&str| {
        // SAFETY: loading the library runs the initialisers of Aravis, GLib and libusb, which any program may
        // run at any time, from any thread.
        unsafe { Library::new(*name) }.ok()
    };
    let library = names
        .iter()
        .find_map(open)
        .ok_or(AravisMissing::NotInstalled)?;
    let functions = Functions::find(&library);
    let functions = functions.map_err(|name| AravisMissing::Unusable(name.to_owned()))?;
    // Its threads and GLib's registered types refer to its code for as long as the process lives.
    std::mem::forget(library);
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_says_what_to_install() {
        let missing = load(&["libaravis-nowhere.so.0"]).err().unwrap();
        assert_eq!(missing, AravisMissing::NotInstalled);
        let words = missing.to_string();
        assert!(
            words.contains("not installed") && words.contains("install it ("),
            "{words}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_library_without_the_functions_is_named_as_unusable() {
        let missing = load(&["libc.so.6"]).err().unwrap();
        let words = missing.to_string();
        assert!(
            words.contains("0.8.20") && words.contains("no function g_object_unref"),
            "{words}"
        );
    }
}
