//! Sources of which something is lost: what is there gets its poses, the loss is said, and the run is a failure.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Client, Place, Worker, demo, summary, text};

const FRAMES: u64 = 40;

/// A video in which frame 20 is zeros.
fn with_zeros(folder: &Path) -> PathBuf {
    let path = folder.join("zeros.avi");
    encode(&path, "-c:v mjpeg -q:v 2");
    let mut bytes = std::fs::read(&path).unwrap();
    let mut frames = chunks(&bytes);
    let frame = frames.nth(20).expect("it has 40 frames");
    drop(frames);
    bytes[frame].fill(0);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Where the compressed frames of an AVI are.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let begins = bytes.windows(4).enumerate();
    let begins = begins.filter(|(_, it)| *it == b"00dc").map(|(at, _)| at);
    begins.filter_map(|at| {
        let size: [u8; 4] = bytes.get(at + 4..at + 8)?.try_into().ok()?;
        let (start, size) = (at + 8, u32::from_le_bytes(size) as usize);
        let content = bytes.get(start..start + size)?;
        // The name also stands in the index.
        content
            .starts_with(&[0xFF, 0xD8])
            .then(|| start..start + size)
    })
}

fn encode(path: &Path, options: &str) {
    let source = format!(
        "testsrc2=size=256x192:rate=25:duration={}",
        FRAMES as f64 / 25.0
    );
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
        .args(options.split(' '))
        .arg(path)
        .status();
    assert!(status.expect("these tests need ffmpeg").success());
}

fn cut(path: &Path, name: &str) -> PathBuf {
    let bytes = std::fs::read(path).unwrap();
    let cut = path.with_file_name(name);
    // In the middle of a packet of a transport stream, too.
    let end = bytes.len() * 6 / 10 / 188 * 188 + 100;
    std::fs::write(&cut, &bytes[..end]).unwrap();
    cut
}

#[test]
fn a_damaged_frame_is_said_by_every_way_of_sending_it() {
    let place = Place::new();
    let worker = place.worker(&[]);
    let video = text(&with_zeros(place.dir()));
    let words = ["1 frame could not be decoded", "first: frame 20"];
    let stream = ["--signal", &worker.signal, "--stream", &video];
    let run = Client::run(&[&stream[..], &["-o", "-"]].concat());
    run.failed(1, &words);
    let predictions = run.predictions();
    let ids = predictions
        .iter()
        .map(|line| line["frame_id"].as_u64().unwrap());
    assert!(ids.eq((0..20).chain(21..FRAMES)));
    let run = Client::run(&[&stream[..], &["--json"]].concat());
    run.failed(1, &words);
    assert_eq!(summary(&run.predictions())["frames"], FRAMES - 1);
    let output = place.text("a.slp");
    let run = Client::send_file(&worker.signal, &[&video, "-o", &output]).wait();
    run.failed(1, &words);
    let labels = &e2e::sleap_io_reads(&[Path::new(&output)])[0];
    assert_eq!(
        labels["frames"].as_array().unwrap().len() as u64,
        FRAMES - 1
    );
}

#[test]
fn a_file_that_is_cut_off_is_a_failure_in_every_container() {
    let worker = Worker::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    for (name, options) in [
        (
            "a.mp4",
            "-c:v libx264 -pix_fmt yuv420p -g 10 -movflags +faststart",
        ),
        ("a.mkv", "-c:v libx264 -g 10"),
        ("a.avi", "-c:v mjpeg"),
        ("a.ivf", "-c:v libvpx"),
        ("a.mxf", "-c:v mpeg2video"),
        ("a.ogv", "-c:v libtheora"),
        ("a.gif", "-r 10"),
        ("a.y4m", "-pix_fmt yuv420p"),
        ("a.mjpeg", "-c:v mjpeg"),
        ("a.apng", "-f apng"),
        ("a.flv", "-c:v flv1"),
        ("a.ts", "-c:v mpeg2video"),
        ("a.mpg", "-c:v mpeg1video"),
        ("a.wmv", "-c:v wmv2"),
    ] {
        let whole = dir.path().join(name);
        encode(&whole, options);
        let stream =
            |path: &Path| Client::run(&["--signal", &worker.signal, "--stream", &text(path)]);
        stream(&whole).success();
        let run = stream(&cut(&whole, &format!("cut_{name}")));
        assert_eq!(run.code, Some(1), "{name}: {}", run.stderr);
        let is_said = ["bytes are missing at its end", "is damaged"];
        assert!(
            is_said.iter().any(|words| run.stderr.contains(words)),
            "{name}: {}",
            run.stderr
        );
    }
}

#[test]
fn frames_of_several_sizes_are_followed_but_not_by_an_slp_file() {
    let place = Place::new();
    let worker = place.worker(&[]);
    let mut joined = Vec::new();
    for size in ["256x192", "128x96"] {
        let part = place.path("part.mjpeg");
        encode(&part, &format!("-frames:v 4 -c:v mjpeg -s {size}"));
        joined.extend(std::fs::read(part).unwrap());
    }
    let video = place.text("sizes.mjpeg");
    std::fs::write(&video, joined).unwrap();
    let stream = ["--signal", &worker.signal, "--stream", &video, "-o"];
    let run = Client::run(&[&stream[..], &["-"]].concat()).success();
    assert_eq!(run.predictions().len(), 8);
    let output = place.text("a.slp");
    let words = ["frame 4 has 128x96 pixels", "256x192", "one size"];
    Client::run(&[&stream[..], &[&output]].concat()).failed(1, &words);
    let labels = &e2e::sleap_io_reads(&[Path::new(&output)])[0];
    assert_eq!(labels["frames"].as_array().unwrap().len(), 4);
    let args = [video.as_str(), "-o", &output, "--overwrite"];
    Client::send_file(&worker.signal, &args)
        .wait()
        .failed(1, &words);
}

#[test]
fn a_header_with_a_wrong_count_is_no_loss() {
    let worker = Worker::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.avi");
    encode(&path, "-c:v mjpeg");
    let whole = std::fs::read(&path).unwrap();
    let at = |name: &[u8]| whole.windows(4).position(|it| it == name).unwrap() + 8;
    for count in [0, 7, 400u32] {
        let mut bytes = whole.clone();
        for place in [at(b"avih") + 16, at(b"strh") + 32] {
            bytes[place..place + 4].copy_from_slice(&count.to_le_bytes());
        }
        std::fs::write(&path, bytes).unwrap();
        let args = [
            "--signal",
            &worker.signal,
            "--stream",
            &text(&path),
            "--json",
        ];
        let run = Client::run(&args).success();
        assert_eq!(summary(&run.predictions())["frames"], FRAMES, "{count}");
    }
}

#[test]
fn a_missing_number_is_named_or_kept() {
    let worker = Worker::start(&["--model", &text(&demo("model"))]);
    let dir = tempfile::tempdir().unwrap();
    for number in [3, 4, 7] {
        let path = dir.path().join(format!("img_{number:03}.png"));
        std::fs::copy(demo("frames/0024.png"), path).unwrap();
    }
    let pattern = text(&dir.path().join("img_%03d.png"));
    let args = ["--signal", &worker.signal, "-o", "-", &pattern];
    Client::run(&args).failed(1, &["numbers 5 to 6 are missing", "--allow-gaps"]);
    let run = Client::run(&[&args[..], &["--allow-gaps"]].concat()).success();
    let predictions = run.predictions();
    let ids = predictions
        .iter()
        .map(|line| line["frame_id"].as_u64().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), [0, 1, 4]);
}
