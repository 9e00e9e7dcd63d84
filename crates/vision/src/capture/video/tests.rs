//! When frames are to be shown, by their time stamps.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::*;
use crate::capture::allowed::{self, Origin};

const MS: Duration = Duration::from_millis(1);

fn ffmpeg(arguments: &str, output: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split(' '))
        .arg(output)
        .status();
    assert!(status.expect("these tests need ffmpeg").success());
}

fn times(path: &Path) -> Vec<Duration> {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    let request = VideoRequest {
        url: &url,
        pipe: None,
        format: None,
        options: allowed::options(Origin::User, None),
        timeout: None,
        pixels: PixelForm::Plain,
        stop: &Arc::default(),
    };
    let (mut reader, _) = open(request).unwrap();
    let mut times = Vec::new();
    loop {
        match reader.grab().unwrap() {
            Grab::Frame(frame) => times.push(frame.at.unwrap()),
            Grab::End => return times,
            Grab::Lost(_) => panic!("nothing is damaged"),
        }
    }
}

fn even(frames: u32) -> Vec<Duration> {
    (0..frames).map(|frame| frame * 40 * MS).collect()
}

#[test]
fn frames_of_variable_rate_have_their_own_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    let source =
        "-f lavfi -i testsrc=size=64x48:rate=25:duration=0.8 -vf settb=1/1000,setpts=N*N*10";
    ffmpeg(
        &format!("{source} -fps_mode passthrough -enc_time_base 1/1000 -c:v libx264 -bf 2"),
        &path,
    );
    let expected: Vec<_> = (0..20).map(|frame| frame * frame * 10 * MS).collect();
    assert_eq!(times(&path), expected);
}

#[test]
fn reordered_frames_come_in_the_order_of_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc=size=64x48:rate=25:duration=0.8";
    for (name, codec) in [
        ("a.avi", "-c:v mpeg4 -bf 2"),
        ("b.avi", "-c:v libx264 -pix_fmt yuv420p -bf 2"),
        ("a.mp4", "-c:v libx264 -pix_fmt yuv420p -bf 2"),
        ("a.ts", "-c:v libx264 -pix_fmt yuv420p -bf 2"),
    ] {
        let path = folder.path().join(name);
        ffmpeg(&format!("{source} {codec}"), &path);
        assert_eq!(times(&path), even(20), "{name}");
    }
}

#[test]
fn times_begin_where_an_edit_list_begins() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("a.mp4");
    let source = "-f lavfi -i testsrc=size=64x48:rate=25:duration=0.8";
    ffmpeg(&format!("{source} -c:v libx264 -pix_fmt yuv420p"), &whole);
    let trimmed = folder.path().join("b.mp4");
    ffmpeg(&format!("-ss 0.2 -i {} -c copy", whole.display()), &trimmed);
    assert_eq!(times(&trimmed), even(15));
}
