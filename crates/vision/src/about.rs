//! Versions of the system's libraries that are linked.

use opencv::core::get_version_string;

/// Each library with its version: OpenCV, FFmpeg.
pub fn linked_libraries() -> [(&'static str, String); 2] {
    [("OpenCV", opencv_version()), ("FFmpeg", ffmpeg_version())]
}

/// Such as `4.6.0`.
fn opencv_version() -> String {
    get_version_string().unwrap_or_else(|error| format!("unknown ({})", error.message))
}

/// FFmpeg's libraries have versions of their own.
fn ffmpeg_version() -> String {
    let libraries = [
        ("libavformat", ffmpeg::format::version()),
        ("libavcodec", ffmpeg::codec::version()),
    ];
    let text = |(name, version): (&str, u32)| {
        let [.., minor, micro] = version.to_be_bytes();
        format!("{name} {}.{minor}.{micro}", version >> 16)
    };
    libraries.map(text).join(", ")
}
