//! The demuxers and protocols that FFmpeg may use for a source.
//!
//! FFmpeg detects the format of a file by its content. Some formats name further files, of this machine or
//! of others: playlists (HLS, DASH, concat) and descriptions of sessions (SDP). Such a text is opened as a
//! video whatever the name of its file. So the demuxers and the protocols of a source, and of all that it
//! names, are limited to lists.
//!
//! | source | demuxers | protocols |
//! |---|---|---|
//! | [`Source::Upload`] | [`CONTAINERS`] | `file` |
//! | [`Source::File`] of this machine, [`Source::Images`] | [`CONTAINERS`], [`PICTURES`] | `file` |
//! | `http://`, `https://` | those, [`LIVE`], [`PLAYLISTS`] | FFmpeg's own list for `http`, which lacks `file` |
//! | other addresses | those, [`LIVE`] | all: none of these demuxers opens what its content names |
//!
//! [`Source::File`]: super::Source::File
//! [`Source::Images`]: super::Source::Images
//! [`Source::Upload`]: super::Source::Upload

use super::format::StreamFormat;

/// Where a video comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// Another machine has sent it.
    Upload,
    /// A file of this machine, named by its user.
    User,
    /// An address with a scheme.
    Address(&'a str),
}

/// FFmpeg's names of demuxers for containers and raw streams that contain their frames themselves.
/// `jpeg_pipe` is a sequence of JPEGs.
const CONTAINERS: [&str; 23] = [
    "apng",
    "asf",
    "avi",
    "cine",
    "dv",
    "flv",
    "gif",
    "h264",
    "hevc",
    "ivf",
    "jpeg_pipe",
    "m4v",
    "matroska",
    "mjpeg",
    "mov",
    "mpeg",
    "mpegts",
    "mpegvideo",
    "mxf",
    "nut",
    "obu",
    "ogg",
    "yuv4mpegpipe",
];

/// The same for display.
pub(super) const KINDS: &str = "MP4, MOV, MKV, WebM, AVI, MPEG-TS, MPEG-PS, FLV, WMV, Ogg, MXF, DV, \
    IVF, NUT, CINE, Y4M, GIF, APNG, or raw H.264, HEVC, MPEG, AV1 or MJPEG";

/// Demuxers of pictures, and of numbered pictures that the user names by their pattern.
const PICTURES: [&str; 10] = [
    "image2",
    "bmp_pipe",
    "j2k_pipe",
    "pam_pipe",
    "pbm_pipe",
    "pgm_pipe",
    "png_pipe",
    "ppm_pipe",
    "tiff_pipe",
    "webp_pipe",
];

/// Demuxers of cameras and servers.
const LIVE: [&str; 5] = ["live_flv", "mpjpeg", "rtp", "rtsp", "sdp"];

/// Demuxers of playlists, and of what they name besides videos.
const PLAYLISTS: [&str; 7] = ["dash", "hls", "aac", "ac3", "eac3", "mp3", "webvtt"];

/// The schemes of addresses that may be opened.
const SCHEMES: [&str; 18] = [
    "ftp", "http", "https", "mmsh", "mmst", "rist", "rtmp", "rtmps", "rtmpt", "rtmpts", "rtp",
    "rtsp", "rtsps", "sftp", "srt", "tcp", "tls", "udp",
];

/// The scheme of an address; `None` for a local file, also as a `file://` address.
pub(super) fn scheme(path: &str) -> Option<&str> {
    let (scheme, _) = path.split_once("://")?;
    (scheme != "file").then_some(scheme)
}

/// Whether addresses of this scheme may be opened.
pub(super) fn is_known(scheme: &str) -> bool {
    SCHEMES.contains(&&*scheme.to_ascii_lowercase())
}

/// The schemes of addresses, for display.
pub(super) fn schemes() -> String {
    SCHEMES.map(|scheme| format!("{scheme}://")).join(", ")
}

/// FFmpeg's options for opening a source of this origin. A format that the user names is the only one.
pub(super) fn options(
    origin: Origin<'_>,
    format: Option<&StreamFormat>,
) -> Vec<(&'static str, String)> {
    let demuxers: &[&[&str]] = match origin {
        Origin::Upload => &[&CONTAINERS],
        Origin::User => &[&CONTAINERS, &PICTURES],
        Origin::Address(url) if is_web(url) => &[&CONTAINERS, &PICTURES, &LIVE, &PLAYLISTS],
        Origin::Address(_) => &[&CONTAINERS, &PICTURES, &LIVE],
    };
    let list = match format {
        Some(format) => format.demuxer().to_owned(),
        None => demuxers.concat().join(","),
    };
    let mut options = vec![("format_whitelist", list)];
    options.extend(format.map(StreamFormat::options).unwrap_or_default());
    match origin {
        Origin::Upload | Origin::User => {
            options.push(("protocol_whitelist", "file".to_owned()));
            // A file whose path has a `%d` is that file, and no pattern.
            options.push(("pattern_type", "none".to_owned()));
        }
        // Over UDP, packets of a large frame are lost before they are read.
        Origin::Address(_) => options.push(("rtsp_flags", "prefer_tcp".to_owned())),
    }
    options
}

fn is_web(url: &str) -> bool {
    let scheme = scheme(url).map(str::to_ascii_lowercase);
    matches!(scheme.as_deref(), Some("http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(origin: Origin<'_>, name: &str) -> Option<String> {
        let mut options = options(origin, None).into_iter();
        options
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    fn has(origin: Origin<'_>, demuxer: &str) -> bool {
        let list = option(origin, "format_whitelist").unwrap();
        list.split(',').any(|it| it == demuxer)
    }

    #[test]
    fn no_list_for_files_has_what_opens_further_files() {
        for origin in [Origin::Upload, Origin::User] {
            for opener in [&LIVE[..], &PLAYLISTS, &["concat", "imf", "vobsub"]].concat() {
                assert!(!has(origin, opener), "{opener}");
            }
            assert_eq!(
                option(origin, "protocol_whitelist").as_deref(),
                Some("file")
            );
        }
        assert!(!has(Origin::Upload, "image2"));
    }

    #[test]
    fn playlists_are_for_servers_whose_files_ffmpeg_keeps_apart_from_this_machines() {
        let has_playlists = |url| has(Origin::Address(url), "hls");
        assert!(has_playlists("http://host/a.m3u8") && has_playlists("HTTPS://host/a.mpd"));
        for url in ["tcp://host:1", "udp://host:1", "rtmp://host/a"] {
            assert!(!has_playlists(url), "{url}");
        }
        assert!(has(Origin::Address("rtsp://camera/1"), "rtsp"));
    }

    #[test]
    fn only_addresses_have_schemes() {
        assert_eq!(scheme("rtsp://camera/1"), Some("rtsp"));
        for path in ["/data/a.mp4", "file:///data/a.mp4", "day1:2.mp4"] {
            assert_eq!(scheme(path), None, "{path}");
        }
        assert!(is_known("RTSP") && !is_known("subfile") && !is_known("concat"));
    }
}
