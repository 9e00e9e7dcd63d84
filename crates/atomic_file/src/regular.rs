//! Regular files alone: a pipe or a device where a file is expected could hold a program up for ever.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a regular file for reading, without waiting for the other end of a pipe.
///
/// # Errors
/// It cannot be opened, or is a folder, a pipe or a device.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = open_at_once(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other(
            "it is not a regular file (a folder, a pipe or a device)",
        )),
    }
}

/// The text of a regular file of at most so many bytes.
///
/// # Errors
/// It cannot be opened or read, is longer, or is no UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    text_of(&open_regular(path)?, max_bytes)
}

/// The text of an open file of at most so many bytes.
///
/// # Errors
/// It cannot be read, is longer, or is no UTF-8.
pub fn text_of(file: &File, max_bytes: u64) -> io::Result<String> {
    const MIB: u64 = 1 << 20;
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        let most = match max_bytes % MIB {
            0 => format!("{} MiB", max_bytes / MIB),
            _ => format!("{max_bytes} bytes"),
        };
        return Err(io::Error::other(format!("it is longer than {most}")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_length_that_is_allowed_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "four");
        let error = read_text(&path, 3).unwrap_err().to_string();
        assert_eq!(error, "it is longer than 3 bytes");
        std::fs::write(&path, [0xff]).unwrap();
        let error = read_text(&path, 4).unwrap_err().to_string();
        assert_eq!(error, "it is not UTF-8");
        let missing = read_text(&dir.path().join("missing"), 4).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn folders_pipes_and_devices_are_refused_at_once() {
        use rustix::fs::{CWD, Mode, mkfifoat};

        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for path in [dir.path(), &pipe, Path::new("/dev/zero")] {
            let error = open_regular(path).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
    }
}
