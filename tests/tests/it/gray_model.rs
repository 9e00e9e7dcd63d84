//! A model that takes gray images gets the gray of its frames, where nothing else at the worker needs their colours.

use e2e::{Client, Fixture, Place, Worker, demo, read_png, sleap_io_reads, text};
use serde_json::Value;

/// Bytes that are sent of the demonstration's video, and the predictions.
fn streamed(worker: &[&str], client: &[&str]) -> (u64, Vec<Value>) {
    let place = Place::new();
    let model = text(&demo("model"));
    let worker = Worker::start(&[&["--model", &model], worker].concat());
    let (video, poses) = (text(&demo("video.mp4")), place.text("poses.jsonl"));
    let run = ["--signal", &worker.signal, &video, "--json", "-o", &poses];
    let events = Client::run(&[&run, client].concat())
        .success()
        .predictions();
    let summary = events.last().expect("a summary");
    let sent = summary["bytes"].as_u64().expect("bytes that were sent");
    let lines = std::fs::read_to_string(poses).unwrap();
    let predictions = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let is_pose = |line: &Value| line.get("frame_id").is_some();
    (sent, predictions.filter(is_pose).collect())
}

#[test]
fn gray_is_sent_unless_the_worker_needs_colours() {
    let place = Place::new();
    let pixels = 240 * 512 * 384;
    let (sent, in_gray) = streamed(&[], &[]);
    assert_eq!((sent, in_gray.len()), (pixels, 240));
    let reference = Fixture::read(&demo("sleap_nn.json"));
    for prediction in &in_gray {
        let off = reference.distance(prediction);
        assert!(off < 1e-3, "{off} px: {prediction}");
    }
    let poses = |of: &[Value]| -> Vec<Value> {
        let instances = of.iter().map(|one| one["instances"].clone());
        instances.collect()
    };
    let (folder, kept) = (place.text("saved"), place.text("poses"));
    // A part of the video tells as much.
    let part = ["--max-frames", "60"];
    let pixels = pixels / 4;
    for worker in [
        &["--save-every", "50", "--output", &folder][..],
        &["--save-poses", &kept],
        &["--view", "127.0.0.1:0"],
        &["--tracking", "--tracker", "classic", "--use-flow"],
    ] {
        let (sent, in_colours) = streamed(worker, &part);
        assert_eq!(sent, 3 * pixels, "{worker:?}");
        assert!(poses(&in_colours) == poses(&in_gray[..60]), "{worker:?}");
    }
    // What stays here keeps its colours.
    let snapshot = place.text("a.png");
    let client = [&part[..], &["--snapshot", &snapshot]].concat();
    assert_eq!(streamed(&[], &client).0, pixels);
    assert_eq!(read_png(snapshot.as_ref()).channels, 3);
}

#[test]
fn a_whole_file_has_the_poses_that_sleap_nn_finds() {
    let place = Place::new();
    let worker = Worker::start(&["--model", &text(&demo("model"))]);
    let slp = place.text("a.slp");
    let video = text(&demo("video.mp4"));
    Client::send_file(&worker.signal, &[&video, "-o", &slp])
        .wait()
        .success();
    let labels = &sleap_io_reads(&[slp.as_ref()])[0];
    let nodes = labels["nodes"].as_array().unwrap();
    let reference = Fixture::read(&demo("sleap_nn.json"));
    for frame in labels["frames"].as_array().unwrap() {
        let points = |instance: &Value| -> Value {
            let place = |node: &Value| match &instance["points"][node.as_str().unwrap()] {
                Value::Null => Value::Null,
                point => serde_json::json!([point["x"], point["y"]]),
            };
            nodes.iter().map(place).collect()
        };
        let instances = frame["instances"].as_array().unwrap();
        let instances: Value = instances.iter().map(points).collect();
        let found = serde_json::json!({"frame_id": frame["frame_idx"], "instances": instances});
        let off = reference.distance(&found);
        assert!(off < 1e-3, "{off} px: {found}");
    }
}
