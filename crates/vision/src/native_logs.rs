//! Keeping the native libraries' own log off stderr.

use std::sync::Once;

use opencv::core::{LogLevel, set_log_level};

/// Silences OpenCV and FFmpeg, which otherwise write to stderr beside the log. A level for OpenCV that the user has
/// set (`OPENCV_LOG_LEVEL`) is kept. Every failure that matters is reported by this crate's errors.
pub fn silence_native_logs() {
    quiet_opencv();
    quiet_ffmpeg();
}

/// OpenCV's part; done before each first use.
pub(crate) fn quiet_opencv() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("OPENCV_LOG_LEVEL").is_none()
            && let Err(error) = set_log_level(LogLevel::LOG_LEVEL_SILENT)
        {
            tracing::debug!(%error, "OpenCV's log level stays as it is");
        }
    });
}

/// FFmpeg's part; done before each first use.
pub(crate) fn quiet_ffmpeg() {
    ffmpeg::log::set_level(ffmpeg::log::Level::Quiet);
}
