//! `sleap-worker --save-poses`: what the worker keeps is what its clients received, as sleap-io reads it.

use std::path::{Path, PathBuf};

use e2e::{Client, Finished, Worker, binary, demo, scrape, sleap_io_reads, text};
use serde_json::Value;

use super::label_files::assert_same;

/// A worker with a model that keeps predictions in `folder`.
fn keeping(folder: &Path, more: &[&str]) -> Worker {
    let (model, folder) = (text(&demo("model")), text(folder));
    let args = ["--model", &model, "--save-poses", &folder];
    Worker::start(&[&args[..], more].concat())
}

/// A client's run, with its predictions on standard output.
fn run(signal: &str, args: &[&str]) -> Finished {
    Client::run(&[&["--signal", signal, "--no-live", "-o", "-"], args].concat()).success()
}

/// All files in a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[track_caller]
fn assert_holds(labels: &Value, received: &[Value]) {
    let frames = labels["frames"].as_array().unwrap();
    assert_eq!(frames.len(), received.len());
    for (frame, line) in frames.iter().zip(received) {
        assert_eq!(frame["frame_idx"], line["frame_id"]);
        assert_same(frame, line, labels["nodes"].as_array().unwrap());
    }
}

#[test]
fn every_streams_predictions_are_kept_as_its_client_received_them() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("poses");
    let mut worker = keeping(&folder, &["--metrics", "127.0.0.1:0"]);
    let line = worker.stdout_line();
    let url = line.strip_prefix("metrics: ").expect("a URL").to_owned();
    let video = text(&demo("video.mp4"));
    // Points are in pixels of the source, although the frames were sent smaller.
    let resized = [
        "--stream",
        &video,
        "--max-frames",
        "20",
        "--resize",
        "256x192",
    ];
    let runs = [
        run(&worker.signal, &["--stream", &video, "--max-frames", "30"]),
        run(&worker.signal, &resized),
    ];
    let mut kept = files(&folder);
    assert_eq!(kept.len(), 2, "{kept:?}");
    // A stream that starts in the second of another one has a number behind its source.
    kept.sort_by_key(|file| file.as_os_str().len());
    for file in &kept {
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(
            name.contains("Z-video.mp4") && name.ends_with(".slp"),
            "{name}"
        );
    }
    let kept: Vec<&Path> = kept.iter().map(PathBuf::as_path).collect();
    for (labels, run) in sleap_io_reads(&kept).iter().zip(&runs) {
        assert_holds(labels, &run.predictions());
        assert_eq!(labels["provenance"]["model"], "synthetic_mouse");
        assert_eq!(labels["videos"][0]["filename"], "video.mp4");
        assert_eq!(
            labels["videos"][0]["shape"],
            serde_json::json!([240, 384, 512, 3])
        );
    }
    let metrics = scrape(&url);
    assert_eq!(metrics["sleap_worker_predictions_saved_total"], 50.0);
    assert_eq!(metrics["sleap_worker_predictions_not_saved_total"], 0.0);
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(130), "{log}");
    assert_eq!(log.matches("predictions saved").count(), 2, "{log}");
}

#[test]
fn a_worker_that_is_killed_leaves_a_file_that_opens_and_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let worker = keeping(dir.path(), &[]);
    let signal = worker.signal.clone();
    let pattern = ["--signal", &signal, "--test-pattern", "320x240@50"];
    let mut client = Client::start(&[&pattern[..], &["-o", "-"]].concat());
    let received: Vec<Value> = (0..200)
        .map(|_| client.line().expect("a prediction"))
        .collect();
    worker.kill();
    client.kill();
    let kept = files(dir.path());
    let [file] = &kept[..] else {
        panic!("{kept:?}");
    };
    let labels = &sleap_io_reads(&[file])[0];
    let frames = labels["frames"].as_array().unwrap().len();
    assert!(frames > 0, "nothing of {} predictions", received.len());
    let common = frames.min(received.len());
    let mut labels = labels.clone();
    labels["frames"].as_array_mut().unwrap().truncate(common);
    assert_holds(&labels, &received[..common]);
    let before = std::fs::read(file).unwrap();
    let worker = keeping(dir.path(), &[]);
    run(
        &worker.signal,
        &["--test-pattern", "64x48", "--max-frames", "3"],
    );
    assert_eq!(files(dir.path()).len(), 2);
    assert_eq!(std::fs::read(file).unwrap(), before);
}

#[test]
fn predictions_that_cannot_be_saved_are_counted_and_the_workers_end_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("poses");
    let worker = keeping(&folder, &[]);
    std::fs::remove_dir(&folder).unwrap();
    let pattern = ["--test-pattern", "64x48@100", "--max-frames", "6"];
    let run = run(&worker.signal, &pattern);
    assert_eq!(run.predictions().len(), 6, "the stream goes on");
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("6 of 6 predictions were not saved"), "{log}");
}

#[test]
fn the_option_needs_a_model_and_a_folder_that_can_be_written() {
    let run = |args: &[&str]| {
        let mut worker = std::process::Command::new(binary("sleap-worker"));
        let output = worker.args(args).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    };
    let dir = tempfile::tempdir().unwrap();
    let (code, error) = run(&["--save-poses", &text(dir.path())]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("--save-poses needs --model"), "{error}");
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (model, folder) = (text(&demo("model")), text(&file.join("poses")));
    let at = ["--listen", "127.0.0.1:0", "--save-poses", &folder];
    let (code, error) = run(&[&at[..], &["--model", &model]].concat());
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("--save-poses"), "{error}");
}
