//! What is left after kill -9.

use super::*;

/// Microseconds since 1970.
fn now_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros() as u64
}

/// How much a prediction is late at most: it is with the system after [`labels::FLUSH_BY`], where
/// a core is free; other programs may take them all.
const LATE: Duration = Duration::from_secs(3);

/// Kills a client at a moment that differs from run to run; what its reader had heard of a second
/// before, and all that was predicted before that, is in every file, allowing for [`LATE`].
#[test]
fn kill_minus_nine_leaves_files_that_hold_all_but_the_last_second() {
    let worker = model();
    let begun = Instant::now();
    for round in 0..4 {
        let files = Files::new();
        let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl", "-"]);
        let mut outputs: Vec<String> = outputs;
        *outputs.last_mut().unwrap() = "-".into();
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let pattern = [
            "--signal",
            &worker.signal,
            "--test-pattern",
            "320x240@50",
            "--wait",
        ];
        let mut client = Client::start(&[&pattern[..], &outputs].concat());
        let count = 200 + 37 * round + begun.elapsed().subsec_micros() % 20;
        let mut heard = Vec::new();
        for _ in 0..count {
            heard.push(client.line().expect("a prediction"));
        }
        client.kill();
        let killed = now_us();
        assert_kept(&files, &heard, killed);
    }
}

#[track_caller]
fn assert_kept(files: &Files, heard: &[Value], killed: u64) {
    let in_hand =
        |line: &Value| line["captured_us"].as_u64().unwrap() + line["latency_us"].as_u64().unwrap();
    let by = labels::FLUSH_BY + LATE;
    let old = |line: &&Value| in_hand(line) + (by.as_micros() as u64) < killed;
    let due = heard.iter().filter(old).count();
    assert!(due > 0, "{} predictions are too few", heard.len());
    let lines = parsed(&whole_lines(&files.path("a.jsonl")));
    assert!(lines.len() >= due, "{} lines, {due} are due", lines.len());
    let (slp, csv) = (files.path("a.slp"), files.path("a.csv"));
    for labels in &sleap_io_reads(&[&slp]) {
        let frames = labels["frames"].as_array().unwrap();
        assert!(
            frames.len() >= due,
            "{} frames, {due} are due",
            frames.len()
        );
        assert!(labels["frame_times"].as_array().unwrap().len() >= frames.len());
        for (frame, line) in frames.iter().zip(heard) {
            assert_eq!(frame["frame_idx"], line["frame_id"]);
            assert_same(frame, line, labels["nodes"].as_array().unwrap());
        }
    }
    // The test pattern has one animal, which is found in every frame; one row has the names.
    assert!(whole_lines(&csv).lines().count() > due);
}
