//! What files are taken for: videos of the kinds that laboratories have, and nothing that opens other files of
//! the machine.

use std::path::Path;
use std::process::Command;

use super::common::{read_all, video};
use vision::capture::Source;

const FRAMES: u64 = 12;

/// As different programs write them.
pub(super) const KINDS: [(&str, &[&str]); 24] = [
    ("a.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
    ("a.mov", &["-c:v", "mpeg4"]),
    ("a.mkv", &["-c:v", "ffv1"]),
    ("a.webm", &["-c:v", "libvpx", "-b:v", "1M"]),
    ("a.avi", &["-c:v", "mjpeg", "-q:v", "2"]),
    ("raw.avi", &["-c:v", "rawvideo", "-pix_fmt", "gray"]),
    ("a.ts", &["-c:v", "mpeg2video"]),
    (
        "a.mts",
        &[
            "-c:v",
            "mpeg2video",
            "-f",
            "mpegts",
            "-mpegts_m2ts_mode",
            "1",
        ],
    ),
    ("a.mpg", &["-c:v", "mpeg1video"]),
    ("a.vob", &["-c:v", "mpeg2video"]),
    ("a.m2v", &["-c:v", "mpeg2video"]),
    ("a.m4v", &["-c:v", "mpeg4", "-f", "m4v"]),
    ("a.h264", &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
    (
        "a.hevc",
        &["-c:v", "libx265", "-x265-params", "log-level=none"],
    ),
    ("a.mjpeg", &["-c:v", "mjpeg", "-q:v", "2"]),
    ("a.flv", &["-c:v", "flv1"]),
    ("a.wmv", &["-c:v", "wmv2"]),
    ("a.ogv", &["-c:v", "libtheora"]),
    ("a.y4m", &["-pix_fmt", "yuv420p"]),
    ("a.gif", &[]),
    ("a.ivf", &["-c:v", "libvpx"]),
    ("a.mxf", &["-c:v", "mpeg2video"]),
    ("a.nut", &["-c:v", "mpeg4"]),
    ("a.apng", &["-f", "apng", "-plays", "1"]),
];

/// How many frames a source has, or why it has none.
fn frames(source: Source) -> Result<u64, String> {
    read_all(source).map(|frames| frames.len() as u64)
}

fn file(path: &Path) -> Source {
    Source::File(path.to_str().unwrap().to_owned())
}

fn upload(path: &Path) -> Source {
    Source::Upload(path.to_owned())
}

#[test]
fn every_kind_is_read_from_clients_and_from_other_machines() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options) in KINDS {
        let path = folder.path().join(name);
        video(&path, FRAMES, options);
        // A worker gives files names of its own.
        let renamed = folder.path().join("upload.file");
        std::fs::copy(&path, &renamed).unwrap();
        assert_eq!(frames(file(&path)), Ok(FRAMES), "{name}");
        assert_eq!(frames(upload(&renamed)), Ok(FRAMES), "{name}");
    }
    // The user's own pictures, by a pattern; another machine's are no videos.
    let pattern = folder.path().join("img_%03d.png");
    video(&pattern, 3, &["-start_number", "1"]);
    let picture = folder.path().join("img_001.png");
    assert_eq!(frames(file(&pattern)), Ok(3));
    assert_eq!(frames(file(&picture)), Ok(1));
    for path in [&pattern, &picture] {
        let error = frames(upload(path)).unwrap_err();
        assert!(error.contains("img_"), "{error}");
    }
}

/// Texts that name `other`, and are videos by name and by FFmpeg's guess.
fn playlists(other: &Path) -> [(&'static str, String); 4] {
    let other = other.display();
    let mpd = format!(
        "<MPD profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT1S\"><Period><AdaptationSet mimeType=\"video/mp4\">\
         <Representation id=\"1\" bandwidth=\"1\"><BaseURL>file://{other}</BaseURL>\
         </Representation></AdaptationSet></Period></MPD>"
    );
    [
        ("comment.mp4", format!("<!--styp-->{mpd}")),
        // Its first bytes do not identify it.
        ("blank.mp4", format!("{}{mpd}", " ".repeat(40))),
        (
            "hls.mp4",
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n"),
        ),
        (
            "concat.mp4",
            format!("ffconcat version 1.0\nfile {}\n", "other.mp4"),
        ),
    ]
}

#[test]
fn a_playlist_opens_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.mp4");
    video(&other, FRAMES, &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    for (name, text) in playlists(&other) {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        for source in [file(&path), upload(&path)] {
            let error = frames(source).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
    // Without the lists FFmpeg does open it, where nothing is seen at its beginning.
    let ffprobe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name",
            "-of",
            "csv=p=0",
        ])
        .arg(folder.path().join("blank.mp4"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&ffprobe.stdout).contains("h264"));
}

#[test]
fn a_cover_is_no_video() {
    let folder = tempfile::tempdir().unwrap();
    let cover = folder.path().join("cover.png");
    video(&cover, 1, &[]);
    let sound = folder.path().join("sound.mp4");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "sine=duration=1", "-i"])
        .arg(&cover)
        .args(["-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "png"])
        .args(["-disposition:v:0", "attached_pic"])
        .arg(&sound)
        .status();
    assert!(status.unwrap().success());
    let error = frames(file(&sound)).unwrap_err();
    assert!(error.contains("no video track"), "{error}");
    // Beside a video, the cover stays out of it, even if it is the larger picture.
    let both = folder.path().join("both.mp4");
    let small = folder.path().join("small.mp4");
    video(
        &small,
        5,
        &[
            "-vf",
            "scale=64:32",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
        ],
    );
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&cover)
        .arg("-i")
        .arg(&small)
        .args([
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
            "-disposition:v:0",
            "attached_pic",
        ])
        .arg(&both)
        .status();
    assert!(status.unwrap().success());
    let images = read_all(file(&both)).unwrap();
    assert_eq!((images.len(), images[0].width), (5, 64));
}
