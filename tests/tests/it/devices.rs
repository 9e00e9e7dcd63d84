//! A worker whose model runs on several devices.

use std::process::Command;

use e2e::{Client, FailingDevice, Worker, binary, demo, scrape, text};
use serde_json::Value;

/// Calls of a device before it is lost: the warm-up, and some frames.
const CALLS: usize = 10;

fn worker(more: &[&str], prepare: impl FnOnce(&mut Command)) -> Worker {
    let args = ["--listen", "127.0.0.1:0", "--model"];
    let model = text(&demo("model"));
    Worker::start_with(&[&args[..], &[&model], more].concat(), prepare)
}

fn video(worker: &Worker, more: &[&str]) -> Client {
    Client::video(&worker.signal, more)
}

/// What clients do: alone, in batches of their own, with tracks that depend on the order.
const KINDS: [&[&str]; 3] = [
    &["--max-frames", "90"],
    &["--max-frames", "60", "--batch-size", "8"],
    &["--max-frames", "60", "-t", "--max-tracks", "1"],
];

/// The poses of each kind, whose clients run at the same time.
fn all_at_once(worker: &Worker) -> [Vec<(u64, Value)>; 3] {
    let clients = KINDS.map(|kind| video(worker, kind));
    clients.map(|client| client.wait().success().poses())
}

#[test]
fn poses_of_two_devices_are_those_of_one_in_the_same_order() {
    let one = worker(&["--device", "cpu", "--threads", "1"], |_| {});
    let expected = all_at_once(&one);
    for (kind, poses) in KINDS.iter().zip(&expected) {
        let ids = poses.iter().map(|(id, _)| *id);
        assert!(ids.is_sorted() && !poses.is_empty(), "{kind:?}");
    }
    drop(one);
    let two = worker(&["--device", "cpu,cpu", "--threads", "1"], |_| {});
    two.logs("model loaded", 2);
    assert_eq!(all_at_once(&two), expected);
    // Tracks of the worker's own tracker, which is fed in the order of the stream.
    let tracks = ["--device", "cpu,cpu,cpu", "-t", "--max-tracks", "1"];
    let three = worker(&tracks, |_| {});
    let run = video(&three, &["--max-frames", "60"]).wait().success();
    let ids = run.poses().into_iter().map(|(id, _)| id);
    assert!(ids.eq(0..60), "{}", run.stderr);
}

#[test]
fn a_device_that_is_lost_is_taken_out_and_costs_no_frame() {
    let expected = {
        let one = worker(&["--device", "cpu"], |_| {});
        video(&one, &["--max-frames", "90"])
            .wait()
            .success()
            .poses()
    };
    for lost in [0, 1] {
        let runtime = FailingDevice::build(lost, CALLS);
        let args = [
            "--device",
            "cpu,cpu",
            "--threads",
            "1",
            "--metrics",
            "127.0.0.1:0",
        ];
        let mut worker = worker(&args, |command| runtime.use_in(command));
        let line = worker.stdout_line();
        let metrics = line.strip_prefix("metrics: ").expect("a URL").to_owned();
        let run = video(&worker, &["--max-frames", "90"]).wait().success();
        assert_eq!(run.poses(), expected, "{}", run.stderr);
        worker.logs(
            "a device failed in a call of the model that another one ran",
            1,
        );
        let figures = scrape(&metrics);
        let figure = |name: &str, number: usize| {
            let labels = format!("{{number=\"{number}\",device=\"cpu\"}}");
            let other = format!("{{device=\"cpu\",number=\"{number}\"}}");
            let name = format!("sleap_worker_device_{name}");
            let value = figures.get(&format!("{name}{labels}"));
            let value = value.or_else(|| figures.get(&format!("{name}{other}")));
            value.and_then(Value::as_f64).expect("a figure")
        };
        assert_eq!(
            (figure("in_use", lost), figure("in_use", 1 - lost)),
            (0.0, 1.0)
        );
        assert_eq!(figure("failures_total", lost), 1.0);
        assert!(figure("frames_total", 1 - lost) > figure("frames_total", lost));
        let (_, log) = worker.interrupt();
        let out: Vec<_> = log
            .lines()
            .filter(|line| line.contains("taken out"))
            .collect();
        let [line] = out[..] else { panic!("{log}") };
        let number = format!("number={lost}");
        for words in ["device=cpu", &number, "left=1", "the device is lost"] {
            assert!(line.contains(words), "no {words} in {line}");
        }
    }
}

#[test]
fn where_the_only_device_is_lost_frames_fail_and_the_client_says_so() {
    let runtime = FailingDevice::build(0, CALLS);
    let worker = worker(&["--device", "cpu"], |command| runtime.use_in(command));
    let run = video(&worker, &["--max-frames", "40"]).wait();
    assert!(run.predictions().len() < 40, "{}", run.stderr);
    run.failed(1, &["the worker could not use", "the device is lost"]);
    assert!(!worker.interrupt().1.contains("taken out"));
}

#[test]
fn doctor_measures_each_device_and_says_what_they_are_together() {
    let model = text(&demo("model"));
    let args = [
        "doctor",
        "--device",
        "cpu,cpu",
        "--threads",
        "1",
        "--model",
        &model,
    ];
    let mut doctor = Command::new(binary("sleap-worker"));
    let output = doctor.args(args).output().expect("a report");
    let report = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report.matches("runs on").count(), 2, "{report}");
    assert!(
        report.contains("Ready: CPU only, 2 sessions, about "),
        "{report}"
    );
}

/// A worker with ONNX Runtime's library for OpenVINO; `None`: it is not on this machine.
fn openvino(command: &mut Command) -> Option<&mut Command> {
    let Some(folder) = std::env::var_os("TEST_ONNXRUNTIME_OPENVINO") else {
        eprintln!(
            "skipped: TEST_ONNXRUNTIME_OPENVINO names no folder with ONNX Runtime and OpenVINO"
        );
        return None;
    };
    Some(command.env("ORT_DYLIB_PATH", folder))
}

/// The numbers in a value, in their order.
fn numbers(value: &Value, into: &mut Vec<f64>) {
    match value {
        Value::Number(number) => into.extend(number.as_f64()),
        Value::Array(values) => values.iter().for_each(|value| numbers(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| numbers(value, into)),
        _ => {}
    }
}

#[test]
fn openvino_is_taken_where_it_is_there_and_has_the_poses_of_the_cpu() {
    if openvino(&mut Command::new("")).is_none() {
        return;
    }
    let poses = |worker: &Worker| {
        video(worker, &["--max-frames", "60"])
            .wait()
            .success()
            .poses()
    };
    let expected = poses(&worker(&["--device", "cpu"], |_| {}));
    // The rest of two sessions at the same time is that of any other device.
    for (devices, sessions) in [("auto", 1), ("openvino,openvino", 2)] {
        let fast = worker(&["--device", devices, "--max-batch", "4"], |command| {
            openvino(command);
        });
        fast.logs("device=openvino", sessions);
        let found = poses(&fast);
        assert_eq!(found.len(), expected.len());
        for ((id, found), (expected_id, expected)) in found.iter().zip(&expected) {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            numbers(found, &mut ours);
            numbers(expected, &mut theirs);
            assert_eq!((id, ours.len()), (expected_id, theirs.len()));
            let same = |(a, b): (&f64, &f64)| (a - b).abs() < 0.01;
            assert!(ours.iter().zip(&theirs).all(same), "{found} {expected}");
        }
    }
}

#[test]
fn openvino_that_is_not_there_is_an_error_with_what_to_install() {
    let model = text(&demo("model"));
    let args = ["--no-config", "--device", "openvino", "--model", &model];
    let output = Command::new(binary("sleap-worker")).args(args).output();
    let output = output.expect("an end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["cannot run on openvino", "pip install onnxruntime-openvino"] {
        assert!(said.contains(words), "no {words} in {said}");
    }
}

#[test]
fn devices_that_do_not_go_together_are_refused() {
    for (devices, words) in [
        ("auto,auto", "chooses one device"),
        ("cuda:0,cpu", "name GPUs only"),
        ("openvino,cuda:0", "name GPUs only"),
        ("cpu,", "is no device"),
    ] {
        let mut command = Command::new(binary("sleap-worker"));
        let output = command.args(["--no-config", "--device", devices]).output();
        let output = output.expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "no {words} in {said}");
    }
}
