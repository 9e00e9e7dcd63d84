//! Frames that a program hands in: poses, losses, frames that give way.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cli::Keyword;
use e2e::{Fixture, Worker, demo, read_png};
use serde_json::{Value, json};
use sleap_stream::{
    FrameOutcome, FramePoses, PushError, PushedConfig, PushedFrame, PushedStream, ResultUse,
};
use vision::Image;
use vision::capture::FrameContent;

fn worker() -> Worker {
    Worker::start(&["--model", demo("model").to_str().unwrap()])
}

/// The demonstration's frames, by their numbers.
fn frames() -> BTreeMap<u64, PushedFrame> {
    let entries = std::fs::read_dir(demo("frames")).unwrap();
    let frame = |path: &Path| {
        let number = path.file_stem()?.to_str()?.parse().ok()?;
        let frame = PushedFrame {
            content: FrameContent::Pixels(read_png(path)),
            captured_at: None,
        };
        Some((number, frame))
    };
    let frames: BTreeMap<_, _> = entries
        .filter_map(|entry| frame(&entry.ok()?.path()))
        .collect();
    assert!(frames.len() >= 10);
    frames
}

fn black() -> PushedFrame {
    PushedFrame {
        content: FrameContent::Pixels(Image::new(256, 192, 1, vec![0; 256 * 192]).unwrap()),
        captured_at: None,
    }
}

fn begin(worker: &Worker, every_frame: bool, more: &[Keyword]) -> PushedStream {
    let at = Keyword::text("signal", &worker.signal);
    let options = [&[at], more].concat();
    let config = PushedConfig::new("a test", every_frame, &options).unwrap();
    PushedStream::begin(config).unwrap()
}

/// As JSON lines have it.
fn line(poses: &FramePoses, number: u64) -> Value {
    json!({"frame_id": number, "instances": poses.prediction.instances})
}

#[test]
fn poses_of_a_programs_frames_are_those_of_sleap_nn() {
    let (worker, fixture) = (worker(), Fixture::read(&demo("sleap_nn.json")));
    let stream = begin(&worker, true, &[]);
    let connected = stream.connected(None).unwrap().unwrap();
    assert_eq!(connected.skeleton.unwrap().nodes.len(), 5);
    assert_eq!(connected.model.unwrap().kind, "single_instance");
    let frames = frames();
    let mut tickets = Vec::new();
    for (number, frame) in &frames {
        let ticket = stream.push(frame.clone(), ResultUse::Queue, None).unwrap();
        tickets.push((*number, ticket));
    }
    stream.end();
    let refused = stream.push(black(), ResultUse::Ticket, None).unwrap_err();
    assert!(matches!(refused, PushError::Ended(_)), "{refused}");
    for (at, (number, ticket)) in tickets.iter().enumerate() {
        let FrameOutcome::Poses(poses) = ticket.wait(None).unwrap() else {
            panic!("frame {number} has poses");
        };
        assert_eq!(poses.frame_id, at as u64);
        assert!(fixture.distance(&line(&poses, *number)) < 1e-3);
        let queued = stream.next_poses(None).unwrap().unwrap();
        assert_eq!(queued, poses);
    }
    assert!(stream.next_poses(None).unwrap().is_none());
    stream.ended(None).unwrap().unwrap();
    let summary = stream.summary(None).unwrap();
    assert_eq!(summary["predictions"], frames.len());
    assert_eq!(stream.missed_poses(), 0);
}

#[test]
fn newer_frames_take_the_place_of_those_that_wait() {
    let worker = worker();
    let stream = begin(&worker, false, &[]);
    let push = || stream.push(black(), ResultUse::Ticket, None).unwrap();
    let tickets: Vec<_> = (0..300).map(|_| push()).collect();
    stream.end();
    stream.ended(None).unwrap().unwrap();
    let outcomes = tickets.iter().map(|ticket| ticket.outcome().unwrap());
    let (mut answered, mut replaced) = (0, 0);
    for outcome in outcomes {
        match outcome {
            FrameOutcome::Poses(_) => answered += 1,
            FrameOutcome::Replaced => replaced += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(answered >= 1 && replaced >= 1);
    let summary = stream.summary(None).unwrap();
    assert_eq!(
        (&summary["predictions"], &summary["dropped"]),
        (&json!(answered), &json!(replaced))
    );
}

#[test]
fn frames_of_a_worker_that_is_gone_are_lost_and_the_stream_says_so() {
    let worker = worker();
    let stream = begin(&worker, true, &[Keyword::text("reconnect_timeout", "0")]);
    let first = stream.push(black(), ResultUse::Ticket, None).unwrap();
    assert!(matches!(first.wait(None), Some(FrameOutcome::Poses(_))));
    worker.kill();
    let ended = loop {
        match stream.push(black(), ResultUse::Ticket, None) {
            Ok(ticket) => match ticket.wait(None).unwrap() {
                FrameOutcome::Poses(_) => {}
                FrameOutcome::Lost(why) => break why,
                other => panic!("{other:?}"),
            },
            Err(error) => break error.to_string(),
        }
    };
    assert!(!ended.is_empty());
    let error = stream.ended(None).unwrap().unwrap_err();
    assert!(error.to_string().contains("was lost after"), "{error:#}");
}

#[test]
fn a_stream_without_frames_ends_in_order_and_writes_nothing() {
    let (worker, folder) = (worker(), tempfile::tempdir().unwrap());
    let file = folder.path().join("poses.slp");
    let output = Keyword::text("output", file.to_str().unwrap());
    let stream = begin(&worker, false, &[output]);
    stream.connected(None).unwrap().unwrap();
    assert_eq!(stream.summary(None).unwrap()["frames"], 0);
    stream.end();
    stream.ended(None).unwrap().unwrap();
    assert!(!file.exists());
}

#[test]
fn an_interrupted_stream_ends_and_its_captures_keep_their_age() {
    let worker = worker();
    let stream = begin(&worker, false, &[]);
    let mut frame = black();
    frame.captured_at = Some(SystemTime::now() - Duration::from_secs(2));
    let ticket = stream.push(frame, ResultUse::Ticket, None).unwrap();
    let Some(FrameOutcome::Poses(poses)) = ticket.wait(None) else {
        panic!("it has poses");
    };
    assert!(poses.age_us >= 2_000_000, "{}", poses.age_us);
    stream.interrupt();
    stream.ended(None).unwrap().unwrap();
}

#[test]
fn no_worker_and_one_without_a_model_are_errors() {
    let nowhere = Keyword::text("signal", "ws://127.0.0.1:1");
    let config = PushedConfig::new("a test", false, &[nowhere]).unwrap();
    let stream = PushedStream::begin(config).unwrap();
    let error = stream.connected(None).unwrap().unwrap_err();
    assert!(format!("{error:#}").contains("127.0.0.1:1"), "{error:#}");
    let verifying = Worker::start(&[]);
    let stream = begin(&verifying, false, &[]);
    let error = stream.connected(None).unwrap().unwrap_err();
    assert!(error.to_string().contains("has no model"), "{error:#}");
    assert!(
        !error.to_string().contains("without these options"),
        "{error:#}"
    );
}
