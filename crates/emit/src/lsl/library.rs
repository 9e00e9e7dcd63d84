//! The functions of liblsl that are used, looked up in the library when it is first needed.
//!
//! Each is declared as in the headers of liblsl 1.13 and newer (`lsl/streaminfo.h`, `lsl/outlet.h`, `lsl/common.h`,
//! `lsl/xml.h`).
#![allow(unsafe_code)]

use std::ffi::{OsString, c_char, c_double, c_int, c_void};
use std::io;
use std::sync::OnceLock;

use libloading::Library;

/// The variable that names the library, which pylsl reads too.
const VARIABLE: &str = "PYLSL_LIB";

/// The names under which the library is looked for.
#[cfg(not(target_os = "macos"))]
const NAMES: [&str; 2] = ["liblsl.so.2", "liblsl.so"];
#[cfg(target_os = "macos")]
const NAMES: [&str; 2] = ["liblsl.2.dylib", "/opt/homebrew/lib/liblsl.dylib"];

/// Declares the functions and how they are found.
macro_rules! functions {
    ($(fn $name:ident($($kind:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, by their names.
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($kind),*) $(-> $result)?,)*
        }

        impl Functions {
            fn find(library: &Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    // SAFETY: the types are those of the headers, for all versions of the library that have
                    // this name; the functions stay valid because the library is never unloaded.
                    $($name: unsafe { *library.get(concat!(stringify!($name), "\0").as_bytes())? },)*
                })
            }
        }
    };
}

functions! {
    // Name, type, channels, rate, format, source.
    fn lsl_create_streaminfo(*const c_char, *const c_char, c_int, c_double, c_int, *const c_char) -> *mut c_void;
    fn lsl_destroy_streaminfo(*mut c_void);
    fn lsl_get_desc(*mut c_void) -> *mut c_void;
    fn lsl_append_child(*mut c_void, *const c_char) -> *mut c_void;
    fn lsl_append_child_value(*mut c_void, *const c_char, *const c_char) -> *mut c_void;
    // Description, samples in a chunk, seconds that are kept.
    fn lsl_create_outlet(*mut c_void, c_int, c_int) -> *mut c_void;
    fn lsl_destroy_outlet(*mut c_void);
    fn lsl_push_sample_dt(*mut c_void, *const c_double, c_double) -> c_int;
    fn lsl_push_sample_strt(*mut c_void, *const *const c_char, c_double) -> c_int;
    fn lsl_local_clock() -> c_double;
}

/// The functions. Once found, they are kept.
pub(super) fn functions() -> io::Result<&'static Functions> {
    static FOUND: OnceLock<Result<Functions, String>> = OnceLock::new();
    FOUND.get_or_init(open).as_ref().map_err(|reason| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "liblsl, the library of Lab Streaming Layer, cannot be used here ({reason}): install it from \
                 github.com/sccn/liblsl, or name its file in {VARIABLE} (pylsl brings one: pylsl/lib/liblsl.so)"
            ),
        )
    })
}

fn open() -> Result<Functions, String> {
    let named = std::env::var_os(VARIABLE);
    let names = named.into_iter().chain(NAMES.map(OsString::from));
    let mut reason = String::new();
    for name in names {
        // SAFETY: the code that runs while liblsl is loaded only prepares the library itself.
        match unsafe { Library::new(&name) } {
            Ok(library) => {
                // It is never unloaded: its threads may still run.
                let library: &'static Library = Box::leak(Box::new(library));
                return Functions::find(library).map_err(|error| error.to_string());
            }
            Err(error) => reason = error.to_string(),
        }
    }
    Err(reason)
}
