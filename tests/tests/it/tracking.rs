//! `--tracking`: which animal is which, in everything that the client writes.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use e2e::{Client, Place, Worker, assert_as_sleap_io_writes, signal_server, sleap_io_reads, text};
use serde_json::Value;
use tracking::{Detection, Tracker, TrackerKind, TrackerOptions};

use crate::label_files::assert_same;
use crate::worker_tracking::emitted;

/// Pictures of three animals.
pub(crate) const FRAMES: std::ops::Range<u64> = 200..236;

pub(crate) fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

pub(crate) fn model() -> String {
    text(&models().join("bottomup"))
}

/// The pictures, numbered from 0; what streams them.
pub(crate) fn pictures(place: &Place) -> String {
    for (number, frame) in FRAMES.enumerate() {
        let picture = models().join(format!("frames/{frame:04}.png"));
        std::fs::copy(picture, place.path(&format!("{number:04}.png"))).unwrap();
    }
    text(&place.path("%04d.png"))
}

/// Instances of a prediction in JSON, as a tracker takes them.
pub(crate) fn detections(prediction: &Value) -> Vec<Detection> {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let instances = list(&prediction["instances"]);
    let of = |(index, points): (usize, &Value)| Detection {
        points: list(points)
            .iter()
            .map(|point| [number(&point[0]), number(&point[1])])
            .collect(),
        point_scores: list(&prediction["confidence"][index])
            .iter()
            .map(number)
            .collect(),
        score: number(&prediction["instance_scores"][index]),
    };
    instances.iter().enumerate().map(of).collect()
}

/// The tracks that a tracker gives the instances of predictions, frame by frame.
pub(crate) fn tracked(kind: TrackerKind, predictions: &[Value]) -> Vec<Value> {
    let mut tracker = Tracker::new(TrackerOptions::of(kind)).unwrap();
    let name = |track: u32| Value::from(format!("track_{track}"));
    predictions
        .iter()
        .map(|prediction| {
            let frame = prediction["frame_id"].as_u64().unwrap();
            let assigned = tracker.track(frame, &detections(prediction));
            let names = assigned.iter();
            names
                .map(|one| one.map_or(Value::Null, |one| name(one.track)))
                .collect()
        })
        .collect()
}

pub(crate) fn tracks(predictions: &[Value]) -> Vec<Value> {
    let of = |prediction: &Value| prediction["tracks"].clone();
    predictions.iter().map(of).collect()
}

pub(crate) fn lines(place: &Place, name: &str) -> Vec<Value> {
    let lines = std::fs::read_to_string(place.path(name)).unwrap();
    let parsed = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    parsed.collect()
}

/// The two instances with the highest scores of each prediction.
fn best_two(predictions: &[Value]) -> Vec<Value> {
    let of = |prediction: &Value| -> Value {
        let scores = prediction["instance_scores"].as_array().unwrap();
        let instances = prediction["instances"].as_array().unwrap();
        let score = |index: usize| scores[index].as_f64().unwrap();
        let mut best: Vec<usize> = (0..instances.len()).collect();
        best.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        best.truncate(2);
        best.sort_unstable();
        best.into_iter()
            .map(|index| instances[index].clone())
            .collect()
    };
    predictions.iter().map(of).collect()
}

#[test]
fn instances_that_are_culled_are_in_no_output_of_client_or_worker() {
    let place = Place::new();
    let source = pictures(&place);
    let run = |worker: &Worker, options: &[&str]| {
        let args = ["--signal", &worker.signal, "--stream", &source, "-o", "-"];
        let run = Client::run(&[&args[..], options].concat()).success();
        run.predictions()
    };
    let instances = |predictions: &[Value]| -> Vec<Value> {
        let of = |prediction: &Value| prediction["instances"].clone();
        predictions.iter().map(of).collect()
    };
    let plain = Worker::start(&["--model", &model()]);
    let all = run(&plain, &[]);
    let expected = best_two(&all);
    assert_ne!(instances(&all), expected);
    let culled = [
        "-t",
        "--tracker",
        "classic",
        "--tracking-target-instance-count",
        "2",
        "--tracking_pre_cull_to_target",
        "1",
    ];
    let outputs = ["slp", "csv", "jsonl"].map(|kind| place.text(&format!("culled.{kind}")));
    let [slp, csv, jsonl] = &outputs;
    let emitted_by = |program: &dyn Fn(&[&str]) -> Vec<Value>| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let url = format!("udp://{}", socket.local_addr().unwrap());
        let heard = std::thread::spawn(move || emitted(&socket));
        let printed = program(&[&culled[..], &["--emit", &url]].concat());
        (printed, heard.join().unwrap())
    };
    let files = ["-o", slp, "-o", csv, "-o", jsonl];
    let at_client = emitted_by(&|options| run(&plain, &[options, &files].concat()));
    let at_worker = emitted_by(&|options| {
        let worker = Worker::start(&[&["--model", &model()], options].concat());
        run(&worker, &[])
    });
    for (printed, heard) in [at_client, at_worker] {
        assert_eq!(instances(&printed), expected);
        assert_eq!(instances(&heard), expected);
    }
    let kept = lines(&place, "culled.jsonl");
    assert_eq!(instances(&kept), expected);
    let labels = &sleap_io_reads(&[Path::new(slp)])[0];
    let nodes = labels["nodes"].as_array().unwrap();
    for (row, line) in kept.iter().enumerate() {
        assert_same(&labels["frames"][row], line, nodes);
    }
    assert_as_sleap_io_writes(Path::new(csv), Path::new(slp));
}

#[test]
fn tracks_are_those_of_the_tracker_and_the_same_in_every_output() {
    let place = Place::new();
    let (worker, source) = (Worker::start(&["--model", &model()]), pictures(&place));
    for (name, kind) in [
        ("classic", TrackerKind::Classic),
        ("animals", TrackerKind::Animals),
    ] {
        let outputs =
            ["slp", "csv", "jsonl"].map(|kind| text(&place.path(&format!("{name}.{kind}"))));
        let [slp, csv, jsonl] = &outputs;
        let args = ["--signal", &worker.signal, "--stream", &source];
        let outputs = ["-o", slp, "-o", csv, "-o", jsonl, "-t", "--tracker", name];
        Client::run(&[&args[..], &outputs].concat()).success();
        let predictions = lines(&place, &format!("{name}.jsonl"));
        assert_eq!(predictions.len(), FRAMES.count());
        let found = tracks(&predictions);
        assert_eq!(found, tracked(kind, &predictions), "{name}");
        let named = found.iter().flat_map(|names| names.as_array().unwrap());
        assert!(
            named.filter(|name| name.is_string()).count() > 60,
            "{name}: {found:?}"
        );
        let labels = &sleap_io_reads(&[Path::new(slp)])[0];
        let nodes = labels["nodes"].as_array().unwrap();
        for (row, line) in predictions.iter().enumerate() {
            assert_same(&labels["frames"][row], line, nodes);
        }
        scores_are_kept(labels, &predictions);
        assert_as_sleap_io_writes(Path::new(csv), Path::new(slp));
    }
}

/// How well each instance fits its track.
#[track_caller]
fn scores_are_kept(labels: &Value, predictions: &[Value]) {
    let single = |value: &Value| value.as_f64().map(|value| value as f32);
    let mut compared = 0;
    for (row, line) in predictions.iter().enumerate() {
        let instances = labels["frames"][row]["instances"].as_array().unwrap();
        for (index, instance) in instances.iter().enumerate() {
            if let Some(score) = single(&line["track_scores"][index]) {
                assert_eq!(single(&instance["track_score"]), Some(score), "{line}");
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn tracks_outlive_a_worker_that_is_killed() {
    let (place, meeting) = (Place::new(), signal_server());
    let source = pictures(&place);
    let mut worker = Worker::start_at(&meeting.signal, &["--model", &model()]);
    let args = [
        "--signal",
        &meeting.signal,
        "--stream",
        &source,
        "-t",
        "-o",
        "-",
    ];
    let mut client = Client::start(&[&args[..], &["--fps", "60"]].concat());
    let mut seen: Vec<Value> = (0..10)
        .map(|_| client.line().expect("predictions come"))
        .collect();
    worker.kill();
    client.logs("the connection to the worker is lost", 1);
    worker = Worker::start_at(&meeting.signal, &["--model", &model()]);
    seen.extend(client.wait().success().predictions());
    let undisturbed = Client::run(&args).success().predictions();
    assert_eq!(seen.len(), FRAMES.count());
    assert_eq!(tracks(&seen), tracks(&undisturbed));
    drop(worker);
}

#[test]
fn options_that_make_no_tracker_are_refused_before_the_stream_begins() {
    let worker = Worker::start(&["--model", &model()]);
    let stream = ["--signal", &worker.signal, "--test-pattern", "64x48@30"];
    for (options, words) in [
        (&["--max-tracks", "2"][..], "--tracking"),
        (&["-t", "--tracker", "clasic"], "classic"),
        (&["-t", "--scoring-method", "oks"], "classic"),
        (
            &["-t", "--tracker", "classic", "--features", "bboxes"],
            "iou",
        ),
    ] {
        let run = Client::run(&[&stream[..], options].concat());
        assert!(run.stderr.contains(words), "{options:?}: {}", run.stderr);
        assert_eq!(run.code, Some(2), "{options:?}: {}", run.stderr);
    }
}
