//! The demuxers and protocols that FFmpeg may use for a source.
//!
//! FFmpeg detects the format of a file by its content. Some formats name further files, of this machine or
//! of others: playlists (HLS, DASH, concat) and descriptions of sessions (SDP). Such a text is opened as a
//! video whatever the name of its file. OpenCV passes the variable [`OPTIONS`] to `avformat_open_input`,
//! where the demuxers and the protocols of the file, and of all files that it names, can be limited to lists.
//!
//! | source | demuxers | protocols |
//! |---|---|---|
//! | [`Source::Upload`] | [`CONTAINERS`] | `file` |
//! | [`Source::File`] of this machine, [`Source::Images`] | [`CONTAINERS`], [`PICTURES`] | `file` |
//! | `http://`, `https://` | those, [`LIVE`], [`PLAYLISTS`] | FFmpeg's own list for `http`, which lacks `file` |
//! | other addresses | those, [`LIVE`] | all: none of these demuxers opens what its content names |
//!
//! The variable applies to the whole process. An upload is refused unless it is exactly as expected; for
//! other sources [`restrict`] sets it.

use super::Source;
use crate::environment;

/// The variable in which OpenCV looks for options of `avformat_open_input`: `key;value|key;value`.
const OPTIONS: &str = "OPENCV_FFMPEG_CAPTURE_OPTIONS";

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

/// Limits what FFmpeg may open for `source` in this process. The user's value of the same variable is
/// kept; lists that it sets replace these.
///
/// Call it in `main`, before any thread exists. Later the variable cannot be set, and only the check of
/// the source before it is opened remains.
pub fn restrict(source: &Source) {
    let path = match source {
        Source::File(path) => path,
        // Files of this machine, whatever they are called.
        Source::Images { .. } => "",
        _ => return,
    };
    let own = std::env::var(OPTIONS).ok();
    let options = options(path, own.as_deref());
    if !environment::set(OPTIONS, options) {
        tracing::debug!("FFmpeg's lists are not limited: the process has several threads");
    }
}

/// The variable and the value that a process needs to open a [`Source::Upload`].
pub fn for_uploads() -> (&'static str, String) {
    (OPTIONS, lists(&[&CONTAINERS], true))
}

/// Whether this process has that value.
pub(super) fn is_for_uploads() -> bool {
    let (name, value) = for_uploads();
    std::env::var_os(name).is_some_and(|set| set == *value)
}

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

fn options(path: &str, own: Option<&str>) -> String {
    let scheme = scheme(path).map(str::to_ascii_lowercase);
    let lists = match scheme.as_deref() {
        None => lists(&[&CONTAINERS, &PICTURES], true),
        Some("http" | "https") => lists(&[&CONTAINERS, &PICTURES, &LIVE, &PLAYLISTS], false),
        Some(_) => lists(&[&CONTAINERS, &PICTURES, &LIVE], false),
    };
    // FFmpeg stops at the first option that it cannot parse, so the user's part comes last. OpenCV's
    // own default does not apply where the variable is set.
    match own {
        Some(own) => format!("{lists}|{own}"),
        None => format!("{lists}|rtsp_flags;prefer_tcp"),
    }
}

fn lists(demuxers: &[&[&str]], is_local: bool) -> String {
    let demuxers = demuxers.concat().join(",");
    let protocols = match is_local {
        true => "|protocol_whitelist;file",
        false => "",
    };
    format!("format_whitelist;{demuxers}{protocols}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demuxers(options: &str) -> Vec<&str> {
        let list = options.strip_prefix("format_whitelist;").unwrap();
        list.split('|').next().unwrap().split(',').collect()
    }

    #[test]
    fn no_list_for_files_has_what_opens_further_files() {
        let (_, uploads) = for_uploads();
        for options in [
            uploads.clone(),
            options("a.mp4", None),
            options("file:///a", None),
        ] {
            let demuxers = demuxers(&options);
            for opener in [&LIVE[..], &PLAYLISTS, &["concat", "imf", "vobsub"]].concat() {
                assert!(!demuxers.contains(&opener), "{opener}");
            }
            assert!(options.contains("|protocol_whitelist;file"), "{options}");
        }
        assert!(!demuxers(&uploads).contains(&"image2"));
    }

    #[test]
    fn playlists_are_for_servers_whose_files_ffmpeg_keeps_apart_from_this_machines() {
        let has_playlists = |path: &str| demuxers(&options(path, None)).contains(&"hls");
        assert!(has_playlists("http://host/a.m3u8") && has_playlists("HTTPS://host/a.mpd"));
        for path in ["tcp://host:1", "udp://host:1", "rtmp://host/a", "a.m3u8"] {
            assert!(!has_playlists(path), "{path}");
        }
        assert!(demuxers(&options("rtsp://camera/1", None)).contains(&"rtsp"));
    }

    #[test]
    fn what_the_user_has_set_comes_after_the_lists() {
        let with = |own| options("rtsp://camera/1", own);
        assert!(with(None).ends_with("|rtsp_flags;prefer_tcp"));
        let own = with(Some("rtsp_transport;udp"));
        assert!(own.ends_with("|rtsp_transport;udp") && !own.contains("prefer_tcp"));
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
