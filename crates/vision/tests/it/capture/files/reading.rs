//! Which frames come, and how they look.

use super::*;

#[test]
fn the_frames_of_common_formats_come_in_order_with_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let formats: [(&str, &[&str]); 5] = [
        ("a.mp4", H264),
        ("a.mov", &["-c:v", "libx264", "-pix_fmt", "yuv420p"]),
        ("a.avi", &["-c:v", "mjpeg", "-q:v", "2"]),
        ("a.mkv", &["-c:v", "ffv1"]),
        ("a.webm", &["-c:v", "libvpx", "-b:v", "2M"]),
    ];
    for (name, options) in formats {
        let path = folder.path().join(name);
        video(&path, 40, options);
        let capture = Capture::open(file(&path)).unwrap();
        let info = capture.info().clone();
        drop(capture);
        assert_eq!((info.name.as_str(), info.is_live), (name, false));
        assert_eq!((info.width, info.height, info.channels), (WIDTH, HEIGHT, 3));
        assert_eq!(info.fps, Some(25.0), "{name}");
        assert!(
            info.total_frames.unwrap().abs_diff(40) <= 1,
            "{name}: {info:?}"
        );
        let (frames, summary) = read(file(&path));
        assert_eq!(
            summary.unwrap(),
            CaptureSummary {
                frames: 40,
                read: 40,
                undecodable: 0,
                stale: 0,
                lost: 0,
                end: CaptureEnd::EndOfSource
            },
            "{name}"
        );
        for (index, frame) in (0..).zip(&frames) {
            assert_eq!(
                (frame.frame_id, number(frame.pixels().unwrap())),
                (index, index),
                "{name}"
            );
        }
    }
}

#[test]
fn lossless_frames_come_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    video(&path, 3, &["-c:v", "ffv1", "-pix_fmt", "bgr0"]);
    for (index, frame) in (0..).zip(read(file(&path)).0) {
        assert!(frame.pixels().unwrap().data == barcode(index));
    }
}

#[test]
fn only_the_selected_frames_come_and_nothing_is_read_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 60, H264);
    assert_eq!(ids("5-7,20,50-51", 1, None, &path), [5, 6, 7, 20, 50, 51]);
    assert_eq!(ids("0-9,30-39", 4, None, &path), [0, 4, 8, 32, 36]);
    assert_eq!(ids("", 25, None, &path), [0, 25, 50]);
    assert_eq!(ids("", 1, Some(2), &path), [0, 1]);
    assert_eq!(ids("59", 1, None, &path), [59]);
    assert_eq!(ids("", 1, Some(0), &path), [] as [u64; 0]);
    let mut config = file(&path);
    config.selection = "3,10-12".parse().unwrap();
    let summary = read(config).1.unwrap();
    let expected = CaptureSummary {
        frames: 4,
        read: 13,
        undecodable: 0,
        stale: 0,
        lost: 0,
        end: CaptureEnd::Selected,
    };
    assert_eq!(summary, expected);
}

#[test]
fn rotated_videos_are_as_large_as_they_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let upright = folder.path().join("a.mp4");
    video(&upright, 5, H264);
    let rotated = folder.path().join("rotated.mp4");
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&upright)
        .args(["-c", "copy", "-metadata:s:v:0", "rotate=90"])
        .arg(&rotated)
        .status();
    assert!(status.unwrap().success());
    let capture = Capture::open(file(&rotated)).unwrap();
    let info = capture.info().clone();
    drop(capture);
    let (frames, _) = read(file(&rotated));
    let image = frames[0].pixels().unwrap();
    assert_eq!((info.width, info.height), (HEIGHT, WIDTH));
    assert_eq!((image.width, image.height), (HEIGHT, WIDTH));
}
