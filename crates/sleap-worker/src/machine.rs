//! The machine that the worker runs on.

use std::ffi::OsString;
#[cfg(unix)]
use std::os::unix::ffi::OsStringExt;

/// The machine's name as the system has it, `rig` or `rig.lab.edu`, in any case and encoding.
#[cfg(unix)]
pub(crate) fn name() -> Option<OsString> {
    let system = rustix::system::uname();
    Some(OsString::from_vec(system.nodename().to_bytes().to_vec()))
}

/// The machine's name as the system has it, `RIG`.
#[cfg(not(unix))]
pub(crate) fn name() -> Option<OsString> {
    std::env::var_os("COMPUTERNAME")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name() {
        assert!(name().is_some_and(|name| !name.is_empty()));
    }
}
