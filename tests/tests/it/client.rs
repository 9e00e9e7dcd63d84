//! The client's own ways to end: interrupted at any stage, without a reader, without a worker.

use std::io::Read;
use std::net::TcpListener;

use e2e::{Client, Worker, demo, reference_signaling, reference_worker};

fn video() -> String {
    demo("video.mp4").to_str().unwrap().to_owned()
}

#[test]
fn ctrl_c_does_not_wait_for_a_source_that_is_slow() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    // The second frame is due after half an hour.
    let args = [
        "--signal",
        &worker.signal,
        "--stream",
        &video(),
        "--fps",
        "0.0005",
        "-o",
        "-",
    ];
    let mut client = Client::start(&args);
    client.line().expect("the first frame's prediction");
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
}

#[test]
fn ctrl_c_ends_a_client_whose_source_does_not_open() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/video.mp4", silent.local_addr().unwrap());
    let client = Client::start(&["--stream", &url]);
    let (mut connection, _) = silent.accept().unwrap();
    // The request is here, and will never be answered.
    connection.read_exact(&mut [0]).unwrap();
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
}

#[test]
fn ctrl_c_ends_a_client_that_waits_for_the_workers_word() {
    let (_server, signal) = reference_signaling();
    let mut worker = reference_worker(&signal, &["--ignore-start", "--once"]);
    let client = Client::start(&[
        "--signal",
        &signal,
        "--test-pattern",
        "--ack-timeout",
        "3600",
    ]);
    worker.until("stream_start");
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    // The worker hears that its client has gone.
    worker.until("closed");
}

#[test]
fn ctrl_c_ends_a_client_whose_worker_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("poses.jsonl");
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let args = ["--signal", &worker.signal, "--test-pattern", "256x192@60"];
    let outputs = ["-o", "-", "-o", file.to_str().unwrap()];
    let mut client = Client::start(&[&args[..], &outputs[..]].concat());
    client.line().expect("a prediction");
    worker.freeze();
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(kept.lines().count(), 1 + run.predictions().len());
}

#[test]
fn a_reader_that_goes_ends_the_stream_in_order() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "256x192@60",
        "-o",
        "-",
    ];
    let mut client = Client::start(&args);
    client.line().expect("a prediction");
    let run = client.wait_unread();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (_, log) = worker.interrupt();
    assert!(log.contains("stream complete"), "{log}");
}

#[test]
fn a_run_that_never_begins_replaces_no_file_and_leaves_none() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old.jsonl"), dir.path().join("new.jsonl"));
    std::fs::write(&old, "precious").unwrap();
    let server = e2e::signal_server();
    let args = ["--signal", &server.signal, "--test-pattern", "--overwrite"];
    let outputs = ["-o", old.to_str().unwrap(), "-o", new.to_str().unwrap()];
    Client::run(&[&args[..], &outputs[..]].concat()).failed(1, &["no worker"]);
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "precious");
    assert!(!new.exists());
}

#[test]
fn a_stream_of_which_nothing_could_be_used_has_failed() {
    let (_server, signal) = reference_signaling();
    let _worker = reference_worker(&signal, &["--fail-frame", "0", "--fail-frame", "1"]);
    let args = [
        "--signal",
        &signal,
        "--stream",
        &video(),
        "--max-frames",
        "2",
    ];
    Client::run(&args).failed(1, &["none of the frames"]);
}

#[test]
fn a_worker_is_met_by_its_id() {
    let server = e2e::signal_server();
    let _worker = Worker::start_at(&server.signal, &[]);
    let args = [
        "--signal",
        &server.signal,
        "--test-pattern",
        "--worker-id",
        "somebody-else",
    ];
    Client::run(&args).failed(1, &["somebody-else"]);
}

#[test]
fn memory_stays_flat_while_raw_1080p_is_sent() {
    let worker = Worker::start(&[]);
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "1920x1080@30",
        "--max-frames",
        "60",
    ];
    let peak = Client::start(&args).wait_with_peak();
    assert!(peak < 150_000, "peak memory of the client: {peak} kB");
}
