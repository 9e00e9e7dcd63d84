//! How a user names a camera of this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::diagnose::devices;
use crate::capture::error::present_text;

/// Why a text names no camera.
#[derive(Debug, thiserror::Error)]
pub enum NoCameraName {
    /// Neither a number nor a device file.
    #[error(
        "that is neither a camera's number nor its device file (/dev/video0, /dev/v4l/by-id/...). {}",
        present_text(present)
    )]
    Text {
        /// Cameras that the system lists.
        present: Vec<String>,
    },
    /// The device file cannot be found.
    #[error("{source}. {}", present_text(present))]
    Absent {
        /// The system's error.
        source: io::Error,
        /// Cameras that the system lists.
        present: Vec<String>,
    },
    /// It is there, and is no camera's device file.
    #[error("{device} is no camera's device file. {}", present_text(present))]
    Other {
        /// The file to which the text leads.
        device: String,
        /// Cameras that the system lists.
        present: Vec<String>,
    },
}

/// The number of a camera that is given by its number or, on Linux, by its device file: `/dev/video0`, or a link
/// to it that keeps its name, such as those in `/dev/v4l/by-id`.
pub fn camera_number(text: &str) -> Result<u32, NoCameraName> {
    number_behind(text, |path| fs::canonicalize(path))
}

fn number_behind(
    text: &str,
    follow: impl Fn(&str) -> io::Result<PathBuf>,
) -> Result<u32, NoCameraName> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    // Whether it is there is found out where it is opened, which has more to report.
    if let Some(number) = number_of_device(Path::new(text)) {
        return Ok(number);
    }
    let present = devices();
    if !text.contains('/') {
        return Err(NoCameraName::Text { present });
    }
    match follow(text) {
        Err(source) => Err(NoCameraName::Absent { source, present }),
        Ok(device) => number_of_device(&device).ok_or_else(|| NoCameraName::Other {
            device: device.display().to_string(),
            present,
        }),
    }
}

/// 2 of `/dev/video2`.
fn number_of_device(path: &Path) -> Option<u32> {
    let number = path.to_str()?.strip_prefix("/dev/video")?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_may_be_given_by_its_device_file() {
        for (text, number) in [("0", 0), ("12", 12), ("/dev/video7", 7)] {
            assert_eq!(camera_number(text).unwrap(), number);
        }
        let linked = number_behind("/dev/v4l/by-id/usb-rig", |_| Ok("/dev/video3".into()));
        assert_eq!(linked.unwrap(), 3);
        for (text, words) in [
            ("", "neither"),
            ("-1", "neither"),
            ("front", "neither"),
            ("/dev/video", "No such file"),
            ("/dev/video+1", "No such file"),
            ("/dev/null", "/dev/null is no camera's device file"),
            ("/dev/v4l/by-id/none", "No such file"),
        ] {
            let error = camera_number(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
