//! Both binaries over real WebRTC: frames arrive as they were sent, poses are sleap-nn's own.

use std::path::Path;

use e2e::{Client, Fixture, Worker, contents_of, demo, frames_of, read_png, same_pixels};
use serde_json::Value;
use vision::capture::{FrameContent, FrameSelection, PixelForm, Source};
use vision::synthetic;

/// Exports of sleap-nn and its predictions, which are not in the repository.
const EXPORTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/models");

const MAX_POINT_ERROR: f64 = 1e-3;

fn path(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

fn ids(predictions: &[Value]) -> Vec<u64> {
    predictions
        .iter()
        .map(|prediction| prediction["frame_id"].as_u64().unwrap())
        .collect()
}

fn demo_predictions(extra: &[&str]) -> Vec<Value> {
    let worker = Worker::start(&["--model", path(&demo("model"))]);
    let video = demo("video.mp4");
    let args = [
        &[
            "--signal",
            &worker.signal,
            "--stream",
            path(&video),
            "-o",
            "-",
        ],
        extra,
    ]
    .concat();
    let predictions = Client::run(&args).success().predictions();
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(130), "{log}");
    predictions
}

fn assert_sleap_nn(predictions: &[Value]) {
    let fixture = Fixture::read(&demo("sleap_nn.json"));
    for prediction in predictions {
        let distance = fixture.distance(prediction);
        assert!(
            distance < MAX_POINT_ERROR,
            "frame {}: {distance} px",
            prediction["frame_id"]
        );
    }
}

#[test]
fn an_exported_model_gives_sleap_nns_poses_for_every_frame_of_a_video() {
    let models = Path::new(EXPORTED);
    let model = models.join("single_instance");
    if !model.is_dir() {
        eprintln!("skipped: no exported models beside the repository");
        return;
    }
    let worker = Worker::start(&["--model", path(&model)]);
    let video = models.join("videos/small_robot.mp4");
    let args = ["--signal", &worker.signal, "--stream", path(&video)];
    let run = Client::run(&[&args[..], &["--frames", "0-49", "-o", "-"]].concat());
    let predictions = run.success().predictions();
    assert_eq!(ids(&predictions), (0..50).collect::<Vec<_>>());
    let fixture = Fixture::read(&model.join("ground_truth.json"));
    for prediction in &predictions {
        let distance = fixture.distance(prediction);
        let frame = &prediction["frame_id"];
        assert!(distance < MAX_POINT_ERROR, "frame {frame}: {distance} px");
    }
}

#[test]
fn raw_video_gives_sleap_nns_poses_for_each_frame_once_and_in_order() {
    let predictions = demo_predictions(&[]);
    let frames = Fixture::read(&demo("sleap_nn.json")).frames() as u64;
    assert_eq!(ids(&predictions), (0..frames).collect::<Vec<_>>());
    assert_sleap_nn(&predictions);
}

#[test]
fn batches_give_the_same_poses_with_a_last_batch_that_is_short() {
    let predictions = demo_predictions(&["--batch-size", "7", "--max-frames", "17"]);
    assert_eq!(ids(&predictions), (0..17).collect::<Vec<_>>());
    assert_sleap_nn(&predictions);
}

#[test]
fn selected_frames_keep_their_numbers_in_the_source() {
    let predictions = demo_predictions(&["--frames", "3-5,20-30", "--sample-rate", "2"]);
    assert_eq!(ids(&predictions), [3, 5, 21, 23, 25, 27, 29]);
    assert_sleap_nn(&predictions);
}

#[test]
fn jpeg_moves_poses_by_less_than_a_pixel_in_the_median() {
    let predictions = demo_predictions(&["--jpeg-quality", "80", "--max-frames", "60"]);
    let fixture = Fixture::read(&demo("sleap_nn.json"));
    let mut distances: Vec<f64> = predictions
        .iter()
        .map(|one| fixture.distance(one))
        .collect();
    distances.sort_by(f64::total_cmp);
    assert_eq!(distances.len(), 60);
    assert!(distances[30] < 1.0, "median {} px", distances[30]);
    assert!(distances[59] > 0.0, "JPEG was not used");
}

#[test]
fn poses_of_resized_frames_are_in_the_sources_pixels() {
    let predictions = demo_predictions(&["--resize", "256x192", "--max-frames", "60"]);
    let fixture = Fixture::read(&demo("sleap_nn.json"));
    let mut distances: Vec<f64> = predictions
        .iter()
        .map(|one| fixture.distance(one))
        .collect();
    distances.sort_by(f64::total_cmp);
    assert!(distances[30] < 2.0, "median {} px", distances[30]);
}

#[test]
fn timing_and_latency_come_with_each_prediction() {
    for prediction in demo_predictions(&["--max-frames", "5"]) {
        for stage in [
            "receive_us",
            "decode_us",
            "queue_us",
            "inference_us",
            "postprocess_us",
        ] {
            assert!(
                prediction["timing"][stage].is_u64(),
                "{stage} in {prediction}"
            );
        }
        let inference = prediction["timing"]["inference_us"].as_u64().unwrap();
        assert!(prediction["latency_us"].as_u64().unwrap() >= inference);
        assert!(inference > 0);
    }
}

/// Streams to a worker that saves each frame, and returns the folder it saved to.
fn saved(args: &[&str], batch: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(&["--save-every", "1", "--output", path(dir.path())]);
    Client::run(&[&["--signal", &worker.signal], args, batch].concat()).success();
    dir
}

#[test]
fn raw_frames_of_a_video_arrive_bit_exact() {
    let video = demo("video.mp4");
    let dir = saved(
        &["--stream", path(&video), "--max-frames", "20"],
        &["--batch-size", "8"],
    );
    let selection = FrameSelection {
        max_frames: Some(20),
        ..FrameSelection::default()
    };
    for (id, sent) in frames_of(Source::File(path(&video).into()), selection) {
        let received = read_png(&dir.path().join(format!("frame_{id:06}.png")));
        same_pixels(&format!("frame {id}"), &received, &sent);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 20);
}

#[test]
fn raw_frames_of_the_test_pattern_arrive_bit_exact() {
    // Odd sides and a size that is no multiple of the chunk's.
    let pattern: synthetic::Config = "317x211@200".parse().unwrap();
    let dir = saved(
        &["--test-pattern", "317x211@200", "--max-frames", "10"],
        &[],
    );
    let mut seen = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let id: u64 = name.trim_start_matches("frame_").parse().unwrap();
        let (sent, _) = synthetic::render(&pattern, id);
        same_pixels(name, &read_png(&file), &sent);
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn jpeg_frames_arrive_as_the_encoder_made_them() {
    let video = demo("video.mp4");
    let dir = saved(
        &[
            "--stream",
            path(&video),
            "--max-frames",
            "3",
            "--jpeg-quality",
            "80",
        ],
        &[],
    );
    let selection = FrameSelection {
        max_frames: Some(3),
        ..FrameSelection::default()
    };
    let mut encoder = vision::jpeg::JpegEncoder::new(80).unwrap();
    let mut decoder = vision::jpeg::JpegDecoder::new().unwrap();
    let source = Source::File(path(&video).into());
    for (id, content) in contents_of(source, selection, PixelForm::Planar) {
        let FrameContent::Planar(planes) = content else {
            panic!("the video has planes: {content:?}");
        };
        let jpeg = encoder.encode_planar(&planes).unwrap();
        let sent = decoder
            .decode(
                &jpeg,
                vision::jpeg::Color::Bgr,
                &vision::jpeg::JpegLimits::default(),
            )
            .unwrap();
        same_pixels(
            "frame",
            &read_png(&dir.path().join(format!("frame_{id:06}.png"))),
            &sent,
        );
    }
}

#[test]
fn every_nth_frame_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(&["--save-every", "10", "--output", path(dir.path())]);
    let video = demo("video.mp4");
    let args = [
        "--signal",
        &worker.signal,
        "--stream",
        path(&video),
        "--max-frames",
        "25",
    ];
    Client::run(&args).success();
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["frame_000000.png", "frame_000010.png", "frame_000020.png"]
    );
}

#[test]
fn a_worker_without_a_model_stores_nothing_and_answers_each_frame() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start_with(&["--listen", "127.0.0.1:0"], |command| {
        command.current_dir(dir.path());
    });
    let video = demo("video.mp4");
    let run = Client::run(&["--signal", &worker.signal, "--stream", path(&video)]).success();
    assert_eq!(run.stdout, "", "no model, no predictions");
    assert!(run.stderr.contains("no poses come back"), "{}", run.stderr);
    assert!(
        run.stderr.contains("latency"),
        "answers carry the round trip: {}",
        run.stderr
    );
    assert!(!run.stderr.contains("unanswered"), "{}", run.stderr);
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "zero bytes stored"
    );
}

#[test]
fn peers_meet_at_a_signaling_server_elsewhere() {
    let server = e2e::signal_server();
    let worker = Worker::start_at(&server.signal, &["--model", path(&demo("model"))]);
    let video = demo("video.mp4");
    let args = [
        "--signal",
        &server.signal,
        "--stream",
        path(&video),
        "--max-frames",
        "5",
        "-o",
        "-",
    ];
    assert_eq!(Client::run(&args).success().predictions().len(), 5);
    drop(worker);
}

#[test]
fn a_snapshot_shows_poses_on_the_last_frame() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir.path().join("poses.png");
    let worker = Worker::start(&["--model", path(&demo("model"))]);
    let video = demo("video.mp4");
    let args = [
        "--signal",
        &worker.signal,
        "--stream",
        path(&video),
        "--frames",
        "0-3",
        "--snapshot",
        path(&snapshot),
    ];
    Client::run(&args).success();
    let selection = FrameSelection {
        ranges: vec![3..=3],
        ..FrameSelection::default()
    };
    let (_, plain) = frames_of(Source::File(path(&video).into()), selection).remove(0);
    let drawn = read_png(&snapshot);
    assert_eq!((drawn.width, drawn.height), (plain.width, plain.height));
    // The colour of the drawing stands out from a gray picture.
    let colourful = drawn
        .data
        .as_chunks::<3>()
        .0
        .iter()
        .filter(|pixel| pixel.iter().max().unwrap() - pixel.iter().min().unwrap() > 60)
        .count();
    assert!(colourful > 50, "{colourful} coloured pixels");
}
