//! Version and back-ends of OpenCV on this machine.

use opencv::core::get_version_string;
use opencv::videoio;

/// The version of OpenCV, such as `4.6.0`.
pub fn opencv_version() -> String {
    get_version_string().unwrap_or_else(|error| format!("unknown ({})", error.message))
}

/// The back-ends that open videos and cameras, by OpenCV's names: `FFMPEG`, `V4L2`.
pub fn opencv_backends() -> Vec<String> {
    let Ok(backends) = videoio::get_backends() else {
        return Vec::new();
    };
    let names = backends
        .iter()
        .filter_map(|backend| videoio::get_backend_name(backend).ok());
    names.collect()
}
