//! Workers that acknowledge a stream and then answer nothing, or nothing that can be read. They show
//! signs of life all the time.

use e2e::{Client, Finished, Peer, demo, events, reference_signaling, reference_worker, summary};

/// A worker that promises to answer every frame.
fn promising(more: &[&str]) -> (Peer, Peer, String) {
    let (server, signal) = reference_signaling();
    let promises = ["--answers", "--heartbeat", "--predict", "--quiet"];
    let worker = reference_worker(&signal, &[&promises, more].concat());
    (server, worker, signal)
}

/// A live stream without an end.
fn live(signal: &str, more: &[&str]) -> Client {
    let args = ["--signal", signal, "--test-pattern", "64x48@20", "-o", "-"];
    Client::start(&[&args, more].concat())
}

/// The first frames of a file.
fn file(signal: &str, frames: &str, more: &[&str]) -> Finished {
    let video = demo("video.mp4");
    let video = ["--stream", video.to_str().unwrap(), "--max-frames", frames];
    Client::run(&[&["--signal", signal, "-o", "-"], &video[..], more].concat())
}

#[test]
fn a_live_stream_goes_on_with_newer_frames_when_answers_stop_and_come_again() {
    let (_server, _worker, signal) = promising(&["--mute", "3", "100"]);
    let mut client = live(&signal, &[]);
    for _ in 0..3 {
        client.line().expect("a prediction");
    }
    client.logs(
        &format!("the worker at {signal} has answered nothing for"),
        1,
    );
    let next = client.line().expect("newer frames are sent");
    assert!(next["frame_id"].as_u64() >= Some(100), "{next}");
    client.logs("answers again", 1);
    client.interrupt();
    let run = client.wait();
    run.failed(130, &["unanswered", "sent, but not answered: "]);
}

#[test]
fn a_live_stream_ends_where_answers_stay_away() {
    let (_server, _worker, signal) = promising(&["--mute", "3", "1000000"]);
    let run = live(&signal, &["--reconnect-timeout", "1"]).wait();
    let error = format!("error: the worker at {signal} has answered nothing for");
    run.failed(
        1,
        &[&error, " were not answered (", "3 predictions are kept"],
    );
    assert_eq!(run.predictions().len(), 3);
}

#[test]
fn a_file_ends_where_answers_stay_away_and_sends_no_more_meanwhile() {
    let (_server, _worker, signal) = promising(&["--mute", "3", "1000000"]);
    let run = file(&signal, "200", &["--reconnect-timeout", "1"]);
    run.failed(1, &["has answered nothing for", "were not answered (3-"]);
    assert_eq!(run.predictions().len(), 3);
}

#[test]
fn frames_of_a_file_that_are_not_answered_are_named() {
    let (_server, _worker, signal) = promising(&["--skip-frame", "3", "--skip-frame", "5"]);
    let run = file(&signal, "12", &[]);
    let summary = "unanswered            2   sent, but not answered: 3, 5";
    run.failed(1, &["2 frames were not answered (3, 5)", summary]);
    assert_eq!(run.predictions().len(), 10);
}

#[test]
fn answers_that_cannot_be_read_are_told_once_counted_and_no_answers() {
    let (_server, _worker, signal) = promising(&["--garble"]);
    let run = file(&signal, "12", &[]);
    let reason = "malformed JSON message PREDICTION";
    run.failed(
        1,
        &[
            "12 frames were not answered (0-11), 12 messages of the worker could not be read",
            "unreadable           12",
            reason,
        ],
    );
    let told = "a message of the worker cannot be read";
    assert_eq!(run.stderr.matches(told).count(), 1, "{}", run.stderr);
    // In JSON, and longer than people are to hear of it.
    let args = ["--test-pattern", "64x48@20", "--reconnect-timeout", "11"];
    let run = Client::run(&[&["--signal", &signal, "--json"], &args[..]].concat());
    run.failed(1, &["has answered nothing that can be read", reason]);
    let said = run.predictions();
    let silent = events(&said, "silent");
    assert_eq!(silent.len(), 1);
    assert!(silent[0]["seconds"].as_f64() >= Some(10.0), "{}", silent[0]);
    let summary = summary(&said);
    // What was sent last may have no answer yet.
    let count = |name: &str| summary[name].as_u64().unwrap();
    let (unanswered, unreadable) = (count("unanswered"), count("unreadable"));
    let second = 20;
    assert!(
        (unanswered - second..=unanswered).contains(&unreadable),
        "{summary}"
    );
    assert_eq!(summary["unanswered_frames"][0][0], 0, "{summary}");
}

#[test]
fn problems_that_a_worker_reports_fill_no_log_and_end_nothing() {
    let (_server, _worker, signal) = promising(&["--complain"]);
    let run = file(&signal, "12", &[]).success();
    let told = "the worker reports a problem: the disk is full";
    assert_eq!(run.stderr.matches(told).count(), 1, "{}", run.stderr);
}

#[test]
fn a_python_worker_that_never_answers_is_not_silent() {
    let (_server, signal) = reference_signaling();
    let _worker = reference_worker(&signal, &["--quiet"]);
    // Longer than an answer may take.
    let args = ["--test-pattern", "64x48@10", "--max-frames", "125"];
    let args = [
        &["--signal", &signal, "--reconnect-timeout", "1"],
        &args[..],
    ]
    .concat();
    let run = Client::run(&args).success();
    assert!(!run.stderr.contains("answered"), "{}", run.stderr);
}
