//! Formats of streams that are named rather than detected.

use ffmpeg::format::Pixel;

/// How the bytes of a file or pipe are to be read, where that is not to be detected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamFormat {
    /// A container or raw stream, by the name in [`StreamFormat::NAMES`].
    Named(&'static str),
    /// Bare frames, one after the other.
    Raw(RawFormat),
}

/// The size and pixel format of bare frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFormat {
    width: u32,
    height: u32,
    pixel_format: String,
}

impl RawFormat {
    /// Frames of a size in pixels. `pixel_format`: FFmpeg's name: `gray`, `bgr24`, `rgb24`, `yuv420p`, `gray16le`.
    /// `None`: FFmpeg has no format of that name.
    pub fn new(width: u32, height: u32, pixel_format: &str) -> Option<RawFormat> {
        pixel_format.parse::<Pixel>().ok()?;
        Some(RawFormat {
            width,
            height,
            pixel_format: pixel_format.to_owned(),
        })
    }
}

impl StreamFormat {
    /// Names of formats, and of FFmpeg's demuxers for them.
    const DEMUXERS: [(&'static str, &'static str); 8] = [
        ("avi", "avi"),
        ("h264", "h264"),
        ("hevc", "hevc"),
        ("mjpeg", "mjpeg"),
        ("mkv", "matroska"),
        ("mpegts", "mpegts"),
        ("nut", "nut"),
        ("y4m", "yuv4mpegpipe"),
    ];

    /// The names of formats beside `rawvideo`.
    pub const NAMES: [&'static str; 8] = {
        let mut names = [""; 8];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::DEMUXERS[index].0;
            index += 1;
        }
        names
    };

    /// The format of this name; `None` for names that are not in [`StreamFormat::NAMES`].
    pub fn named(name: &str) -> Option<StreamFormat> {
        let found = Self::NAMES.into_iter().find(|known| *known == name);
        found.map(StreamFormat::Named)
    }

    pub(super) fn demuxer(&self) -> &'static str {
        match self {
            StreamFormat::Raw(_) => "rawvideo",
            StreamFormat::Named(name) => {
                let mut known = Self::DEMUXERS.into_iter();
                let found = known.find(|(known, _)| known == name);
                found.map_or("", |(_, demuxer)| demuxer)
            }
        }
    }

    pub(super) fn options(&self) -> Vec<(&'static str, String)> {
        match self {
            StreamFormat::Named(_) => Vec::new(),
            StreamFormat::Raw(raw) => vec![
                ("video_size", format!("{}x{}", raw.width, raw.height)),
                ("pixel_format", raw.pixel_format.clone()),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_names() {
        assert_eq!(StreamFormat::named("mkv").unwrap().demuxer(), "matroska");
        for unknown in ["concat", "hls", "rawvideo", ""] {
            assert_eq!(StreamFormat::named(unknown), None);
        }
        assert!(RawFormat::new(4, 2, "gray10le").is_some());
        for unknown in ["grey", "", "bgr24\0"] {
            assert_eq!(RawFormat::new(4, 2, unknown), None);
        }
    }
}
