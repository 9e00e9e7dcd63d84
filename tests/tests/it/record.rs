//! Videos of what was sent, and the labels that refer to them.

use std::path::Path;
use std::process::Command;

use e2e::{Client, Worker, binary, demo, frames_of, sleap_io_reads};
use vision::Image;
use vision::capture::{Capture, Config, FrameSelection, Source};

fn model() -> Worker {
    Worker::start(&["--model", demo("model").to_str().unwrap()])
}

/// `video_frame`, `frame_id` and `captured_us` of each row; the clock is always that of the arrival.
fn index(video: &Path) -> Vec<[u64; 3]> {
    let text = std::fs::read_to_string(vision::record::index_path(video)).unwrap();
    let mut rows = text.lines();
    assert_eq!(rows.next(), Some("video_frame,frame_id,captured_us,clock"));
    let row = |row: &str| {
        let row = row.strip_suffix(",arrival").unwrap();
        let cells: Vec<u64> = row.split(',').map(|cell| cell.parse().unwrap()).collect();
        cells.try_into().unwrap()
    };
    rows.map(row).collect()
}

/// Frames per second that the file says.
fn played_fps(video: &Path) -> f64 {
    let source = Source::File(video.to_str().unwrap().into());
    let capture = Capture::open(Config {
        source,
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    })
    .unwrap();
    capture.info().fps.expect("the file says it")
}

/// Mean difference of two pictures, gray levels.
fn difference(one: &Image, other: &Image) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    // A gray video may be read in colour.
    let gray = |image: &Image| -> Vec<u8> {
        image
            .data
            .chunks(image.channels.into())
            .map(|pixel| pixel[0])
            .collect()
    };
    let (one, other) = (gray(one), gray(other));
    let sum: u64 = one
        .iter()
        .zip(&other)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / one.len() as f64
}

fn read(video: &Path) -> Vec<Image> {
    let source = Source::File(video.to_str().unwrap().into());
    frames_of(source, FrameSelection::default())
        .into_iter()
        .map(|(_, image)| image)
        .collect()
}

#[test]
fn the_recording_holds_the_frames_that_were_sent_and_labels_refer_to_it() {
    let worker = model();
    let pattern: vision::synthetic::Config = "320x240@100".parse().unwrap();
    for name in ["a.mkv", "a.avi", "a.mp4"] {
        let dir = tempfile::tempdir().unwrap();
        let (video, slp) = (dir.path().join(name), dir.path().join("a.slp"));
        let run = Client::run(&[
            "--signal",
            &worker.signal,
            "--test-pattern",
            "320x240@100",
            "--max-frames",
            "30",
            // Every third, so that the index of a picture is not its frame's number.
            "--sample-rate",
            "3",
            "--wait",
            "-o",
            slp.to_str().unwrap(),
            "-o",
            "-",
            "--record",
            video.to_str().unwrap(),
            "--resize",
            "160x120",
        ])
        .success();
        let (rows, pictures, lines) = (index(&video), read(&video), run.predictions());
        assert_eq!(
            (rows.len(), pictures.len(), lines.len()),
            (30, 30, 30),
            "{name}"
        );
        let labels = &sleap_io_reads(&[&slp])[0];
        assert_eq!(labels["videos"].as_array().unwrap().len(), 1);
        assert_eq!(labels["videos"][0]["filename"], video.to_str().unwrap());
        assert_eq!(labels["videos"][0]["opens"], true);
        let fps = labels["labelled_fps"].as_f64().expect("labels say it");
        let played = played_fps(&video);
        assert!(
            (played - fps).abs() < 0.1,
            "{name}: {played} and {fps} frames/s"
        );
        for (at, [picture, id, captured]) in rows.into_iter().enumerate() {
            assert_eq!(
                (picture, lines[at]["frame_id"].as_u64()),
                (at as u64, Some(id))
            );
            assert_eq!(lines[at]["captured_us"].as_u64(), Some(captured));
            assert_eq!(lines[at]["recorded"].as_u64(), Some(picture));
            assert_eq!(labels["frames"][at]["frame_idx"].as_u64(), Some(picture));
            assert_eq!(labels["frame_times"][at]["frame_id"].as_u64(), Some(id));
            let (sent, _) = vision::synthetic::render(&pattern, id);
            let off = difference(&pictures[at], &sent);
            assert!(off < 4.0, "{name}: picture {at} is off by {off}");
        }
    }
}

/// The lines of code in this language, in a page.
fn code(page: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let blocks = page.split(begin.as_str()).skip(1);
    blocks
        .filter_map(|rest| rest.split("```").next().map(str::to_owned))
        .collect()
}

/// Runs what the page says, in an empty folder; the worker is one of the test's own.
#[test]
fn the_page_on_recording_keeps_its_word() {
    let worker = model();
    let dir = tempfile::tempdir().unwrap();
    let page = demo("../recording/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let python = std::env::var("SLEAP_STREAM_TEST_PYTHON").unwrap();
    let path = [
        binary("sleap-stream").parent().unwrap().to_owned(),
        Path::new(&python).parent().unwrap().to_owned(),
        "/usr/bin".into(),
        "/bin".into(),
    ];
    let run = |program: &mut Command| {
        let status = program
            .current_dir(dir.path())
            .env("PATH", std::env::join_paths(&path).unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "{program:?}");
    };
    for block in code(&page, "sh")
        .iter()
        .filter(|block| !block.starts_with("sleap-worker"))
    {
        let own = format!("sleap-stream --wait --signal {} ", worker.signal);
        run(Command::new("sh").args(["-ec", &block.replace("sleap-stream ", &own)]));
    }
    for block in code(&page, "python") {
        run(Command::new(&python).args(["-c", &block]));
    }
    for name in [
        "session.mkv",
        "session.analysis.h5",
        "session.nwb",
        "session.csv",
    ] {
        assert!(dir.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_recording_of_a_file_is_refused() {
    let video = demo("video.mp4");
    let args = ["--stream", video.to_str().unwrap(), "--record", "a.mkv"];
    Client::run(&args).failed(2, &["--record is for live sources"]);
}

#[test]
fn a_recording_replaces_nothing_unasked() {
    let worker = model();
    let dir = tempfile::tempdir().unwrap();
    let video = dir.path().join("a.avi");
    let index = vision::record::index_path(&video);
    for precious in [&video, &index] {
        std::fs::write(precious, "precious").unwrap();
        let run = Client::run(&[
            "--signal",
            &worker.signal,
            "--test-pattern",
            "64x48@100",
            "--max-frames",
            "3",
            "--record",
            video.to_str().unwrap(),
        ]);
        run.failed(1, &["--overwrite"]);
        assert_eq!(std::fs::read_to_string(precious).unwrap(), "precious");
        std::fs::remove_file(precious).unwrap();
    }
}

#[test]
fn a_recording_that_a_full_disk_has_cut_off_is_named() {
    let worker = model();
    for name in ["a.mkv", "a.avi", "a.mp4"] {
        let dir = tempfile::tempdir().unwrap();
        let video = dir.path().join(name);
        let args = [
            "--signal",
            &worker.signal,
            "--test-pattern",
            "320x240@100",
            "--no-live",
            "--max-frames",
            "200",
            "-o",
            "-",
            "--record",
            video.to_str().unwrap(),
        ];
        let run = Client::run_with_full_disk(256, &args);
        run.failed(1, &[name, "is not whole", "File too large"]);
        assert!(run.stderr.contains("not recorded"), "{}", run.stderr);
        assert_eq!(run.predictions().len(), 200);
    }
}

#[test]
fn a_killed_client_leaves_a_recording_that_plays() {
    let worker = model();
    for name in ["a.mkv", "a.avi"] {
        let dir = tempfile::tempdir().unwrap();
        let video = dir.path().join(name);
        let mut client = Client::start(&[
            "--signal",
            &worker.signal,
            "--test-pattern",
            "320x240@100",
            "--wait",
            "-o",
            "-",
            "--record",
            video.to_str().unwrap(),
        ]);
        for _ in 0..350 {
            client.line().expect("a prediction");
        }
        client.kill();
        let rows = index(&video).len();
        let pictures = read(&video).len();
        // Each picture is in the file before the next one is taken; rows may be half a second late.
        assert!(
            pictures > 250 && pictures <= rows + 100,
            "{name}: {pictures} pictures, {rows} rows"
        );
    }
}
