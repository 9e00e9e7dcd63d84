//! Videos that another program writes into a pipe.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Instant;

use super::common::{HEIGHT, WIDTH, barcode, file, number, read, video};
use vision::capture::{
    Capture, CaptureEnd, Config, Damage, OpenError, RawFormat, ReadError, StreamFormat,
};

/// A pipe of its own for each run: a child process that another test starts holds this process's files for a
/// moment, and so the last run's end of the pipe.
fn fifo(folder: &Path) -> PathBuf {
    let number = std::fs::read_dir(folder).unwrap().count();
    let path = folder.join(format!("pipe{number}"));
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    path
}

/// Writes `bytes` into the pipe, from a thread of its own.
fn writer(path: &Path, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
    let path = path.to_owned();
    std::thread::spawn(move || {
        let mut pipe = OpenOptions::new().write(true).open(path).unwrap();
        // The reader may have stopped.
        let _ = pipe.write_all(&bytes);
    })
}

fn raw(path: &Path, pixel_format: &str) -> Config {
    let mut config = file(path);
    let format = RawFormat::new(WIDTH, HEIGHT, pixel_format).unwrap();
    config.options.format = Some(StreamFormat::Raw(format));
    config
}

fn frames(count: u64) -> Vec<u8> {
    (0..count).flat_map(barcode).collect()
}

#[test]
fn containers_and_raw_streams_come_through_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options) in [
        ("a.y4m", &["-pix_fmt", "yuv420p"][..]),
        ("a.mkv", &["-c:v", "ffv1"]),
        ("a.mjpeg", &["-c:v", "mjpeg", "-q:v", "2"]),
        ("a.ts", &["-c:v", "mpeg2video", "-q:v", "2"]),
        ("a.avi", &["-c:v", "mjpeg", "-q:v", "2"]),
    ] {
        let stored = folder.path().join(name);
        video(&stored, 20, options);
        // Twenty times in a row, for one that works by chance.
        for _ in 0..4 {
            let path = fifo(folder.path());
            let writer = writer(&path, std::fs::read(&stored).unwrap());
            let (frames, result) = read(file(&path));
            writer.join().unwrap();
            assert_eq!(result.unwrap().end, CaptureEnd::EndOfSource, "{name}");
            let numbers: Vec<u64> = frames
                .iter()
                .map(|it| number(it.pixels().unwrap()))
                .collect();
            assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "{name}");
        }
    }
}

#[test]
fn bare_frames_come_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    let writer = writer(&path, frames(30));
    let (found, result) = read(raw(&path, "bgr24"));
    writer.join().unwrap();
    assert_eq!(result.unwrap().frames, 30);
    for (index, frame) in (0..).zip(found) {
        assert!(frame.pixels().unwrap().data == barcode(index), "{index}");
    }
    let stored = folder.path().join("frames.raw");
    let gray: Vec<u8> = frames(3).chunks(3).map(|pixel| pixel[0]).collect();
    std::fs::write(&stored, &gray).unwrap();
    let (found, _) = read(raw(&stored, "gray"));
    let all: Vec<u8> = found
        .iter()
        .flat_map(|it| it.pixels().unwrap().data.to_vec())
        .collect();
    assert_eq!(all, gray);
}

#[test]
fn a_frame_that_is_written_in_part_is_lost_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    let mut bytes = frames(5);
    bytes.truncate(bytes.len() - 1000);
    let writer = writer(&path, bytes);
    let (found, result) = read(raw(&path, "bgr24"));
    writer.join().unwrap();
    assert_eq!(found.len(), 4);
    let damage = Damage {
        lost: 1,
        first_lost: Some(4),
        ..Damage::default()
    };
    assert!(matches!(result, Err(ReadError::Damaged { damage: it, .. }) if it == damage));
}

#[test]
fn each_frame_arrives_before_the_next_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    let (arrived, arrivals) = mpsc::channel();
    let written = {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut pipe = OpenOptions::new().write(true).open(path).unwrap();
            let mut last = Instant::now();
            for index in 0..10 {
                pipe.write_all(&barcode(index)).unwrap();
                let (id, captured): (u64, Instant) = arrivals.recv().unwrap();
                assert_eq!(id, index);
                // Between the last byte of the frame before and the first that follows.
                assert!(captured > last && captured < Instant::now());
                last = Instant::now();
            }
        })
    };
    let running = Capture::open(raw(&path, "bgr24"))
        .unwrap()
        .start(move |frame| {
            arrived.send((frame.frame_id, frame.captured)).unwrap();
            std::ops::ControlFlow::Continue(())
        });
    assert_eq!(running.join().unwrap().frames, 10);
    written.join().unwrap();
}

#[test]
fn stopping_ends_the_wait_for_a_silent_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    let mut pipe = None;
    let opened = {
        let path = path.clone();
        std::thread::spawn(move || Capture::open(raw(&path, "bgr24")).unwrap())
    };
    let writer = pipe.insert(OpenOptions::new().write(true).open(&path).unwrap());
    writer.write_all(&frames(3)).unwrap();
    let capture = opened.join().unwrap();
    let (first, has_first) = mpsc::channel();
    let running = capture.start(move |frame| {
        let _ = first.send(frame.frame_id);
        std::ops::ControlFlow::Continue(())
    });
    has_first.recv().unwrap();
    running.stop();
    assert_eq!(running.join().unwrap().end, CaptureEnd::Stopped);
}

#[test]
fn what_is_no_video_is_an_error_that_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    let text = writer(&path, b"no video at all\n".repeat(1000));
    let error = Capture::open(file(&path)).unwrap_err();
    text.join().unwrap();
    assert!(matches!(error, OpenError::Pipe { .. }), "{error}");
    let path = fifo(folder.path());
    let playlist = writer(&path, b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n".to_vec());
    let error = Capture::open(file(&path)).unwrap_err();
    playlist.join().unwrap();
    assert!(matches!(error, OpenError::Pipe { .. }), "{error}");
}

#[test]
fn a_pipe_has_the_pace_of_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path());
    // At its own rate it would last for days.
    let mut stream = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F1:100000 Ip A1:1 Cmono\n").into_bytes();
    for _ in 0..3 {
        stream.extend(b"FRAME\n");
        stream.extend(vec![90; (WIDTH * HEIGHT) as usize]);
    }
    let writer = writer(&path, stream);
    let mut config = file(&path);
    config.real_time = true;
    let (frames, result) = read(config);
    writer.join().unwrap();
    assert_eq!(
        (frames.len(), result.unwrap().end),
        (3, CaptureEnd::EndOfSource)
    );
}
