//! Standard input and named pipes: videos that another program writes while they are read.

use std::fs::File;

use super::OpenError;

/// How standard input is spelled as a source.
pub(super) const STANDARD_INPUT: &str = "-";

/// The pipe at `path`, which stands for standard input or is a named pipe; `None` for anything else.
///
/// It is opened here and never again: a second opening would find none of the bytes that were read.
///
/// # Errors
/// It cannot be opened.
#[cfg(unix)]
pub(super) fn open(path: &str) -> Result<Option<File>, OpenError> {
    use std::io::{self, IsTerminal};
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

    let is_pipe = |path: &str| {
        let metadata = std::fs::metadata(path);
        metadata.is_ok_and(|metadata| metadata.file_type().is_fifo())
    };
    let opened = match path {
        STANDARD_INPUT if io::stdin().is_terminal() => return Err(OpenError::Terminal),
        STANDARD_INPUT => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        _ if is_pipe(path) => {
            // Otherwise it would block here until a writer comes.
            let mut options = File::options();
            options.read(true).custom_flags(libc::O_NONBLOCK).open(path)
        }
        _ => return Ok(None),
    };
    let opened = opened.map_err(|source| OpenError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(opened))
}

#[cfg(not(unix))]
pub(super) fn open(_: &str) -> Result<Option<File>, OpenError> {
    Ok(None)
}
