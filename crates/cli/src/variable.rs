//! Environment variables that are not options.
//!
//! A variable that is set and cannot be read is an error: without its value the program would do something
//! else than the user asked for.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, anyhow};

/// A variable that has a value, as a text.
///
/// # Errors
/// It is not UTF-8.
pub(crate) fn text(name: &str) -> Result<Option<String>> {
    text_of(name, raw(name)).map_err(|message| anyhow!(message))
}

/// A variable that has a value, as a path: in any encoding.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    raw(name).map(PathBuf::from)
}

fn raw(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The value of a variable as a text. It is not repeated in the error: it may be a secret.
pub(crate) fn text_of(name: &str, value: Option<OsString>) -> Result<Option<String>, String> {
    let text = value.map(OsString::into_string).transpose();
    text.map_err(|_| format!("{name} is not UTF-8: set it again, or unset it"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_value_that_is_no_text_is_an_error_that_names_the_variable_alone() {
        let value = OsString::from_vec(b"hunter2\xff".to_vec());
        let error = text_of("SLEAP_X", Some(value)).unwrap_err();
        assert!(
            error.contains("SLEAP_X is not UTF-8") && !error.contains("hunter2"),
            "{error}"
        );
        assert_eq!(
            text_of("SLEAP_X", Some("a".into())),
            Ok(Some("a".to_owned()))
        );
        assert_eq!(text_of("SLEAP_X", None), Ok(None));
    }
}
