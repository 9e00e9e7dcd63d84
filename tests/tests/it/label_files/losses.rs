//! Files that may not be written, and others that go on.

use super::*;

#[test]
fn files_that_are_there_are_kept_unless_told_otherwise() {
    let (worker, files) = (model(), Files::new());
    let args = ["--test-pattern", "64x48@100", "--max-frames", "3"];
    for name in ["a.slp", "a.csv", "a.jsonl"] {
        let output = files.outputs(&[name]);
        std::fs::write(files.path(name), "precious").unwrap();
        run(&worker.signal, &args, &output).failed(1, &[name, "--overwrite"]);
        assert_eq!(
            std::fs::read_to_string(files.path(name)).unwrap(),
            "precious"
        );
    }
    let outputs = files.outputs(&["a.slp", "a.csv"]);
    run(
        &worker.signal,
        &[&args[..], &["--overwrite"]].concat(),
        &outputs,
    )
    .success();
    let read = sleap_io_reads(&[&files.path("a.slp"), &files.path("a.csv")]);
    assert_eq!(read[0]["frames"].as_array().unwrap().len(), 3);
}

#[test]
fn a_disk_that_fills_up_ends_its_file_and_nothing_else() {
    let (worker, files) = (model(), Files::new());
    let slp = files.path("a.slp");
    let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl"]);
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "64x48@100",
        "--no-live",
    ];
    let more = ["--max-frames", "200", "-o", "-"];
    let run = Client::run_with_full_disk(64, &[&args[..], &outputs, &more].concat());
    let words = [
        "cannot write to",
        "a.slp",
        "a.csv",
        "a.jsonl",
        "everything else goes on",
    ];
    run.failed(1, &words);
    assert_eq!(run.predictions().len(), 200);
    let read = sleap_io_reads(&[&slp]);
    let frames = read[0]["frames"].as_array().unwrap();
    assert!(
        !frames.is_empty() && frames.len() < 200,
        "{} frames",
        frames.len()
    );
    for (frame, line) in frames.iter().zip(run.predictions()) {
        assert_same(frame, &line, read[0]["nodes"].as_array().unwrap());
    }
    for name in ["a.csv", "a.jsonl"] {
        let text = std::fs::read(files.path(name)).unwrap();
        assert!(
            text.len() > 4096 && text.ends_with(b"\n"),
            "{name} ends with a line"
        );
    }
}

#[test]
fn a_full_disk_does_not_end_what_others_get() {
    let (worker, files) = (model(), Files::new());
    let poses = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", poses.local_addr().unwrap());
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "64x48@100",
        "--no-live",
        "--max-frames",
        "200",
    ];
    let slp = text(&files.path("a.slp"));
    let run = Client::run_with_full_disk(64, &[&args[..], &["-o", &slp, "--emit", &url]].concat());
    run.failed(1, &["cannot write to", "a.slp", "everything else goes on"]);
    assert!(
        run.stderr.contains(&format!("{:>9}   to {url}", 200)),
        "{}",
        run.stderr
    );
}

#[test]
fn a_reader_that_goes_does_not_end_what_others_get() {
    let (worker, poses) = (model(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let url = format!("udp://{}", poses.local_addr().unwrap());
    let pattern = ["--signal", &worker.signal, "--test-pattern", "64x48@100"];
    let more = [
        "--no-live",
        "--max-frames",
        "200",
        "-o",
        "-",
        "--emit",
        &url,
    ];
    let run = Client::start(&[&pattern[..], &more].concat()).wait_unread();
    run.failed(
        0,
        &["standard output is closed: no program reads it any more"],
    );
    assert!(
        run.stderr.contains(&format!("{:>9}   to {url}", 200)),
        "{}",
        run.stderr
    );
}

/// A number that the summary says.
fn summary(log: &str, name: &str) -> u64 {
    let line = log.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|word| word.parse().ok())
        .expect("the summary says it")
}

#[test]
fn a_reader_that_is_stuck_holds_up_frames_and_neither_poses_nor_ctrl_c() {
    let (worker, socket) = (model(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let url = format!("udp://{}", socket.local_addr().unwrap());
    let pattern = ["--signal", &worker.signal, "--test-pattern", "64x48@1000"];
    let more = ["--no-live", "-o", "-", "--emit", &url];
    let client = Client::start(&[&pattern[..], &more].concat());
    client.logs("an output is slower than the poses come", 1);
    client.interrupt();
    // Its end of the pipe is open, and takes nothing more.
    let (run, unread) = client.wait_unread_to_the_end();
    run.failed(
        1,
        &["standard output lacks the last", "were not taken in time"],
    );
    let [frames, predictions, emitted] =
        ["frames", "predictions", "emitted"].map(|name| summary(&run.stderr, name));
    assert!(predictions > 512, "{predictions} predictions");
    assert_eq!((frames, emitted), (predictions, predictions));
    assert!(!run.stderr.contains("unanswered"), "{}", run.stderr);
    drop(unread);
}
