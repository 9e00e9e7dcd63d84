//! Environment variables: some options of the native libraries can be set in no other way.

use std::ffi::OsStr;

/// Sets a variable if that is sound: only in a process that has a single thread, or on a platform that
/// allows it from any. Returns whether it was set.
pub(crate) fn set(name: &str, value: impl AsRef<OsStr>) -> bool {
    if !is_single_threaded() {
        return false;
    }
    // SAFETY: no other thread exists that could read the environment meanwhile (or the
    // platform allows it from any thread, as Windows does).
    #[allow(unsafe_code)]
    unsafe {
        std::env::set_var(name, value);
    }
    true
}

fn is_single_threaded() -> bool {
    if cfg!(windows) {
        return true;
    }
    // Linux lists a process's threads; on other systems the folder is missing, which counts as several.
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}
