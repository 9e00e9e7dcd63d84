//! The worker and clients that do not wait, do not leave, do not read, or send rubbish.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::{Client, Worker, binary, demo, reference_client};
use link::{Channel, PeerConfig};
use protocol::{
    AckStatus, Encoding, Frame, FrameMeta, Message, StreamAck, StreamComplete, StreamStart,
};
use serde_json::Value;

async fn connect(worker: &Worker) -> Channel {
    link::connect(&worker.signal, PeerConfig::default())
        .await
        .expect("the worker takes everyone")
}

async fn next(channel: &mut Channel) -> Message {
    let message = channel.receiver.recv().await;
    message
        .expect("the channel stays open")
        .expect("the worker writes what can be read")
}

async fn start(channel: &mut Channel, start: StreamStart) -> StreamAck {
    let start = Message::StreamStart(start);
    channel.sender.send(start).await.unwrap();
    match next(channel).await {
        Message::StreamAck(ack) => ack,
        other => panic!("no STREAM_ACK but {other:?}"),
    }
}

async fn end(channel: &mut Channel) -> StreamComplete {
    let end = Message::StreamEnd(Default::default());
    channel.sender.send(end).await.unwrap();
    loop {
        if let Message::StreamComplete(complete) = next(channel).await {
            return complete;
        }
    }
}

/// A gray frame of 8x8 pixels.
fn frame(frame_id: u64) -> Frame {
    let meta = FrameMeta {
        frame_id,
        width: 8,
        height: 8,
        channels: 1,
        encoding: Encoding::U8,
        nbytes: 64,
        captured_us: None,
        clock: None,
    };
    Frame::new(meta, vec![7; 64].into()).unwrap()
}

fn endless(worker: &Worker) -> Client {
    let pattern = ["--test-pattern", "256x192@60", "-o", "-"];
    Client::start(&[&["--signal", &worker.signal], &pattern[..]].concat())
}

/// A worker with the demonstration's model, for one stream at a time.
fn one_stream_worker() -> Worker {
    let model = demo("model");
    Worker::start(&["--model", model.to_str().unwrap(), "--max-streams", "1"])
}

fn acks(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter(|event| event["event"] == "ack")
        .map(|event| event["ack"]["status"].as_str().unwrap())
        .collect()
}

fn received(events: &[Value]) -> u64 {
    let complete = events.iter().find(|event| event["event"] == "complete");
    complete.expect("STREAM_END is answered")["complete"]["frames_received"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_python_client_that_does_not_wait_hears_the_end_of_a_refused_stream() {
    let worker = one_stream_worker();
    let mut first = endless(&worker);
    first.line().expect("a first prediction");
    let args = ["--frames", "3", "--size", "64x48"];
    let (events, code) = reference_client(&worker.signal, &args).rest();
    assert_eq!(code, Some(0));
    assert_eq!(acks(&events), [AckStatus::Busy.as_str()]);
    assert_eq!(received(&events), 0);
    first.line().expect("the first stream goes on");
    first.interrupt();
    assert_eq!(first.wait().code, Some(130));
}

#[test]
fn a_python_client_that_does_not_wait_streams_once_the_worker_is_free() {
    let worker = one_stream_worker();
    let mut first = endless(&worker);
    first.line().expect("a first prediction");
    let args = ["--frames", "100000", "--size", "64x48", "--fps", "50"];
    let mut second = reference_client(&worker.signal, &args);
    assert_eq!(
        second.until("ack")["ack"]["status"],
        AckStatus::Busy.as_str()
    );
    first.interrupt();
    assert_eq!(first.wait().code, Some(130));
    assert_eq!(
        second.until("ack")["ack"]["status"],
        AckStatus::Ready.as_str()
    );
    assert_eq!(second.until("message")["message"]["type"], "PREDICTION");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stay_after_their_stream_keep_nobody_out() {
    const MORE_THAN_THERE_ARE_PLACES: usize = 12;
    let worker = Worker::start(&[]);
    let mut lingering = Vec::new();
    for _ in 0..MORE_THAN_THERE_ARE_PLACES {
        let mut channel = connect(&worker).await;
        assert!(start(&mut channel, StreamStart::default()).await.is_ready());
        end(&mut channel).await;
        lingering.push(channel);
    }
    assert!(
        lingering[0].receiver.recv().await.is_none(),
        "the one that was idle longest has to go"
    );
    let last = lingering.last_mut().unwrap();
    assert!(start(last, StreamStart::default()).await.is_ready());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_worker_does_not_wait_for_a_client_that_does_not_read() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let mut channel = connect(&worker).await;
    assert!(start(&mut channel, StreamStart::default()).await.is_ready());
    // Each is answered, but from here on nothing is read: in the end the worker takes nothing more.
    let again = Message::StreamStart(StreamStart {
        source_name: "x".repeat(1000),
        ..StreamStart::default()
    });
    let stuck = Duration::from_secs(1);
    while tokio::time::timeout(stuck, channel.sender.send(again.clone()))
        .await
        .is_ok_and(|outcome| outcome.is_ok())
    {}
    let (code, _) = tokio::task::spawn_blocking(|| worker.interrupt())
        .await
        .unwrap();
    assert_eq!(code, Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_is_answered_and_fills_no_log() {
    let worker = Worker::start(&[]);
    let mut channel = connect(&worker).await;
    let asks = StreamStart {
        answers: true,
        ..StreamStart::default()
    };
    start(&mut channel, asks).await;
    for frame_id in 0..50 {
        let mut meta = frame(frame_id).meta;
        meta.channels = 7;
        channel.sender.send(Message::FrameMeta(meta)).await.unwrap();
        let answer = next(&mut channel).await;
        assert!(
            matches!(&answer, Message::Error(error) if error.frame_id == Some(frame_id)),
            "{answer:?}"
        );
    }
    assert_eq!(end(&mut channel).await.frames_dropped, Some(50));
    assert_eq!(worker.log().matches(" WARN ").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_be_read_is_refused_with_a_reason() {
    let worker = Worker::start(&[]);
    let mut channel = connect(&worker).await;
    let huge = StreamStart {
        batch_size: 1_000_000,
        ..StreamStart::default()
    };
    let ack = start(&mut channel, huge).await;
    assert_eq!(ack.status.as_str(), "error");
    assert!(ack.message.unwrap().contains("1000000"));
    assert_eq!(end(&mut channel).await.frames_received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_how_long_the_whole_way_took() {
    let worker = Worker::start(&[]);
    let mut channel = connect(&worker).await;
    let asks = StreamStart {
        answers: true,
        ..StreamStart::default()
    };
    assert!(start(&mut channel, asks).await.answers);
    channel.sender.send_frame(frame(3)).await.unwrap();
    let Message::FrameReceived(answer) = next(&mut channel).await else {
        panic!("a worker without a model says that the frame arrived");
    };
    let timing = answer.timing;
    let parts = timing.receive_us.unwrap() + timing.decode_us.unwrap() + timing.queue_us.unwrap();
    assert!(timing.total_us.unwrap() + 2 >= parts, "{timing:?}");
}

#[test]
fn addresses_may_be_names_and_are_announced_as_clients_reach_them() {
    let worker = Worker::start_with(&["--listen", "localhost:0"], |_| {});
    assert!(worker.signal.starts_with("ws://127.0.0.1:") || worker.signal.contains("[::1]"));
    let server = Worker::start_with(&["signal", "--listen", "0.0.0.0:0"], |_| {});
    assert!(server.signal.starts_with("ws://127.0.0.1:"));
}

#[test]
fn what_cannot_be_had_is_a_usage_error() {
    for (args, word) in [
        (["--max-batch", "1025"], "1024"),
        (["--max-batch", "18446744073709551615"], "max-batch"),
        (["--ice-server", "stuns:h"], "use stun:"),
        (["--ice-server", "turn:h"], "--ice-credentials"),
        (["--interface", "192.0.2.77"], "--interface"),
        (["--ports", "9-8"], "FROM-TO"),
        (["--signal", "https://rig"], "wss://HOST"),
        (["--listen", "localhost:x"], "HOST:PORT"),
    ] {
        let output = Command::new(binary("sleap-worker"))
            .args(args)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains(word), "no {word:?} in: {words}");
    }
}

#[test]
fn a_worker_whose_log_nobody_reads_any_more_serves_on() {
    let mut worker = Command::new(binary("sleap-worker"))
        .args(["--listen", "127.0.0.1:0", "-v"])
        .env("SLEAP_WORKER_NO_CONFIG", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(worker.stderr.take());
    let mut ready = String::new();
    BufReader::new(worker.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let signal = ready.trim().strip_prefix("ready: ").unwrap();
    for _ in 0..2 {
        let run = Client::run(&["--signal", signal, "--test-pattern", "--max-frames", "5"]);
        run.success();
    }
    worker.kill().unwrap();
    worker.wait().unwrap();
}
