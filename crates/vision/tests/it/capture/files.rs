//! Reading files: which frames come, and which errors when they do not.

use std::fs;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::sync::mpsc;

use super::common::{H264, HEIGHT, WIDTH, barcode, file, number, read, video};
use vision::capture::{
    Capture, CaptureEnd, CaptureSummary, Config, FrameSelection, OpenError, ReadError, Source,
};

fn ids(text: &str, sample_rate: u32, max_frames: Option<u64>, path: &std::path::Path) -> Vec<u64> {
    let mut config = file(path);
    if !text.is_empty() {
        config.selection = text.parse().unwrap();
    }
    config.selection.sample_rate = sample_rate;
    config.selection.max_frames = max_frames;
    let announced = Capture::open(config.clone()).unwrap().info().frames_to_send;
    let (frames, summary) = read(config);
    assert_eq!(announced, Some(frames.len() as u64));
    assert_eq!(summary.unwrap().frames, frames.len() as u64);
    for frame in &frames {
        assert_eq!(number(frame.pixels().unwrap()), frame.frame_id % 256);
    }
    frames.iter().map(|frame| frame.frame_id).collect()
}

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

fn open_error(path: &str) -> OpenError {
    let config = Config {
        source: Source::File(path.to_owned()),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    };
    Capture::open(config).unwrap_err()
}

#[test]
fn what_is_not_a_video_is_named_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let missing = open_error(&path("none.mp4"));
    assert!(matches!(missing, OpenError::Missing { .. }));
    assert!(missing.to_string().contains("none.mp4: no such file"));
    fs::write(path("empty.mp4"), "").unwrap();
    assert!(matches!(
        open_error(&path("empty.mp4")),
        OpenError::Empty { .. }
    ));
    fs::write(path("text.mp4"), "this is not a video\n".repeat(100)).unwrap();
    assert!(matches!(
        open_error(&path("text.mp4")),
        OpenError::NotAVideo { bytes: 2000, .. }
    ));
    assert!(matches!(
        open_error(folder.path().to_str().unwrap()),
        OpenError::Folder { .. }
    ));
    assert!(matches!(
        open_error(&path("img_%03d.png")),
        OpenError::NoSequence { .. }
    ));
}

/// A TIFF file's beginning: one page with samples of 16 bits that are floats.
const HALF_FLOATS: &[u8] = b"II*\0\x08\0\0\0\x02\0\
    \x02\x01\x03\0\x01\0\0\0\x10\0\0\0\
    \x53\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0";

#[test]
fn a_tiff_of_floats_is_refused_alone_and_in_a_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("img_001.tif"), HALF_FLOATS).unwrap();
    for name in ["img_001.tif", "img_%03d.tif"] {
        let error = open_error(&path(name));
        assert!(matches!(error, OpenError::Tiff { .. }), "{error}");
        let words = error.to_string();
        assert!(
            words.contains("img_001.tif is a TIFF") && words.contains("16-bit floats"),
            "{words}"
        );
    }
}

#[test]
fn a_percent_sign_of_a_folder_stands_for_itself() {
    let outer = tempfile::tempdir().unwrap();
    for name in ["run%d", "run%04d", "50% off"] {
        let plain = outer.path().join("plain");
        fs::create_dir(&plain).unwrap();
        video(&plain.join("a.mp4"), 3, H264);
        video(&plain.join("img_%03d.png"), 3, &[]);
        let folder = outer.path().join(name);
        fs::rename(&plain, &folder).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        for source in ["a.mp4", "img_%03d.png"] {
            let (read, result) = read(file(path(source).as_ref()));
            result.unwrap();
            assert_eq!(read.len(), 3, "{source} in {name}");
        }
        let (image, result) = read(file(path("img_002.png").as_ref()));
        result.unwrap();
        assert_eq!((image.len(), number(image[0].pixels().unwrap())), (1, 1));
        let missing = open_error(&path("none.mp4"));
        assert!(matches!(missing, OpenError::Missing { .. }), "{missing}");
    }
    let path = |name: &str| outer.path().join(name).to_str().unwrap().to_owned();
    for name in ["day%d/none.mp4", "day%04d/img_%03d.png"] {
        let error = open_error(&path(name));
        assert!(
            matches!(error, OpenError::PatternInFolder { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("only in the name of a file"),
            "{error}"
        );
    }
    let missing = open_error(&path("100%.mp4"));
    assert!(matches!(missing, OpenError::Missing { .. }), "{missing}");
}

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

#[test]
fn image_sequences_are_read_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("img_%03d.png");
    video(&pattern, 12, &["-start_number", "1"]);
    let (frames, summary) = read(file(&pattern));
    assert_eq!(summary.unwrap().end, CaptureEnd::EndOfSource);
    let numbers: Vec<u64> = frames
        .iter()
        .map(|frame| number(frame.pixels().unwrap()))
        .collect();
    assert_eq!(numbers, (0..12).collect::<Vec<_>>());
}

fn images(files: Vec<std::path::PathBuf>) -> Config {
    let source = Source::Images {
        name: "some images".to_owned(),
        files,
    };
    Config {
        source,
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    }
}

#[test]
fn a_list_of_images_is_read_in_its_order_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    video(&folder.path().join("img_%03d.png"), 12, &[]);
    let named = |number: u64| folder.path().join(format!("img_{number:03}.png"));
    // FFmpeg numbers them from 1.
    let (last, percent) = (named(12), folder.path().join("100%d.PNG"));
    fs::rename(last, &percent).unwrap();
    let files = vec![percent, named(9), named(2), named(3)];
    let mut config = images(files.clone());
    let info = Capture::open(config.clone()).unwrap().info().clone();
    assert_eq!(
        (info.name.as_str(), info.total_frames, info.is_live),
        ("some images", Some(4), false)
    );
    let numbers = |config: Config| -> Vec<(u64, u64)> {
        let (frames, summary) = read(config);
        summary.unwrap();
        let frames = frames.iter();
        frames
            .map(|frame| (frame.frame_id, number(frame.pixels().unwrap())))
            .collect()
    };
    assert_eq!(numbers(config.clone()), [(0, 11), (1, 8), (2, 1), (3, 2)]);
    config.selection = "1,3".parse().unwrap();
    assert_eq!(numbers(config), [(1, 8), (3, 2)]);
    let mut beyond = images(files);
    beyond.selection = "4".parse().unwrap();
    let error = Capture::open(beyond).unwrap_err();
    assert!(matches!(error, OpenError::RangeBeyondEnd { .. }), "{error}");
}

#[test]
fn a_list_of_images_names_the_one_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    video(&folder.path().join("img_%03d.png"), 3, &[]);
    let path = |name: &str| folder.path().join(name);
    fs::write(path("empty.png"), "").unwrap();
    let error = |name: &str| {
        let files = vec![path("img_001.png"), path(name)];
        Capture::open(images(files)).unwrap_err().to_string()
    };
    for (name, words) in [
        ("none.png", "none.png: no such file"),
        ("empty.png", "empty.png is empty"),
    ] {
        assert!(error(name).contains(words), "{name}: {}", error(name));
    }
    // It is found where it is read: everything else is delivered.
    fs::write(path("text.png"), "this is no image").unwrap();
    let files = ["img_001.png", "img_002.png", "text.png", "img_003.png"];
    let (frames, result) = read(images(files.map(path).to_vec()));
    let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
    assert_eq!(ids, [0, 1, 3]);
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("1 frame could not be decoded") && error.contains("frame 2: "),
        "{error}"
    );
    assert!(
        error.contains("text.png cannot be read as an image"),
        "{error}"
    );
}

#[test]
fn names_that_look_like_addresses_or_patterns_are_files_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["day1:mouse.mp4", "100%d.mp4", "ünïcode name.mp4"] {
        let plain = folder.path().join("plain.mp4");
        video(&plain, 5, H264);
        let path = folder.path().join(name);
        fs::rename(&plain, &path).unwrap();
        assert_eq!(read(file(&path)).0.len(), 5, "{name}");
    }
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

#[test]
fn an_address_where_nothing_listens_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = open_error(&format!("http://me:secret@127.0.0.1:{port}/a.mp4"));
    assert!(matches!(error, OpenError::Url { .. }));
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn breaking_off_and_stopping_end_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 30, H264);
    let mut left = 3;
    let running = Capture::open(file(&path)).unwrap().start(move |_| {
        left -= 1;
        if left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let summary = running.join().unwrap();
    assert_eq!((summary.frames, summary.end), (3, CaptureEnd::Stopped));

    // The callback blocks as a full queue would; once it returns, no further frame comes.
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let running = Capture::open(file(&path)).unwrap().start(move |_| {
        entered.send(()).unwrap();
        let _ = released.recv();
        ControlFlow::Continue(())
    });
    has_entered.recv().unwrap();
    running.stop();
    drop(release);
    let summary = running.join().unwrap();
    assert_eq!((summary.frames, summary.end), (1, CaptureEnd::Stopped));
}

#[test]
fn stopping_ends_the_wait_for_a_slow_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 5, H264);
    let mut config = file(&path);
    // The second frame is due in a quarter of an hour.
    config.fps = Some(0.001);
    let (first, has_first) = mpsc::channel();
    let running = Capture::open(config).unwrap().start(move |_| {
        first.send(()).unwrap();
        ControlFlow::Continue(())
    });
    has_first.recv().unwrap();
    running.stop();
    let summary = running.join().unwrap();
    assert_eq!((summary.frames, summary.end), (1, CaptureEnd::Stopped));
}

#[test]
fn a_capture_that_is_never_started_closes_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 5, H264);
    drop(Capture::open(file(&path)).unwrap());
}

#[test]
#[should_panic(expected = "the callback's own words")]
fn a_panic_of_the_callback_reaches_the_one_who_joins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 5, H264);
    let running = Capture::open(file(&path))
        .unwrap()
        .start(|_| panic!("the callback's own words"));
    let _ = running.join();
}
