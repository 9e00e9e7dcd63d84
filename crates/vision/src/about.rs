//! What OpenCV on this machine is and can do.

use opencv::core::get_version_string;
use opencv::videoio;

/// The version of OpenCV, such as `4.6.0`.
pub fn opencv_version() -> String {
    get_version_string().unwrap_or_else(|error| format!("unknown ({})", error.message))
}

/// What opens videos and cameras here, as OpenCV calls it: `FFMPEG`, `V4L2`.
pub fn opencv_backends() -> Vec<String> {
    let Ok(backends) = videoio::get_backends() else {
        return Vec::new();
    };
    let names = backends
        .iter()
        .filter_map(|backend| videoio::get_backend_name(backend).ok());
    names.collect()
}
