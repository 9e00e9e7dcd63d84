//! Where a file ends, and what it promised.

use super::*;

#[test]
fn a_recording_without_its_index_is_not_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    // Without faststart the index comes last and is what a cut takes away.
    video(&path, 30, &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    cut(&path, 0.7);
    let error = open_error(path.to_str().unwrap());
    assert!(matches!(error, OpenError::NotAVideo { .. }), "{error}");
    assert!(error.to_string().contains("index is missing"), "{error}");
}

fn cut(path: &std::path::Path, share: f64) {
    let mut bytes = fs::read(path).unwrap();
    bytes.truncate((bytes.len() as f64 * share) as usize);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_truncated_file_gives_what_it_has_and_then_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let formats: [(&str, &[&str]); 3] = [
        ("a.mp4", H264),
        ("a.avi", &["-c:v", "mjpeg", "-q:v", "2"]),
        ("a.mkv", &["-c:v", "mjpeg", "-q:v", "2"]),
    ];
    for (name, options) in formats {
        let path = folder.path().join(name);
        video(&path, 100, options);
        cut(&path, 0.6);
        let (frames, result) = read(file(&path));
        let Err(ReadError::Truncated { at, expected, .. }) = result else {
            panic!("{name}: {result:?}");
        };
        assert_eq!(at, frames.len() as u64, "{name}");
        assert!(
            (10..90).contains(&at) && expected.unwrap().abs_diff(100) <= 1,
            "{name}: {at} of {expected:?}"
        );
        for frame in &frames[..frames.len() - 1] {
            assert_eq!(number(frame.pixels().unwrap()), frame.frame_id, "{name}");
        }
    }
}

#[test]
fn frames_before_an_edit_lists_begin_are_neither_shown_nor_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 60, H264);
    // Cutting without re-encoding keeps frames before the cut that are not shown.
    let trimmed = folder.path().join("trimmed.mp4");
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-ss", "0.28", "-i"])
        .arg(&path)
        .args(["-c", "copy"])
        .arg(&trimmed)
        .status();
    assert!(status.unwrap().success());
    let capture = Capture::open(file(&trimmed)).unwrap();
    assert_eq!(capture.info().total_frames, Some(53));
    drop(capture);
    let (frames, summary) = read(file(&trimmed));
    assert_eq!(summary.unwrap().end, CaptureEnd::EndOfSource);
    assert_eq!(frames.len(), 53);
    assert_eq!(number(frames[0].pixels().unwrap()), 7);
}

#[test]
fn a_range_beyond_the_known_end_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 30, H264);
    let mut config = file(&path);
    config.selection = "0-9,20-30".parse().unwrap();
    let error = Capture::open(config.clone()).unwrap_err();
    assert!(matches!(
        error,
        OpenError::RangeBeyondEnd {
            start: 20,
            end: 30,
            total: 30,
            ..
        }
    ));
    config.selection = "0-9,20-29".parse().unwrap();
    assert_eq!(read(config).0.len(), 20);
}

#[test]
fn a_range_beyond_an_estimated_end_gives_what_there_is_and_then_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    video(&path, 30, &["-c:v", "ffv1"]);
    let mut config = file(&path);
    config.selection = "25-100".parse().unwrap();
    let (frames, result) = read(config);
    assert_eq!(frames.len(), 5);
    assert!(matches!(
        result,
        Err(ReadError::RangeBeyondEnd {
            last: 100,
            frames: 30,
            ..
        })
    ));
}

#[test]
fn a_stream_without_a_count_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h264");
    video(&path, 30, &["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    let capture = Capture::open(file(&path)).unwrap();
    assert_eq!(capture.info().total_frames, None);
    assert_eq!(capture.info().frames_to_send, None);
    drop(capture);
    let (frames, summary) = read(file(&path));
    assert_eq!(
        (frames.len(), summary.unwrap().end),
        (30, CaptureEnd::EndOfSource)
    );
}
