//! Why a camera does not open, or opens and delivers nothing.

use std::fs::{self, File};
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
        ReadFault::OpenCv(reason) | ReadFault::Ffmpeg(reason) | ReadFault::Broken(reason) => {
            OpenError::OpenCv { name, reason }
        }
        ReadFault::Image(source) => OpenError::Image { name, source },
    }
}

pub(super) fn not_opened(index: u32) -> FailedAttempt<OpenError> {
    let device = format!("/dev/video{index}");
    let access = cfg!(target_os = "linux").then(|| File::open(device).map(drop));
    match diagnose(index, &devices(), access) {
        // Another program may be about to close it.
        busy @ OpenError::WebcamUnusable { .. } => FailedAttempt::Again(busy),
        other => FailedAttempt::Final(other),
    }
}

/// Why a camera did not open. `access`: what opening its device file gives, where there is one.
pub(super) fn diagnose(
    index: u32,
    devices: &[String],
    access: Option<io::Result<()>>,
) -> OpenError {
    let present = devices.to_vec();
    match access.map(|access| access.map_err(|error| error.kind())) {
        Some(Err(io::ErrorKind::NotFound)) => OpenError::NoSuchWebcam { index, present },
        Some(Err(io::ErrorKind::PermissionDenied)) => OpenError::WebcamPermission {
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
        let of = |access| diagnose(0, &devices, access);
        let refused = |kind: io::ErrorKind| Some(Err(io::Error::from(kind)));
        let absent = of(refused(io::ErrorKind::NotFound));
        assert!(matches!(absent, OpenError::NoSuchWebcam { .. }));
        assert!(absent.to_string().contains("/dev/video2"));
        let forbidden = of(refused(io::ErrorKind::PermissionDenied));
        let words = forbidden.to_string();
        assert!(words.contains("/dev/video0") && words.contains("group `video`"));
        for unusable in [Some(Ok(())), refused(io::ErrorKind::ResourceBusy), None] {
            assert!(matches!(of(unusable), OpenError::WebcamUnusable { .. }));
        }
        let too_high = diagnose(u32::MAX, &devices, None);
        assert!(matches!(too_high, OpenError::NoSuchWebcam { .. }));
    }
}
