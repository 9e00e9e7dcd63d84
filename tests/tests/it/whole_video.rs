//! Tracks that are told once a video file has ended, and tracks by optical flow.

use std::path::{Path, PathBuf};

use e2e::{Client, Place, Worker, assert_as_sleap_io_writes, demo, read_png, sleap_io_reads, text};
use serde_json::Value;
use tracking::flow::{Picture, Pyramid};
use tracking::{
    ClassicOptions, FinalInstance, FramePicture, MotOptions, Tracker, TrackerKind, TrackerOptions,
    VideoFrame, VideoFrames, final_tracks,
};

use crate::label_files::assert_same;
use crate::tracking::{FRAMES, detections, lines, model, pictures, tracked, tracks};

/// Predictions as the frames of a video.
struct Predicted<'a>(&'a [Value]);

impl VideoFrames for Predicted<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn frame(&self, index: usize) -> VideoFrame {
        VideoFrame {
            frame: self.0[index]["frame_id"].as_u64().unwrap(),
            detections: detections(&self.0[index]),
            tracks: Vec::new(),
        }
    }
}

/// The tracks of a look through all predictions.
fn tracked_whole(options: &TrackerOptions, predictions: &[Value]) -> Vec<Value> {
    let all = final_tracks(options, &Predicted(predictions)).unwrap();
    let name = |one: &FinalInstance| match one {
        FinalInstance::Kept(Some(found)) => Value::from(format!("track_{}", found.track)),
        _ => Value::Null,
    };
    let frames = all.unwrap().into_iter();
    frames
        .map(|frame| frame.iter().map(name).collect())
        .collect()
}

#[test]
fn files_get_the_tracks_of_the_whole_video_and_programs_those_of_the_moment() {
    let place = Place::new();
    let (worker, source) = (Worker::start(&["--model", &model()]), pictures(&place));
    for (name, kind) in [
        ("sort", TrackerKind::Sort),
        ("bytetrack", TrackerKind::ByteTrack),
    ] {
        let outputs = ["slp", "csv", "jsonl"].map(|end| place.text(&format!("{name}.{end}")));
        let [slp, csv, jsonl] = &outputs;
        let args = ["--signal", &worker.signal, "--stream", &source, "-o", "-"];
        let more = ["-o", slp, "-o", csv, "-o", jsonl, "-t", "--tracker", name];
        let live = Client::run(&[&args[..], &more].concat())
            .success()
            .predictions();
        assert_eq!(tracks(&live), tracked(kind, &live), "{name}");
        let kept = lines(&place, &format!("{name}.jsonl"));
        let whole = tracked_whole(&TrackerOptions::of(kind), &live);
        assert_eq!(tracks(&kept), whole, "{name}");
        assert_ne!(tracks(&live), whole, "{name}");
        let labels = &sleap_io_reads(&[Path::new(slp)])[0];
        assert_eq!(labels["provenance"]["tracks"], "of the whole video");
        let nodes = labels["nodes"].as_array().unwrap();
        for (row, line) in kept.iter().enumerate() {
            assert_same(&labels["frames"][row], line, nodes);
        }
        assert_as_sleap_io_writes(Path::new(csv), Path::new(slp));
    }
}

#[test]
fn instances_over_the_number_are_cleaned_out_of_files_alone() {
    let place = Place::new();
    let (worker, source) = (Worker::start(&["--model", &model()]), pictures(&place));
    let args = ["--signal", &worker.signal, "--stream", &source, "-o", "-"];
    let clean = [
        "-t",
        "--tracker",
        "classic",
        "--tracking-clean-instance-count",
        "1",
    ];
    let output = ["-o", &place.text("poses.jsonl")];
    let run = Client::run(&[&args[..], &output, &clean].concat()).success();
    let count = |predictions: &[Value]| {
        let instances = predictions
            .iter()
            .map(|one| one["instances"].as_array().unwrap().len());
        instances.max()
    };
    assert!(count(&run.predictions()) > Some(1));
    let kept = lines(&place, "poses.jsonl");
    assert_eq!((kept.len(), count(&kept)), (FRAMES.count(), Some(1)));
    // A live source has no end.
    let live = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "64x48@30",
        "-o",
        "a.slp",
    ];
    Client::run(&[&live[..], &clean].concat()).failed(2, &["a live source has none"]);
}

#[test]
fn a_file_that_is_sent_gets_the_tracks_of_the_whole_video() {
    let place = Place::new();
    let worker = place.worker(&["-t", "--tracker", "sort"]);
    let (video, slp) = (text(&demo("video.mp4")), place.text("poses.slp"));
    Client::send_file(&worker.signal, &[&video, "-o", &slp])
        .wait()
        .success();
    let labels = &sleap_io_reads(&[Path::new(&slp)])[0];
    assert_eq!(labels["provenance"]["tracks"], "of the whole video");
    let first = &labels["frames"][0]["instances"][0];
    assert_eq!(first["track"], "track_0", "{first}");
}

#[test]
fn poses_that_the_worker_keeps_of_a_file_get_the_tracks_of_the_whole_video() {
    let (place, dir) = (Place::new(), tempfile::tempdir().unwrap());
    let (source, folder) = (pictures(&place), text(dir.path()));
    let options = ["-t", "--tracker", "sort", "--max-tracks", "1"];
    let args = ["--model", &model(), "--save-poses", &folder];
    let worker = Worker::start(&[&args[..], &options].concat());
    let run = |source: &[&str]| {
        let args = ["--signal", &worker.signal, "-o", "-"];
        let run = Client::run(&[&args[..], source].concat()).success();
        run.predictions()
    };
    let live = run(&["--stream", &source]);
    // A live source has no whole video.
    let camera = run(&["--test-pattern", "64x48@30", "--max-frames", "3"]);
    assert_eq!(tracks(&live), tracked(TrackerKind::Sort, &live));
    assert_eq!(worker.interrupt().0, Some(130));
    let entries = std::fs::read_dir(dir.path()).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let [kept, pattern] = &sleap_io_reads(&files)[..] else {
        panic!("{files:?}");
    };
    let options = TrackerOptions::Mot(MotOptions {
        max_tracks: Some(1),
        ..MotOptions::sort()
    });
    let whole = tracked_whole(&options, &live);
    assert_ne!(tracks(&live), whole);
    let frames = kept["frames"].as_array().unwrap().iter();
    let found: Vec<Value> = frames
        .map(|frame| {
            let instances = frame["instances"].as_array().unwrap().iter();
            instances.map(|one| one["track"].clone()).collect()
        })
        .collect();
    assert_eq!(found, whole);
    assert_eq!(kept["provenance"]["tracks"], "of the whole video");
    assert_eq!(pattern["frames"].as_array().unwrap().len(), camera.len());
    assert_eq!(pattern["provenance"].get("tracks"), None);
}

/// How well instances fit their tracks by optical flow.
fn scores_by_flow(place: &Place, predictions: &[Value]) -> Vec<Vec<Option<f32>>> {
    let options = TrackerOptions::Classic(ClassicOptions {
        use_flow: true,
        ..ClassicOptions::default()
    });
    let flow = *options.flow().unwrap();
    let mut tracker = Tracker::new(options).unwrap();
    let score = |(number, prediction): (u64, &Value)| {
        let image = read_png(&place.path(&format!("{number:04}.png")));
        let picture = Picture::new(image.width, image.height, image.channels, &image.data).unwrap();
        let seen = FramePicture::new(Pyramid::new(&picture, &flow));
        let found = tracker.track_seen(number, &detections(prediction), Some(seen));
        found
            .into_iter()
            .map(|one| one.map(|one| one.score as f32))
            .collect()
    };
    (0..).zip(predictions).map(score).collect()
}

fn scores(predictions: &[Value]) -> Vec<Vec<Option<f32>>> {
    let single = |value: &Value| value.as_f64().map(|value| value as f32);
    let of = |one: &Value| {
        one["track_scores"]
            .as_array()
            .unwrap()
            .iter()
            .map(single)
            .collect()
    };
    predictions.iter().map(of).collect()
}

#[test]
fn client_and_worker_follow_animals_by_the_flow_of_their_pictures() {
    let place = Place::new();
    let source = pictures(&place);
    let flow = ["-t", "--tracker", "classic", "--use-flow"];
    let without = ["-t", "--tracker", "classic"];
    let run = |worker: &Worker, options: &[&str]| {
        let args = ["--signal", &worker.signal, "--stream", &source, "-o", "-"];
        Client::run(&[&args[..], options].concat())
            .success()
            .predictions()
    };
    let plain = Worker::start(&["--model", &model()]);
    let at_client = run(&plain, &flow);
    let expected = scores_by_flow(&place, &at_client);
    assert_eq!(scores(&at_client), expected);
    assert_ne!(scores(&run(&plain, &without)), expected);
    let tracking = Worker::start(&[&["--model", &model()][..], &flow].concat());
    let at_worker = run(&tracking, &[]);
    assert_eq!(scores(&at_worker), expected);
    assert_eq!(tracks(&at_worker), tracks(&at_client));
    // Frames of another size are followed too: points are in pixels of the source.
    let smaller = ["--resize", "192x144"];
    let unmoved = scores(&run(&plain, &[&without[..], &smaller].concat()));
    assert_ne!(scores(&run(&tracking, &smaller)), unmoved);
    assert_ne!(
        scores(&run(&plain, &[&flow[..], &smaller].concat())),
        unmoved
    );
}
