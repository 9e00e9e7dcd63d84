//! Frames that another program writes: through standard input and named pipes.

use std::path::Path;
use std::process::Command;

use e2e::{Client, Finished, Worker, demo, text};

/// The command line of the guide's program, which writes so many frames.
fn writer(frames: u32) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pipe/writer.py");
    format!("python3 {} {frames}", program.display())
}

/// As the guide reads them.
const GRAY: [&str; 6] = [
    "--format",
    "rawvideo",
    "--size",
    "320x240",
    "--pixel-format",
    "gray",
];

fn frame_ids(run: &Finished) -> Vec<u64> {
    let predictions = run.predictions();
    let ids = predictions.iter().map(|line| line["frame_id"].as_u64());
    ids.map(|id| id.expect("a frame id")).collect()
}

#[test]
fn what_the_guides_program_writes_gets_a_pose_for_each_frame() {
    let worker = Worker::start(&["--model", &text(&demo("model"))]);
    let args = [
        &["--signal", &worker.signal, "--stream", "-", "-o", "-"],
        &GRAY[..],
    ]
    .concat();
    let run = Client::run_after(&writer(20), &args).success();
    assert_eq!(frame_ids(&run), (0..20).collect::<Vec<_>>());
    let captured: Vec<u64> = run
        .predictions()
        .iter()
        .map(|line| line["captured_us"].as_u64().expect("a time"))
        .collect();
    // The writer makes 30 frames a second.
    let pairs = captured.windows(2);
    assert!(
        pairs.filter(|pair| pair[1] - pair[0] > 20_000).count() > 9,
        "{captured:?}"
    );
}

#[test]
fn a_named_pipe_gives_the_poses_of_the_file_that_is_written_into_it() {
    let worker = Worker::start(&["--model", &text(&demo("model"))]);
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("frames");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let video = text(&demo("video.mp4"));
    let instances = |source: &str| {
        let args = [
            "--signal",
            &worker.signal,
            "--stream",
            source,
            "-o",
            "-",
            "--frames",
            "0-20",
        ];
        let predictions = Client::run(&args).success().predictions();
        let of = |line: &serde_json::Value| line["instances"].clone();
        predictions.iter().map(of).collect::<Vec<_>>()
    };
    let expected = instances(&video);
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "quiet", "-y", "-i", &video, "-f", "yuv4mpegpipe"])
        .arg(&pipe)
        .spawn()
        .unwrap();
    assert_eq!(instances(&text(&pipe)), expected);
    // It is still writing when the client has what it was told to read.
    let _ = ffmpeg.kill();
    ffmpeg.wait().unwrap();
}

#[test]
fn a_frame_that_is_written_in_part_is_a_failure_that_says_so() {
    let worker = Worker::start(&[]);
    let args = ["--signal", &worker.signal, "--stream", "-"];
    let cut = format!("{} | head -c 200000", writer(5));
    let run = Client::run_after(&cut, &[&args, &GRAY[..]].concat());
    run.failed(
        1,
        &[
            "standard input is damaged",
            "1 frame could not be decoded",
            "frame 2",
        ],
    );
    let run = Client::run_after(&cut, &[&args, &GRAY[..], &["--json"]].concat());
    run.failed(1, &["standard input is damaged"]);
    let said = run.predictions();
    assert_eq!(e2e::summary(&said)["frames"], 2, "{said:?}");
}

#[test]
fn what_is_no_video_or_of_no_known_format_is_refused() {
    Client::run_after("echo text", &["--stream", "-"]).failed(
        1,
        &["brings no video that can be read", "--format rawvideo"],
    );
    Client::run_after("true", &["--stream", "-", "--format", "mkv"])
        .failed(1, &["brings no video that can be read"]);
    Client::run(&["--stream", "-", "--format", "rawvideo"])
        .failed(2, &["--size WIDTHxHEIGHT", "--pixel-format"]);
    Client::run(&["--stream", "-", "--size", "4x4"]).failed(2, &["--format"]);
}
