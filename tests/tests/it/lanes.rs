//! Both binaries with several lanes: the same frames, the same order, the same ends.

use std::path::Path;

use e2e::{
    Client, Worker, demo, frames_of, read_png, reference_signaling, reference_worker, same_pixels,
    signal_server,
};
use vision::capture::{FrameSelection, Source};

fn path(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

fn ids(predictions: &[serde_json::Value]) -> Vec<u64> {
    let ids = predictions.iter().map(|one| one["frame_id"].as_u64());
    ids.map(|id| id.expect("a frame's number")).collect()
}

#[test]
fn raw_frames_over_four_lanes_arrive_bit_exact() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(&["--save-every", "1", "--output", path(dir.path())]);
    let video = demo("video.mp4");
    let args = [
        "--lanes",
        "4",
        "--stream",
        path(&video),
        "--max-frames",
        "20",
    ];
    let run = Client::run(&[&["--signal", &worker.signal], &args[..]].concat()).success();
    assert!(run.stderr.contains("lanes=4"), "{}", run.stderr);
    let selection = FrameSelection {
        max_frames: Some(20),
        ..FrameSelection::default()
    };
    for (id, sent) in frames_of(Source::File(path(&video).into()), selection) {
        let received = read_png(&dir.path().join(format!("frame_{id:06}.png")));
        same_pixels(&format!("frame {id}"), &received, &sent);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 20);
    let (_, log) = worker.interrupt();
    assert_eq!(log.matches("connected").count(), 1, "one client: {log}");
}

#[test]
fn poses_of_a_file_come_in_order_whichever_lane_carried_them() {
    let worker = Worker::start(&["--model", path(&demo("model"))]);
    let video = demo("video.mp4");
    for batch in ["1", "7"] {
        let args = ["--lanes", "3", "--stream", path(&video), "-o", "-"];
        let args = [
            &["--signal", &worker.signal, "--batch-size", batch],
            &args[..],
        ]
        .concat();
        let run = Client::run(&[&args[..], &["--max-frames", "100"]].concat()).success();
        assert_eq!(ids(&run.predictions()), (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn a_live_source_over_lanes_is_answered_once_a_frame() {
    let worker = Worker::start(&["--model", path(&demo("model"))]);
    let args = [
        "--lanes",
        "4",
        "--test-pattern",
        "256x192@100",
        "--max-frames",
        "80",
    ];
    let args = [&["--signal", &worker.signal, "-o", "-"], &args[..]].concat();
    let mut ids = ids(&Client::run(&args).success().predictions());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 80);
}

#[test]
fn a_killed_worker_ends_a_client_with_lanes() {
    let worker = Worker::start(&["--model", path(&demo("model"))]);
    let mut client = endless(&worker.signal);
    for _ in 0..3 {
        client.line().expect("predictions come");
    }
    worker.kill();
    client.wait().failed(1, &["lost", "predictions are kept"]);
}

#[test]
fn a_file_goes_on_with_lanes_when_the_worker_is_replaced() {
    let meeting = signal_server();
    let model = demo("model");
    let worker = Worker::start_at(&meeting.signal, &["--model", path(&model)]);
    let video = demo("video.mp4");
    let args = [
        "--lanes",
        "3",
        "--stream",
        path(&video),
        "--fps",
        "400",
        "-o",
        "-",
    ];
    let mut client = Client::start(&[&["--signal", &meeting.signal], &args[..]].concat());
    let mut seen: Vec<_> = (0..50).map_while(|_| client.line()).collect();
    worker.kill();
    let _worker = Worker::start_at(&meeting.signal, &["--model", path(&model)]);
    let run = client.wait().success();
    assert_eq!(
        run.stderr.matches("lanes are open").count(),
        2,
        "{}",
        run.stderr
    );
    seen.extend(run.predictions());
    assert_eq!(ids(&seen), (0..240).collect::<Vec<_>>());
}

#[test]
fn a_killed_client_with_lanes_frees_the_worker() {
    let worker = Worker::start(&["--model", path(&demo("model"))]);
    let mut client = endless(&worker.signal);
    client.line().expect("predictions come");
    client.kill();
    let mut next = endless(&worker.signal);
    next.line().expect("the next client is served");
    next.interrupt();
    let run = next.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
}

fn endless(signal: &str) -> Client {
    let args = [
        "--test-pattern",
        "256x192@60",
        "-o",
        "-",
        "--lanes",
        "4",
        "--reconnect-timeout",
        "0",
    ];
    Client::start(&[&["--signal", signal], &args[..]].concat())
}

#[test]
fn a_python_worker_has_one_lane_and_the_client_says_so() {
    let (_server, signal) = reference_signaling();
    let _worker = reference_worker(&signal, &["--once"]);
    let video = demo("video.mp4");
    let args = [
        "--lanes",
        "4",
        "--stream",
        path(&video),
        "--max-frames",
        "5",
    ];
    let run = Client::run(&[&["--signal", &signal], &args[..]].concat()).success();
    assert!(run.stderr.contains("fewer lanes"), "{}", run.stderr);
    assert!(run.stderr.contains("lanes=1"), "{}", run.stderr);
}

#[test]
fn live_frames_over_coded_lanes_are_answered_or_counted() {
    let worker = Worker::start(&["--model", path(&demo("model"))]);
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("poses.jsonl");
    let args = [
        "--lanes",
        "coded",
        "--test-pattern",
        "256x192@60",
        "--jpeg-quality",
        "80",
        "--max-frames",
        "300",
        "--json",
        "-o",
        path(&saved),
    ];
    let run = Client::run(&[&["--signal", &worker.signal], &args[..]].concat()).success();
    assert!(run.stderr.contains("wait for nothing"), "{}", run.stderr);
    let events = run.predictions();
    let summary = events.iter().find(|it| it["event"] == "summary");
    let summary = summary.expect("a summary");
    let count = |key: &str| summary[key].as_u64().expect(key);
    assert_eq!(count("frames"), 300);
    assert_eq!(count("predictions") + count("lost_on_the_way"), 300);
    assert!(count("lost_on_the_way") < 30, "{summary}");
    assert!(count("shard_bytes") > 0, "{summary}");
    assert!(
        count("parity_bytes") > 0,
        "there is some at first: {summary}"
    );
    let poses = std::fs::read_to_string(&saved).unwrap();
    let poses: Vec<serde_json::Value> = poses
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut ids = ids(&poses);
    assert_eq!(ids.len() as u64, count("predictions"));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len() as u64, count("predictions"), "one pose a frame");
}

#[test]
fn coded_lanes_are_not_for_frames_that_all_count() {
    let video = demo("video.mp4");
    let coded = ["--lanes", "coded", "--stream", path(&video)];
    Client::run(&coded).failed(1, &["--lanes coded", "--live"]);
}
