//! Peers that leave, die or come at the wrong time: nothing that was predicted is lost, and the
//! worker serves the next client without a restart.

use e2e::{Client, Worker, demo, peak_memory};

fn model() -> String {
    demo("model").to_str().unwrap().to_owned()
}

/// A stream without an end, whose predictions come one by one.
fn endless(signal: &str) -> Client {
    endless_with(signal, &[])
}

fn endless_with(signal: &str, options: &[&str]) -> Client {
    let args = [
        "--signal",
        signal,
        "--test-pattern",
        "256x192@60",
        "-o",
        "-",
    ];
    Client::start(&[&args, options].concat())
}

fn video_frames(signal: &str, count: &str) -> Vec<serde_json::Value> {
    let video = demo("video.mp4");
    let args = [
        "--signal",
        signal,
        "--stream",
        video.to_str().unwrap(),
        "--max-frames",
        count,
        "-o",
        "-",
    ];
    Client::run(&args).success().predictions()
}

#[test]
fn ctrl_c_ends_the_stream_in_order_and_keeps_what_was_predicted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("poses.jsonl");
    let worker = Worker::start(&["--model", &model()]);
    let mut client = Client::start(&[
        "--signal",
        &worker.signal,
        "--test-pattern",
        "256x192@60",
        "-o",
        "-",
        "-o",
        file.to_str().unwrap(),
    ]);
    for _ in 0..5 {
        client.line().expect("predictions come");
    }
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(
        run.stderr.contains("predictions"),
        "the summary is printed: {}",
        run.stderr
    );
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        kept.lines().count(),
        5 + run.predictions().len(),
        "file and standard output agree"
    );
    assert!(kept.ends_with('\n'));
    let (_, log) = worker.interrupt();
    assert!(
        log.contains("stream complete"),
        "the worker saw an end in order: {log}"
    );
}

#[test]
fn the_next_client_is_served_when_one_leaves() {
    let worker = Worker::start(&["--model", &model()]);
    for _ in 0..3 {
        assert_eq!(video_frames(&worker.signal, "5").len(), 5);
    }
}

#[test]
fn the_next_client_is_served_when_one_is_killed() {
    let worker = Worker::start(&["--model", &model()]);
    let mut client = endless(&worker.signal);
    client.line().expect("a first prediction");
    client.kill();
    assert_eq!(video_frames(&worker.signal, "5").len(), 5);
}

#[test]
fn a_second_client_hears_that_the_worker_is_busy_and_disturbs_nothing() {
    let worker = Worker::start(&["--model", &model(), "--max-streams", "1"]);
    let mut first = endless(&worker.signal);
    first.line().expect("a first prediction");
    let second = Client::run(&["--signal", &worker.signal, "--test-pattern"]);
    second.failed(1, &["worker is busy", "--wait"]);
    first.line().expect("the first stream goes on");
    first.interrupt();
    assert_eq!(first.wait().code, Some(130));
}

#[test]
fn a_killed_worker_is_an_error_that_keeps_what_was_predicted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("poses.jsonl");
    let worker = Worker::start(&["--model", &model()]);
    let mut client = Client::start(&[
        "--signal",
        &worker.signal,
        "--test-pattern",
        "256x192@60",
        "--reconnect-timeout",
        "0",
        "-o",
        "-",
        "-o",
        file.to_str().unwrap(),
    ]);
    for _ in 0..5 {
        client.line().expect("predictions come");
    }
    worker.kill();
    let run = client.wait();
    run.failed(
        1,
        &[
            "the connection to the worker at",
            "was lost after",
            "are kept",
        ],
    );
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept.lines().count(), 5 + run.predictions().len());
}

#[test]
fn an_interrupted_worker_ends_its_clients_stream_at_once() {
    let worker = Worker::start(&["--model", &model()]);
    let mut client = endless_with(&worker.signal, &["--reconnect-timeout", "0"]);
    client.line().expect("a first prediction");
    let (code, _) = worker.interrupt();
    assert_eq!(code, Some(130));
    client
        .wait()
        .failed(1, &["the connection to the worker at", "was lost after"]);
}

#[test]
fn memory_stays_flat_while_raw_1080p_streams() {
    let worker = Worker::start(&[]);
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "1920x1080@30",
        "--max-frames",
        "60",
    ];
    Client::run(&args).success();
    let kilobytes = peak_memory(worker.pid()).expect("Linux reports the peak");
    assert!(
        kilobytes < 150_000,
        "peak memory of the worker: {kilobytes} kB"
    );
}
