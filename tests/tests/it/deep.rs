//! Frames of more than 8 bits a sample, from the file to the model and to the saved picture.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Client, Worker, demo, text};
use serde_json::Value;

const FRAMES: usize = 10;

/// The demonstration's first frames in gray, of so many bits; lossless.
fn gray_video(folder: &Path, bits: &str) -> PathBuf {
    let path = folder.join(format!("gray{bits}.mkv"));
    let format = match bits {
        "8" => "gray".to_owned(),
        bits => format!("gray{bits}le"),
    };
    ffmpeg(&[
        "-i",
        &text(&demo("video.mp4")),
        "-frames:v",
        &FRAMES.to_string(),
        "-vf",
        &format!("format=gray,format={format}"),
        "-color_range",
        "pc",
        "-c:v",
        "ffv1",
        &text(&path),
    ]);
    path
}

fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(arguments);
    let output = command.output().expect("these tests need ffmpeg");
    assert!(output.status.success());
    output.stdout
}

#[test]
fn all_bits_arrive_at_the_worker() {
    let dir = tempfile::tempdir().unwrap();
    let video = text(&gray_video(dir.path(), "12"));
    let saved = dir.path().join("saved");
    let worker = Worker::start(&["--save-every", "1", "--output", &text(&saved)]);
    Client::run(&["--signal", &worker.signal, &video]).success();
    let raw = ["-f", "rawvideo", "-pix_fmt"];
    let sent = ffmpeg(&[&["-i", &video], &raw[..], &["gray12le", "-"]].concat());
    let mut received = Vec::new();
    for id in 0..FRAMES {
        let picture = text(&saved.join(format!("frame_{id:06}.png")));
        received.extend(ffmpeg(
            &[&["-i", &picture], &raw[..], &["gray16le", "-"]].concat(),
        ));
    }
    assert!(sent.iter().skip(1).step_by(2).any(|&high| high > 8));
    assert!(received == sent, "the saved pictures have other samples");
}

fn instances(worker: &Worker, video: &Path, more: &[&str]) -> Vec<Value> {
    let video = text(video);
    let run = Client::run(&[&["--signal", &worker.signal, &video, "-o", "-"], more].concat());
    let predictions = run.success().predictions();
    let of = |prediction: &Value| prediction["instances"].clone();
    predictions.iter().map(of).collect()
}

#[test]
fn the_model_gets_the_whole_range_of_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(&["--model", &text(&demo("model"))]);
    let poses = |bits, more: &[&str]| instances(&worker, &gray_video(dir.path(), bits), more);
    let of_8_bits = poses("8", &[]);
    assert_eq!(of_8_bits.len(), FRAMES);
    assert!(
        of_8_bits[0].to_string().len() > 20,
        "no pose: {}",
        of_8_bits[0]
    );
    // 10 and 12 bits of the same picture are the same picture.
    assert_eq!(poses("12", &[]), of_8_bits);
    assert_eq!(poses("10", &[]), of_8_bits);
    assert_eq!(poses("16", &[]), of_8_bits);
    let half = ["--resize", "256x192"];
    assert_eq!(poses("12", &half).len(), FRAMES);
}

#[test]
fn what_jpeg_leaves_out_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(&[]);
    let log = |bits| {
        let video = text(&gray_video(dir.path(), bits));
        let run = ["--signal", &worker.signal, &video, "--jpeg-quality", "80"];
        Client::run(&run).success().stderr
    };
    let words = "gray12.mkv has 12 bits a sample, and JPEG keeps 8";
    let twelve = log("12");
    assert!(twelve.contains(words), "{twelve}");
    let eight = log("8");
    assert!(!eight.contains("bits a sample"), "{eight}");
}
