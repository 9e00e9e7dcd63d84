//! Files of predictions, as sleap-io reads them: whole, compared value by value, and after kill -9.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::{
    Client, Finished, Worker, assert_as_sleap_io_writes, demo, signal_server, sleap_io_reads, text,
};
use link::{Acceptor, PeerConfig};
use protocol::{
    AckStatus, Limits, Message, Prediction, Reassembler, Skeleton, StreamAck, StreamComplete,
};
use serde_json::Value;

/// Where a test writes, and the names of its files.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `-o FILE` for each of them.
    fn outputs(&self, names: &[&str]) -> Vec<String> {
        let output = |name: &&str| ["-o".to_owned(), text(&self.path(name))];
        names.iter().flat_map(output).collect()
    }
}

fn model() -> Worker {
    Worker::start(&["--model", &text(&demo("model"))])
}

fn json_lines(path: &Path) -> Vec<Value> {
    parsed(&std::fs::read_to_string(path).unwrap())
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The whole lines of a file whose writer was killed, maybe while the system copied the last one.
fn whole_lines(path: &Path) -> String {
    let mut text = std::fs::read_to_string(path).unwrap();
    text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
    text
}

/// Runs a client with further arguments.
fn run(signal: &str, args: &[&str], more: &[String]) -> Finished {
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    Client::run(&[&["--signal", signal], args, &more].concat())
}

/// An answer to each of six frames, by a worker that says this of its skeleton.
fn scripted(
    skeleton: Option<Skeleton>,
    args: &[String],
    answer: impl Fn(u64) -> Prediction,
) -> Finished {
    let server = signal_server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut acceptor = runtime
        .block_on(Acceptor::register(&server.signal, PeerConfig::default()))
        .unwrap();
    let pattern = ["--signal", &server.signal, "--test-pattern", "64x48@100"];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let client =
        Client::start(&[&pattern[..], &["--max-frames", "6", "--no-live"], &args].concat());
    runtime.block_on(async {
        let mut channel = acceptor.accept().await.unwrap();
        let mut frames = Reassembler::new(Limits::default());
        while let Some(Ok(message)) = channel.receiver.recv().await {
            let reply = match message {
                Message::StreamStart(_) => Message::StreamAck(StreamAck {
                    status: AckStatus::Ready,
                    answers: true,
                    skeleton: skeleton.clone(),
                    ..StreamAck::default()
                }),
                Message::StreamEnd(_) => Message::StreamComplete(StreamComplete::default()),
                other => match frames.push(other).frame {
                    Some(frame) => Message::Prediction(answer(frame.meta.frame_id)),
                    None => continue,
                },
            };
            if channel.sender.send(reply).await.is_err() {
                break;
            }
        }
        channel.sender.close().await;
    });
    client.wait()
}

/// What sleap-io read of a prediction is what the line of JSON says, to the last bit.
#[track_caller]
pub(super) fn assert_same(frame: &Value, line: &Value, nodes: &[Value]) {
    let single = |value: &Value| value.as_f64().map(|value| value as f32);
    let instances = line["instances"].as_array().unwrap();
    let found = frame["instances"].as_array().unwrap();
    assert_eq!(found.len(), instances.len());
    for (index, (one, points)) in found.iter().zip(instances).enumerate() {
        assert_eq!(
            single(&one["score"]),
            single(&line["instance_scores"][index])
        );
        assert_eq!(one["track"], line["tracks"][index], "{line}");
        for (node, name) in nodes.iter().enumerate() {
            let point = &one["points"][name.as_str().unwrap()];
            let expected = &points[node];
            assert_eq!(point["visible"], !expected.is_null(), "{line}");
            assert_eq!(single(&point["x"]), single(&expected[0]), "{line}");
            assert_eq!(single(&point["y"]), single(&expected[1]), "{line}");
            let score = single(&line["confidence"][index][node]);
            assert_eq!(single(&point["score"]), score, "{line}");
        }
    }
}

#[test]
fn sleap_io_reads_in_slp_and_csv_what_the_json_lines_say() {
    let (worker, files) = (model(), Files::new());
    let video = demo("video.mp4");
    let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl"]);
    let args = ["--stream", &text(&video), "--frames", "10-49"];
    run(&worker.signal, &args, &outputs).success();
    let (slp, csv) = (files.path("a.slp"), files.path("a.csv"));
    let lines = json_lines(&files.path("a.jsonl"));
    let read = sleap_io_reads(&[&slp, &csv]);
    let labels = &read[0];
    assert_eq!(
        labels["nodes"],
        serde_json::json!(["nose", "head", "thorax", "tail_base", "tail_tip"])
    );
    assert_eq!(
        labels["edges"],
        serde_json::json!([[0, 1], [1, 2], [2, 3], [3, 4]])
    );
    let whole = std::fs::canonicalize(&video).unwrap();
    let named = labels["videos"][0]["filename"].as_str().unwrap();
    assert_eq!(std::fs::canonicalize(named).unwrap(), whole);
    assert_eq!(
        labels["videos"][0]["shape"],
        serde_json::json!([240, 384, 512, 3])
    );
    assert_eq!(labels["videos"][0]["opens"], true);
    assert_eq!(labels["provenance"]["model"], "synthetic_mouse");
    let nodes = labels["nodes"].as_array().unwrap();
    assert_eq!(lines.len(), 40);
    for (row, line) in lines.iter().enumerate() {
        for labels in &read {
            let frame = &labels["frames"][row];
            assert_eq!(frame["frame_idx"], line["frame_id"]);
            assert_same(frame, line, nodes);
        }
        let times = &labels["frame_times"][row];
        for name in ["frame_id", "captured_us", "latency_us"] {
            assert_eq!(times[name], line[name], "{name}");
        }
        assert_eq!(
            (&times["clock"], &line["clock"]),
            (&3.into(), &"arrival".into())
        );
    }
    assert_as_sleap_io_writes(&csv, &slp);
}

/// Two animals, of which one is new in the fourth frame, and an empty frame.
fn tracked(frame_id: u64) -> Prediction {
    let at = frame_id as f32 + 0.25;
    let (instances, tracks): (Vec<_>, Vec<_>) = match frame_id {
        2 => (Vec::new(), Vec::new()),
        0..3 => (vec![vec![Some([at, 1.5]), None]], vec![None]),
        _ => (
            vec![
                vec![Some([at, 1.5]), None],
                vec![Some([1.0, at]), Some([2.0, at])],
            ],
            vec![
                Some("señora \"A\"".to_owned()),
                Some(format!("b{}", frame_id % 2)),
            ],
        ),
    };
    Prediction {
        frame_id,
        confidence: instances
            .iter()
            .map(|points| points.iter().map(|point| point.map(|_| 0.5)).collect())
            .collect(),
        instance_scores: instances.iter().map(|_| Some(at)).collect(),
        track_scores: tracks
            .iter()
            .map(|track| track.as_ref().map(|_| 0.5))
            .collect(),
        instances,
        tracks,
        ..Prediction::default()
    }
}

#[test]
fn tracks_appear_as_they_come_and_empty_frames_stay() {
    let files = Files::new();
    let skeleton = Skeleton {
        name: "pair".into(),
        nodes: vec!["front".into(), "back".into()],
        edges: vec![[1, 0]],
    };
    let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl"]);
    scripted(Some(skeleton), &outputs, tracked).success();
    let (slp, csv) = (files.path("a.slp"), files.path("a.csv"));
    let read = sleap_io_reads(&[&slp]);
    let labels = &read[0];
    assert_eq!(labels["nodes"], serde_json::json!(["front", "back"]));
    assert_eq!(labels["edges"], serde_json::json!([[1, 0]]));
    assert_eq!(
        labels["tracks"],
        serde_json::json!(["señora \"A\"", "b1", "b0"])
    );
    let lines = json_lines(&files.path("a.jsonl"));
    assert_eq!(lines.len(), 6);
    for (frame, line) in labels["frames"].as_array().unwrap().iter().zip(&lines) {
        assert_same(frame, line, labels["nodes"].as_array().unwrap());
    }
    assert_eq!(labels["frames"][2]["instances"], serde_json::json!([]));
    assert_as_sleap_io_writes(&csv, &slp);
}

#[test]
fn nodes_that_nobody_names_get_names() {
    let files = Files::new();
    let outputs = files.outputs(&["a.slp", "a.csv"]);
    scripted(None, &outputs, tracked).success();
    let read = sleap_io_reads(&[&files.path("a.slp"), &files.path("a.csv")]);
    for labels in &read {
        assert_eq!(labels["nodes"], serde_json::json!(["node_0", "node_1"]));
    }
    assert_eq!(read[0]["frames"].as_array().unwrap().len(), 6);
    assert_eq!(
        read[0]["frames"][0]["instances"][0]["points"]["node_0"]["x"],
        0.25
    );
}

#[test]
fn an_answer_that_a_file_cannot_hold_is_left_out_of_it_and_the_next_is_not() {
    let files = Files::new();
    let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl"]);
    let run = scripted(None, &outputs, |frame_id| Prediction {
        frame_id,
        // One more node in the fourth frame.
        instances: vec![vec![Some([1.0, 2.0]); 2 + usize::from(frame_id == 3)]],
        ..Prediction::default()
    });
    let what = "frame 3 has an instance of 3 nodes, where the skeleton has 2";
    run.failed(1, &["a.slp lacks 1 predictions", "a.csv lacks 1", what]);
    assert_eq!(json_lines(&files.path("a.jsonl")).len(), 6);
    let read = sleap_io_reads(&[&files.path("a.slp"), &files.path("a.csv")]);
    for labels in &read {
        let frames = labels["frames"].as_array().unwrap().iter();
        let ids: Vec<_> = frames
            .filter_map(|frame| frame["frame_idx"].as_u64())
            .collect();
        assert_eq!(ids, [0, 1, 2, 4, 5]);
    }
}

#[test]
fn a_skeleton_that_no_file_holds_is_refused_before_the_stream_begins() {
    let files = Files::new();
    let skeleton = Skeleton {
        nodes: (0..400)
            .map(|node| format!("{node}{}", "x".repeat(200)))
            .collect(),
        ..Skeleton::default()
    };
    let outputs = files.outputs(&["a.slp"]);
    let run = scripted(Some(skeleton), &outputs, |_| panic!("no frame is sent"));
    run.failed(1, &["a.slp", "64000"]);
    assert!(!files.path("a.slp").exists());
}

#[cfg(unix)]
#[test]
fn names_of_predictions_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let (worker, dir) = (model(), tempfile::tempdir().unwrap());
    let path = |name: &[u8]| dir.path().join(std::ffi::OsStr::from_bytes(name));
    let outputs = [
        ("-o", path(b"v\xff.slp")),
        ("-o", path(b"v\xff.csv")),
        ("-o", path(b"v\xff.jsonl")),
        ("--snapshot", path(b"v\xff.png")),
    ];
    let args = ["--signal", &worker.signal, "--test-pattern", "64x48@100"];
    let args = [&args[..], &["--max-frames", "3"]].concat();
    let client = Client::start_with(&args, |command| {
        for (option, path) in &outputs {
            command.arg(option).arg(path);
        }
    });
    client.wait().success();
    for (_, path) in outputs {
        assert!(path.metadata().unwrap().len() > 0, "{}", path.display());
    }
}

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
