//! The Python peer in both roles, with negative controls.

use e2e::{
    Client, Worker, demo, read_png, reference_client, reference_signaling, reference_worker, sha256,
};
use serde_json::Value;

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["event"] == kind).count()
}

#[test]
fn python_client_streams_raw_frames_to_our_worker() {
    python_client(&["--raw", "--frames", "12", "--size", "322x242"]);
}

#[test]
fn python_client_streams_batches_to_our_worker() {
    python_client(&[
        "--raw", "--frames", "12", "--size", "322x242", "--batch", "4",
    ]);
}

#[test]
fn python_client_sends_keep_alives_and_one_channel() {
    python_client(&[
        "--raw",
        "--frames",
        "6",
        "--size",
        "160x120",
        "--channels",
        "1",
        "--keep-alive",
        "--wait-ack",
    ]);
}

/// What the worker saves is what the client sent, frame by frame.
fn python_client(args: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(&[
        "--save-every",
        "1",
        "--output",
        dir.path().to_str().unwrap(),
    ]);
    let (events, code) = reference_client(&worker.signal, args).rest();
    assert_eq!(code, Some(0));
    assert_eq!(count(&events, "complete"), 1);
    assert_eq!(count(&events, "ack"), 1);
    let sent: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "sent")
        .collect();
    let frames: usize = args[args.iter().position(|arg| *arg == "--frames").unwrap() + 1]
        .parse()
        .unwrap();
    assert_eq!(sent.len(), frames);
    for event in sent {
        let id = event["frame_id"].as_u64().unwrap();
        let saved = read_png(&dir.path().join(format!("frame_{id:06}.png")));
        assert_eq!(sha256(&saved.data), event["sha256"], "frame {id}");
    }
}

#[test]
fn python_client_gets_predictions_from_our_worker() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let args = ["--jpeg-quality", "80", "--frames", "9", "--size", "512x384"];
    let (events, code) = reference_client(&worker.signal, &args).rest();
    assert_eq!(code, Some(0));
    let predictions: Vec<&Value> = events
        .iter()
        .map(|event| &event["message"])
        .filter(|message| message["type"] == "PREDICTION")
        .collect();
    let ids: Vec<u64> = predictions
        .iter()
        .map(|one| one["frame_id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, (0..9).collect::<Vec<_>>());
}

#[test]
fn our_client_streams_to_a_python_worker_at_a_python_server() {
    let (_server, signal) = reference_signaling();
    let worker = reference_worker(&signal, &["--once"]);
    let video = demo("video.mp4");
    let run = Client::run(&[
        "--signal",
        &signal,
        "--stream",
        video.to_str().unwrap(),
        "--max-frames",
        "12",
    ])
    .success();
    assert!(
        run.stderr.contains("frames               12"),
        "{}",
        run.stderr
    );
    let (events, code) = worker.rest();
    assert_eq!(code, Some(0));
    assert_eq!(count(&events, "bad_frame"), 0);
    let source = vision::capture::Source::File(video.to_str().unwrap().into());
    let selection = vision::capture::FrameSelection {
        max_frames: Some(12),
        ..Default::default()
    };
    let received: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "frame")
        .collect();
    let sent = e2e::frames_of(source, selection);
    assert_eq!(received.len(), sent.len());
    for (received, (id, image)) in received.iter().zip(sent) {
        assert_eq!(received["frame_id"], id);
        assert_eq!(received["sha256"], sha256(&image.data), "frame {id}");
    }
}

#[test]
fn a_python_worker_that_predicts_and_fails_frames_is_understood() {
    let (_server, signal) = reference_signaling();
    let _worker = reference_worker(&signal, &["--predict", "--fail-frame", "3"]);
    let args = [
        "--signal",
        &signal,
        "--test-pattern",
        "64x48@100",
        "--max-frames",
        "6",
        "--every-frame",
        "-o",
        "-",
    ];
    let run = Client::run(&args);
    run.failed(1, &["the worker could not use 1 of the 6 frames"]);
    let ids: Vec<u64> = run
        .predictions()
        .iter()
        .map(|one| one["frame_id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), 5, "{}", run.stderr);
    assert!(!ids.contains(&3));
    assert!(run.stderr.contains("failed"), "{}", run.stderr);
}

#[test]
fn a_worker_without_streaming_is_named_as_the_cause() {
    let (_server, signal) = reference_signaling();
    let _worker = reference_worker(&signal, &["--ignore-start"]);
    let run = Client::run(&["--signal", &signal, "--test-pattern", "--ack-timeout", "2"]);
    run.failed(1, &["does not speak frame streaming"]);
}

/// The control: frames that differ have different sums, so the comparisons above can fail.
#[test]
fn checksums_tell_frames_apart() {
    let pattern = "64x48".parse().unwrap();
    let (one, _) = vision::synthetic::render(&pattern, 0);
    let (other, _) = vision::synthetic::render(&pattern, 1);
    assert_ne!(sha256(&one.data), sha256(&other.data));
}

#[test]
fn versions_that_are_too_far_apart_are_said_on_both_sides() {
    const WORDS: &str = "version 99.0.0";
    let worker = Worker::start(&[]);
    let client = ["--raw", "--frames", "1", "--exit", "--version"];
    for (version, is_said) in [(env!("CARGO_PKG_VERSION"), false), ("99.0.0", true)] {
        let (_, code) =
            reference_client(&worker.signal, &[&client[..], &[version]].concat()).rest();
        assert_eq!(code, Some(0));
        assert_eq!(worker.log().contains(WORDS), is_said, "{}", worker.log());
    }
    for (version, is_said) in [(env!("CARGO_PKG_VERSION"), false), ("99.0.0", true)] {
        let (_server, signal) = reference_signaling();
        let _worker = reference_worker(&signal, &["--version", version]);
        let pattern = ["--test-pattern", "64x48@100", "--max-frames", "1"];
        let run = Client::run(&[&["--signal", &signal], &pattern[..]].concat()).success();
        assert_eq!(run.stderr.contains(WORDS), is_said, "{}", run.stderr);
    }
}
