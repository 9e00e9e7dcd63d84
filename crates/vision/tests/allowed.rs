//! What FFmpeg takes a source for: videos of the kinds that laboratories have, and nothing that opens other
//! files of the machine.
//!
//! Without a harness: FFmpeg's lists are in an environment variable, which needs processes of their own.

#[path = "it/capture/common.rs"]
#[expect(dead_code, reason = "the captures' tests use the rest")]
mod common;

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::video;
use vision::capture::{self, Capture, Config, FrameSelection, Source};

const MODE: &str = "ALLOWED_TEST_CHILD";
const FRAMES: u64 = 12;

/// As different programs write them.
const KINDS: [(&str, &[&str]); 24] = [
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

fn main() {
    match std::env::var(MODE).as_deref() {
        Err(_) => {
            every_kind_is_read_from_clients_and_from_other_machines();
            a_playlist_opens_no_other_file();
            what_the_user_has_set_stays();
        }
        Ok(mode) => child(mode),
    }
}

/// Prints how many frames each file has, or why it has none.
fn child(mode: &str) {
    for path in std::env::args().skip(1) {
        let source = match mode {
            "upload" => Source::Upload(path.into()),
            _ => Source::File(path),
        };
        if mode == "restricted" {
            capture::restrict(&source);
        }
        println!("{}", read(source).unwrap_or_else(|error| error));
    }
}

fn read(source: Source) -> Result<String, String> {
    let config = Config {
        source,
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
    };
    let capture = Capture::open(config).map_err(|error| error.to_string())?;
    let frames = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&frames);
    let running = capture.start(move |_| {
        counted.fetch_add(1, Relaxed);
        ControlFlow::Continue(())
    });
    running.join().map_err(|error| error.to_string())?;
    Ok(format!("{} frames", frames.load(Relaxed)))
}

/// The output of a process that opens these files, a line each.
fn output_of(mode: &str, own: Option<&str>, files: &[&Path]) -> Vec<String> {
    let (variable, for_uploads) = capture::for_uploads();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(files).env(MODE, mode).env_remove(variable);
    match (mode, own) {
        ("upload", None) => command.env(variable, for_uploads),
        (_, Some(own)) => command.env(variable, own),
        _ => &mut command,
    };
    command.env("OPENCV_FFMPEG_LOGLEVEL", "-8");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn every_kind_is_read_from_clients_and_from_other_machines() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options) in KINDS {
        let path = folder.path().join(name);
        video(&path, FRAMES, options);
        // A worker gives files names of its own.
        let upload = folder.path().join("upload.file");
        std::fs::copy(&path, &upload).unwrap();
        let frames = format!("{FRAMES} frames");
        assert_eq!(
            output_of("restricted", None, &[&path]),
            [&*frames],
            "{name}"
        );
        assert_eq!(output_of("upload", None, &[&upload]), [&*frames], "{name}");
    }
    // The user's own pictures, by a pattern; another machine's are no videos.
    let pattern = folder.path().join("img_%03d.png");
    video(&pattern, 3, &["-start_number", "1"]);
    let picture = folder.path().join("img_001.png");
    assert_eq!(output_of("restricted", None, &[&pattern]), ["3 frames"]);
    assert_eq!(output_of("restricted", None, &[&picture]), ["1 frames"]);
    for upload in [&pattern, &picture] {
        let output = output_of("upload", None, &[upload]);
        assert!(output[0].contains("img_"), "{output:?}");
    }
    println!("test every_kind_is_read_from_clients_and_from_other_machines ... ok");
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

fn a_playlist_opens_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.mp4");
    video(&other, FRAMES, &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    for (name, text) in playlists(&other) {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        for mode in ["upload", "restricted"] {
            let output = output_of(mode, None, &[&path]);
            assert!(output[0].contains(name), "{mode}: {output:?}");
        }
    }
    // Without the lists FFmpeg does open it, where nothing is seen at its beginning.
    let blank = folder.path().join("blank.mp4");
    let frames = format!("{FRAMES} frames");
    assert_eq!(output_of("free", None, &[&blank]), [frames]);
    // And with wider lists, or none, no upload is opened at all.
    for own in ["", "format_whitelist;dash,mov|protocol_whitelist;file"] {
        let output = output_of("upload", Some(own), &[&other]);
        assert!(output[0].contains("does not limit"), "{output:?}");
    }
    println!("test a_playlist_opens_no_other_file ... ok");
}

fn what_the_user_has_set_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, FRAMES, &["-c:v", "mpeg4"]);
    let frames = [format!("{FRAMES} frames")];
    assert_eq!(
        output_of("restricted", Some("rtsp_transport;udp"), &[&path]),
        frames
    );
    let output = output_of("restricted", Some("format_whitelist;avi"), &[&path]);
    assert!(
        output[0].contains("not a video that can be read"),
        "{output:?}"
    );
    println!("test what_the_user_has_set_stays ... ok");
}
