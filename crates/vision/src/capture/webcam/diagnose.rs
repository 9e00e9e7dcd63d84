//! Why a camera does not open, or opens and delivers nothing.

use std::fs;
use std::io;

use crate::capture::OpenError;
use crate::capture::reader::ReadFault;
use crate::capture::retry::FailedAttempt;

/// Why a camera that opens has no first frame.
pub(super) fn no_first_frame(fault: ReadFault, index: u32, attempts: u32) -> OpenError {
    let name = format!("webcam {index}");
    match fault {
        ReadFault::Undecodable
        | ReadFault::Silent
        | ReadFault::GenICam(_)
        | ReadFault::ImageFile { .. } => OpenError::WebcamSilent { index, attempts },
        ReadFault::Ffmpeg(reason) | ReadFault::Broken(reason) => OpenError::WebcamDriver {
            index,
            source: io::Error::other(reason),
        },
        ReadFault::Image(source) => OpenError::Image { name, source },
    }
}

/// Why a camera does not open; `error`: what opening its device file gave, where there is one.
pub(super) fn not_opened(index: u32, error: Option<io::Error>) -> FailedAttempt<OpenError> {
    match diagnose(index, &devices(), error) {
        // Another program may be about to close it.
        busy @ OpenError::WebcamUnusable { .. } => FailedAttempt::Again(busy),
        other => FailedAttempt::Final(other),
    }
}

/// Why a camera that is open does not begin.
#[cfg(target_os = "linux")]
pub(super) fn device_error(index: u32, error: io::Error) -> FailedAttempt<OpenError> {
    match error.kind() {
        // Another program streams from it, or it is gone.
        io::ErrorKind::ResourceBusy => not_opened(index, Some(error)),
        _ if error.raw_os_error() == Some(libc::ENODEV) => not_opened(index, Some(error)),
        _ => FailedAttempt::Again(OpenError::WebcamDriver {
            index,
            source: error,
        }),
    }
}

fn diagnose(index: u32, devices: &[String], error: Option<io::Error>) -> OpenError {
    let present = devices.to_vec();
    match error.map(|error| error.kind()) {
        Some(io::ErrorKind::NotFound) => OpenError::NoSuchWebcam { index, present },
        Some(io::ErrorKind::PermissionDenied) => OpenError::WebcamPermission {
            device: format!("/dev/video{index}"),
        },
        None if i32::try_from(index).is_err() => OpenError::NoSuchWebcam { index, present },
        _ => OpenError::WebcamUnusable { index, present },
    }
}

/// The camera devices that the system lists, by number.
pub(super) fn devices() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/dev") else {
        return Vec::new();
    };
    let number = |name: &str| name.strip_prefix("video")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| number(&entry.ok()?.file_name().to_string_lossy()))
        .collect();
    numbers.sort_unstable();
    numbers.iter().map(|n| format!("/dev/video{n}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_does_not_open_is_diagnosed() {
        let devices = vec!["/dev/video2".to_owned()];
        let of = |error| diagnose(0, &devices, error);
        let refused = |kind: io::ErrorKind| Some(io::Error::from(kind));
        let absent = of(refused(io::ErrorKind::NotFound));
        assert!(matches!(absent, OpenError::NoSuchWebcam { .. }));
        assert!(absent.to_string().contains("/dev/video2"));
        let forbidden = of(refused(io::ErrorKind::PermissionDenied));
        let words = forbidden.to_string();
        assert!(words.contains("/dev/video0") && words.contains("group `video`"));
        for unusable in [refused(io::ErrorKind::ResourceBusy), None] {
            assert!(matches!(of(unusable), OpenError::WebcamUnusable { .. }));
        }
        let too_high = diagnose(u32::MAX, &devices, None);
        assert!(matches!(too_high, OpenError::NoSuchWebcam { .. }));
    }
}
