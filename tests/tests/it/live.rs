//! Which frames are sent and when, towards real workers and one that does what a test tells it.

use std::collections::HashSet;

use e2e::{Client, Finished, Worker, demo, signal_server};
use link::{Acceptor, Channel, PeerConfig};
use protocol::{
    AckStatus, Backpressure, Frame, Limits, Message, Prediction, Reassembler, StreamAck,
    StreamComplete, Timing,
};
use serde_json::Value;

fn model() -> String {
    demo("model").to_str().unwrap().to_owned()
}

fn ids(predictions: &[Value]) -> Vec<u64> {
    let id = |one: &Value| one["frame_id"].as_u64().unwrap();
    predictions.iter().map(id).collect()
}

/// A number of the summary.
fn counted(run: &Finished, what: &str) -> u64 {
    let line = run.stderr.lines().find(|line| line.starts_with(what));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.map_or(0, |number| number.parse().unwrap())
}

/// A worker that answers a frame when it is told to.
struct Told {
    channel: Channel,
    reassembler: Reassembler,
    received: u64,
    answered: u64,
}

impl Told {
    /// Takes the first client, and its stream.
    async fn meet(acceptor: &mut Acceptor) -> Self {
        let mut told = Self {
            channel: acceptor.accept().await.unwrap(),
            reassembler: Reassembler::new(Limits::default()),
            received: 0,
            answered: 0,
        };
        assert!(matches!(told.next().await, Message::StreamStart(start) if start.answers));
        told.say(Message::StreamAck(StreamAck {
            status: AckStatus::Ready,
            answers: true,
            ..StreamAck::default()
        }))
        .await;
        told
    }

    async fn next(&mut self) -> Message {
        let message = self.channel.receiver.recv().await;
        message.expect("the client stays").expect("it writes well")
    }

    async fn say(&mut self, message: Message) {
        self.channel.sender.send(message).await.unwrap();
    }

    /// The next frame; `None` at the end of the stream, which is confirmed.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            let message = self.next().await;
            if matches!(message, Message::StreamEnd(_)) {
                self.say(Message::StreamComplete(StreamComplete::default()))
                    .await;
                return None;
            }
            if let Some(frame) = self.reassembler.push(message).frame {
                self.received += 1;
                return Some(frame);
            }
        }
    }

    /// A frame, if all of it has come.
    async fn frame_that_is_here(&mut self) -> Option<Frame> {
        tokio::select! {
            biased;
            frame = self.frame() => frame,
            () = std::future::ready(()) => None,
        }
    }

    /// Answers with one instance, whose only point is the frame's lower right corner.
    async fn answer(&mut self, frame: &Frame, timing: Timing) {
        self.answered += 1;
        let corner = [frame.meta.width as f32, frame.meta.height as f32];
        self.say(Message::Prediction(Prediction {
            frame_id: frame.meta.frame_id,
            instances: vec![vec![Some(corner)]],
            timing,
            ..Prediction::default()
        }))
        .await;
    }

    fn under_way(&self) -> u64 {
        self.received - self.answered
    }

    /// Hears the client's goodbye, so that it does not wait for this side.
    async fn part(mut self) {
        while self.channel.receiver.recv().await.is_some() {}
        self.channel.sender.close().await;
    }
}

/// Runs a client against a worker that behaves as `script` says.
fn with_told<S>(args: &[&str], script: impl FnOnce(Told) -> S) -> Finished
where
    S: Future<Output = Told>,
{
    let server = signal_server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut acceptor = runtime
        .block_on(Acceptor::register(&server.signal, PeerConfig::default()))
        .unwrap();
    let client = Client::start(&[&["--signal", &server.signal], args].concat());
    runtime.block_on(async {
        let told = Told::meet(&mut acceptor).await;
        script(told).await.part().await;
    });
    client.wait().success()
}

#[test]
fn a_live_stream_sends_few_frames_to_a_slow_worker_and_counts_the_others() {
    let args = [
        "--test-pattern",
        "64x48@500",
        "--max-frames",
        "40",
        "-o",
        "-",
    ];
    let run = with_told(&args, |mut told| async move {
        let mut held = Vec::new();
        while let Some(frame) = told.frame().await {
            assert!(told.under_way() <= 64, "{} frames", told.under_way());
            held.push(frame);
            let keep = if told.received == 40 { 0 } else { 1 };
            while held.len() > keep {
                let busy = Timing {
                    queue_us: Some(0),
                    inference_us: Some(1_000),
                    ..Timing::default()
                };
                told.answer(&held.remove(0), busy).await;
            }
        }
        told
    });
    let sent = ids(&run.predictions());
    assert!(sent.is_sorted_by(|one, next| one < next), "{sent:?}");
    assert_eq!(counted(&run, "frames"), 40);
    let last = sent.last().unwrap();
    assert!(40 + counted(&run, "dropped") > *last, "{}", run.stderr);
}

#[test]
fn a_word_of_full_queues_is_heeded() {
    let video = demo("video.mp4");
    let args = ["--stream", video.to_str().unwrap(), "--max-frames", "40"];
    let run = with_told(&args, |mut told| async move {
        let mut held = Vec::new();
        while held.len() < 8 {
            held.push(told.frame().await.unwrap());
        }
        let waiting = Backpressure { waiting: 8 };
        told.say(Message::Backpressure(waiting)).await;
        told.answer(&held.remove(0), Timing::default()).await;
        // A file's frames stop at seven under way now, and go on with each answer. Where the path looks slow they stop sooner,
        // but not before five.
        for _ in 0..12 {
            told.answer(&held.remove(0), Timing::default()).await;
            while told.under_way() < 5 {
                held.push(told.frame().await.unwrap());
            }
            while let Some(frame) = told.frame_that_is_here().await {
                held.push(frame);
            }
            assert!(told.under_way() <= 7, "{} frames", told.under_way());
        }
        for frame in held {
            told.answer(&frame, Timing::default()).await;
        }
        while let Some(frame) = told.frame().await {
            told.answer(&frame, Timing::default()).await;
        }
        told
    });
    assert_eq!(counted(&run, "predictions"), 40);
}

#[test]
fn frames_that_fill_the_link_are_made_smaller_and_points_stay_the_sources() {
    let args = [
        "--test-pattern",
        "320x240@100",
        "--max-latency",
        "200",
        "-o",
        "-",
    ];
    let run = with_told(
        &[&args[..], &["--max-frames", "80"]].concat(),
        |mut told| async move {
            // Each frame is said to occupy the link for as long as five are apart.
            let full = Timing {
                receive_us: Some(50_000),
                ..Timing::default()
            };
            let mut sizes = HashSet::new();
            while let Some(frame) = told.frame().await {
                sizes.insert(frame.meta.width);
                let small = sizes.iter().any(|width| *width < 320);
                let timing = if small { Timing::default() } else { full };
                told.answer(&frame, timing).await;
            }
            let small = sizes.iter().any(|width| *width < 320);
            assert!(small && sizes.contains(&320), "{sizes:?}");
            told
        },
    );
    assert!(run.stderr.contains("sent as"), "{}", run.stderr);
    for prediction in run.predictions() {
        let corner = &prediction["instances"][0][0];
        assert_eq!(
            (corner[0].as_f64(), corner[1].as_f64()),
            (Some(320.0), Some(240.0))
        );
    }
}

#[test]
fn a_live_source_can_be_sent_frame_by_frame() {
    let worker = Worker::start(&["--model", &model()]);
    let args = ["--signal", &worker.signal, "--test-pattern", "64x48@500"];
    let more = ["--no-live", "--max-frames", "200", "-o", "-"];
    let run = Client::run(&[&args[..], &more[..]].concat()).success();
    assert_eq!(ids(&run.predictions()), (0..200).collect::<Vec<_>>());
    assert_eq!(counted(&run, "dropped"), 0, "{}", run.stderr);
}

#[test]
fn a_file_can_be_streamed_as_if_it_were_live() {
    let worker = Worker::start(&["--model", &model()]);
    let video = demo("video.mp4");
    let args = [
        "--signal",
        &worker.signal,
        "--stream",
        video.to_str().unwrap(),
    ];
    let more = ["--live", "--frames", "0-29", "-o", "-"];
    let run = Client::run(&[&args[..], &more[..]].concat()).success();
    let sent = ids(&run.predictions());
    assert!(sent.is_sorted_by(|one, next| one < next), "{sent:?}");
    assert_eq!(
        sent.len() as u64 + counted(&run, "dropped"),
        30,
        "{}",
        run.stderr
    );
}

#[test]
fn the_parts_of_a_poses_age_add_up_to_it() {
    let worker = Worker::start(&["--model", &model()]);
    let args = ["--signal", &worker.signal, "--test-pattern", "256x192@60"];
    let more = ["--jpeg-quality", "80", "--max-frames", "20", "-o", "-"];
    let run = Client::run(&[&args[..], &more[..]].concat()).success();
    for prediction in run.predictions() {
        let parts = prediction["latency"].as_object().unwrap();
        assert_eq!(parts.len(), 11, "{parts:?}");
        let sum: u64 = parts.values().map(|part| part.as_u64().unwrap()).sum();
        assert_eq!(prediction["latency_us"], sum);
        assert!(parts["encode_us"].as_u64().unwrap() > 0, "{parts:?}");
        assert!(parts["inference_us"].as_u64().unwrap() > 0, "{parts:?}");
    }
    for part in ["encode", "network", "inference", "age of pose"] {
        assert!(
            run.stderr.contains(&format!("\n  {part} ")),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn adaptation_is_refused_where_it_makes_no_sense() {
    let refused = |args: &[&str], word: &str| Client::run(args).failed(2, &[word]);
    refused(&["--stream", "a.mp4", "--max-latency", "200"], "--live");
    refused(&["--test-pattern", "--jpeg-quality", "camera"], "--webcam");
}
