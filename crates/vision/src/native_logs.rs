//! Keeping the native libraries' own log off stderr.

use std::sync::Once;

use opencv::core::{LogLevel, set_log_level};

use crate::environment;

/// Silences OpenCV and FFmpeg, which otherwise write to stderr beside the log.
///
/// Call it first thing in `main`, before any thread exists: the level of the FFmpeg that OpenCV
/// records with can only be set by an environment variable, and setting one is sound in a
/// single-threaded process alone.
/// That is checked; where it cannot be known, the variable is left alone. Values that the
/// user has set are kept. Every failure that matters is reported by this crate's errors.
pub fn silence_native_logs() {
    quiet_opencv();
    quiet_ffmpeg();
    set_default("OPENCV_LOG_LEVEL", "SILENT");
    set_default("OPENCV_FFMPEG_LOGLEVEL", "-8");
    // Qt, under the windows, warns of missing session settings that do not matter to them.
    set_default("QT_LOGGING_RULES", "default.warning=false");
}

/// OpenCV's own part, which needs no environment variable; done before each first use.
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

fn set_default(name: &str, value: &str) {
    if std::env::var_os(name).is_none() {
        environment::set(name, value);
    }
}
