//! Runs that would keep nothing: refused where that is known at the handshake, a failure where it turns
//! out at the end, and never an empty file that looks like a result.

use std::path::Path;

use e2e::{Client, Worker, demo, reference_signaling, reference_worker};

fn model() -> Worker {
    Worker::start(&["--model", demo("model").to_str().unwrap()])
}

/// Six frames.
fn pattern<'a>(signal: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let six = ["--test-pattern", "64x48@100", "--max-frames", "6"];
    [&["--signal", signal][..], &six, more].concat()
}

#[track_caller]
fn assert_empty(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_client_that_wants_poses_ends_at_the_handshake_with_a_worker_without_a_model() {
    let worker = Worker::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (slp, png, video) = (path("a.slp"), path("a.png"), path("a.mkv"));
    for wants in [
        &["-o", &slp][..],
        &["-o", "-"],
        &["-o", &slp, "-q"],
        &["--emit", "udp://127.0.0.1:9"],
        &["--snapshot", &png],
        &["-o", &slp, "--record", &video],
    ] {
        let run = Client::run(&pattern(&worker.signal, wants));
        let name = format!("error: the worker at {} has no model", worker.signal);
        run.failed(1, &[&name, wants[0], "sleap-worker --model DIR"]);
        assert_eq!(run.stdout, "");
        assert_empty(dir.path());
    }
    // The worker is free at once.
    Client::run(&pattern(&worker.signal, &[])).success();
}

#[test]
fn a_client_that_wants_none_says_once_that_the_worker_only_checks() {
    let worker = Worker::start(&[]);
    let run = Client::run(&pattern(&worker.signal, &[])).success();
    assert_eq!(run.stderr.matches("no poses come back").count(), 1);
    let dir = tempfile::tempdir().unwrap();
    let video = dir.path().join("a.mkv");
    let record = ["--record", video.to_str().unwrap()];
    Client::run(&pattern(&worker.signal, &record)).success();
    assert!(video.exists());
}

#[test]
fn poses_that_never_come_are_a_failure_and_leave_no_file() {
    let (_server, signal) = reference_signaling();
    let _worker = reference_worker(&signal, &[]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (slp, csv, png) = (path("a.slp"), path("a.csv"), path("a.png"));
    std::fs::write(&csv, "replaced").unwrap();
    let wants = ["-o", &slp, "-o", &csv, "--snapshot", &png, "--overwrite"];
    let run = Client::run(&pattern(&signal, &wants));
    let error = "error: no poses came for 6 frames, and -o ";
    run.failed(1, &[error, "sleap-worker --model DIR", "does not stay"]);
    assert_empty(dir.path());
}

#[test]
fn an_interrupted_run_without_poses_leaves_no_file_either() {
    let (_server, signal) = reference_signaling();
    let mut worker = reference_worker(&signal, &[]);
    let dir = tempfile::tempdir().unwrap();
    let lines = dir.path().join("a.jsonl");
    let wants = ["--test-pattern", "64x48@100", "-o", lines.to_str().unwrap()];
    let client = Client::start(&[&["--signal", &signal], &wants[..]].concat());
    worker.until("frame");
    client.interrupt();
    client.wait().failed(130, &["does not stay"]);
    assert_empty(dir.path());
}

#[test]
fn frames_that_a_python_worker_did_not_get_are_missed() {
    let (_server, signal) = reference_signaling();
    let worker = |lose: &[&str]| reference_worker(&signal, &[lose, &["--once"]].concat());
    let peer = worker(&["--lose-frame", "3"]);
    let all = [&pattern(&signal, &["--every-frame"])[..]].concat();
    Client::run(&all).failed(1, &["received 5 of the 6 frames"]);
    peer.rest();
    let _peer = worker(&[]);
    Client::run(&all).success();
}

#[test]
fn poses_that_are_for_consumers_alone_and_reach_none_are_a_failure() {
    let worker = model();
    let emit = ["--emit", "zmq://127.0.0.1:0"];
    let run = Client::run(&pattern(&worker.signal, &emit));
    run.failed(1, &["none of the 6 poses", "while no subscriber was there"]);
    let kept = Client::run(&pattern(
        &worker.signal,
        &[&emit[..], &["-o", "-"]].concat(),
    ));
    let kept = kept.success();
    assert_eq!(kept.predictions().len(), 6);
    assert!(
        kept.stderr.contains("while no subscriber was there"),
        "{}",
        kept.stderr
    );
}

#[test]
fn samples_that_a_worker_cannot_save_are_counted_and_its_end_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("seen");
    let save = ["--save-every", "2", "--output", folder.to_str().unwrap()];
    let worker = Worker::start(&save);
    std::fs::remove_dir(&folder).unwrap();
    Client::run(&pattern(&worker.signal, &["--every-frame"])).success();
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(log.matches("frame not saved").count(), 1, "{log}");
    assert!(log.contains("3 of 3 frames were not saved"), "{log}");
}
