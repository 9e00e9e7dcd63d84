//! Files of predictions, as sleap-io reads them: whole, compared value by value, and after kill -9.

mod killed;
mod losses;
mod reading;

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::{
    Client, Finished, Worker, assert_as_sleap_io_writes, demo, signal_server, sleap_io_reads, text,
};
use link::{Acceptor, PeerConfig};
use protocol::{
    AckStatus, Limits, Message, Prediction, Reassembler, Skeleton, StreamAck, StreamComplete,
};
use serde_json::Value;

/// Where a test writes, and the names of its files.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `-o FILE` for each of them.
    fn outputs(&self, names: &[&str]) -> Vec<String> {
        let output = |name: &&str| ["-o".to_owned(), text(&self.path(name))];
        names.iter().flat_map(output).collect()
    }
}

fn model() -> Worker {
    Worker::start(&["--model", &text(&demo("model"))])
}

fn json_lines(path: &Path) -> Vec<Value> {
    parsed(&std::fs::read_to_string(path).unwrap())
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The whole lines of a file whose writer was killed, maybe while the system copied the last one.
fn whole_lines(path: &Path) -> String {
    let mut text = std::fs::read_to_string(path).unwrap();
    text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
    text
}

/// Runs a client with further arguments.
fn run(signal: &str, args: &[&str], more: &[String]) -> Finished {
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    Client::run(&[&["--signal", signal], args, &more].concat())
}

/// An answer to each of six frames, by a worker that says this of its skeleton.
fn scripted(
    skeleton: Option<Skeleton>,
    args: &[String],
    answer: impl Fn(u64) -> Prediction,
) -> Finished {
    scripted_messages(skeleton, args, |id| vec![Message::Prediction(answer(id))])
}

/// Messages about each of six frames, by a worker that says this of its skeleton.
pub(super) fn scripted_messages(
    skeleton: Option<Skeleton>,
    args: &[String],
    answers: impl Fn(u64) -> Vec<Message>,
) -> Finished {
    let server = signal_server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut acceptor = runtime
        .block_on(Acceptor::register(&server.signal, PeerConfig::default()))
        .unwrap();
    let pattern = ["--signal", &server.signal, "--test-pattern", "64x48@100"];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let client =
        Client::start(&[&pattern[..], &["--max-frames", "6", "--no-live"], &args].concat());
    runtime.block_on(async {
        let mut channel = acceptor.accept().await.unwrap();
        let mut frames = Reassembler::new(Limits::default());
        while let Some(Ok(message)) = channel.receiver.recv().await {
            let replies = match message {
                Message::StreamStart(_) => vec![Message::StreamAck(StreamAck {
                    status: AckStatus::Ready,
                    answers: true,
                    skeleton: skeleton.clone(),
                    ..StreamAck::default()
                })],
                Message::StreamEnd(_) => vec![Message::StreamComplete(StreamComplete::default())],
                other => match frames.push(other).frame {
                    Some(frame) => answers(frame.meta.frame_id),
                    None => continue,
                },
            };
            for reply in replies {
                // A client that has left has all that it needs.
                let _ = channel.sender.send(reply).await;
            }
        }
        channel.sender.close().await;
    });
    client.wait()
}

/// What sleap-io read of a prediction is what the line of JSON says, to the last bit.
#[track_caller]
pub(super) fn assert_same(frame: &Value, line: &Value, nodes: &[Value]) {
    let single = |value: &Value| value.as_f64().map(|value| value as f32);
    let instances = line["instances"].as_array().unwrap();
    let found = frame["instances"].as_array().unwrap();
    assert_eq!(found.len(), instances.len());
    for (index, (one, points)) in found.iter().zip(instances).enumerate() {
        assert_eq!(
            single(&one["score"]),
            single(&line["instance_scores"][index])
        );
        assert_eq!(one["track"], line["tracks"][index], "{line}");
        for (node, name) in nodes.iter().enumerate() {
            let point = &one["points"][name.as_str().unwrap()];
            let expected = &points[node];
            assert_eq!(point["visible"], !expected.is_null(), "{line}");
            assert_eq!(single(&point["x"]), single(&expected[0]), "{line}");
            assert_eq!(single(&point["y"]), single(&expected[1]), "{line}");
            let score = single(&line["confidence"][index][node]);
            assert_eq!(single(&point["score"]), score, "{line}");
        }
    }
}
