//! Workers that mean harm.

use e2e::{Client, HOSTILE, Place, Worker, assert_shown_harmlessly, demo, signal_server, text};
use link::{Acceptor, PeerConfig};
use protocol::{
    AckStatus, FrameError, Message, ModelInfo, Prediction, Skeleton, StreamAck, StreamComplete,
};
use serde_json::Value;

use super::{PATTERN, lines_of_json};

/// A worker that answers as it is told to.
struct HostileWorker {
    server: Worker,
    _runtime: tokio::runtime::Runtime,
}

impl HostileWorker {
    fn start(mut answers: impl FnMut(Message) -> Vec<Message> + Send + 'static) -> Self {
        let server = signal_server();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = PeerConfig {
            peer_id: Some(format!("worker{HOSTILE}")),
            ..PeerConfig::default()
        };
        let mut acceptor = runtime
            .block_on(Acceptor::register(&server.signal, config))
            .unwrap();
        runtime.spawn(async move {
            while let Ok(mut channel) = acceptor.accept().await {
                while let Some(Ok(message)) = channel.receiver.recv().await {
                    for answer in answers(message) {
                        let _ = channel.sender.send(answer).await;
                    }
                }
            }
        });
        Self {
            server,
            _runtime: runtime,
        }
    }

    fn refusing() -> Self {
        Self::start(|message| match message {
            Message::StreamStart(_) => vec![Message::StreamAck(StreamAck {
                status: HOSTILE.to_owned().into(),
                message: Some(HOSTILE.to_owned()),
                ..StreamAck::default()
            })],
            _ => Vec::new(),
        })
    }

    fn streaming(more: &[&str]) -> (Self, Vec<String>) {
        let worker = Self::start(|message| match message {
            Message::StreamStart(_) => vec![Message::StreamAck(ready())],
            Message::FrameEnd(id) => answers_of(id),
            Message::StreamEnd(_) => vec![Message::StreamComplete(StreamComplete::default())],
            _ => Vec::new(),
        });
        let args = ["--signal", &worker.server.signal, "--every-frame"];
        let args = [&args[..], &PATTERN, more].concat();
        let args = args.into_iter().map(str::to_owned).collect();
        (worker, args)
    }
}

fn ready() -> StreamAck {
    StreamAck {
        status: AckStatus::Ready,
        answers: true,
        worker_version: Some(HOSTILE.to_owned()),
        model: Some(ModelInfo {
            name: HOSTILE.to_owned(),
            kind: HOSTILE.to_owned(),
            device: HOSTILE.to_owned(),
            ..ModelInfo::default()
        }),
        skeleton: Some(Skeleton {
            name: HOSTILE.to_owned(),
            nodes: vec![HOSTILE.to_owned(), format!("={HOSTILE}")],
            edges: vec![[0, 1]],
        }),
        ..StreamAck::default()
    }
}

/// Poses for all frames but the first, and messages that the client did not ask for.
fn answers_of(id: u64) -> Vec<Message> {
    let error = |frame_id| {
        let message = HOSTILE.to_owned();
        Message::Error(FrameError { frame_id, message })
    };
    let unknown = |text: String| Message::Unknown { text };
    let answer = match id {
        0 => error(Some(id)),
        id => Message::Prediction(Prediction {
            frame_id: id,
            instances: vec![vec![Some([1.5, 2.0]); 2]],
            tracks: vec![Some(HOSTILE.to_owned())],
            ..Prediction::default()
        }),
    };
    let broken = format!("{{\"type\":\"PREDICTION\",\"frame_id\":{HOSTILE}");
    let strange = format!("PROGRESS::{HOSTILE}::{HOSTILE}");
    vec![
        error(None),
        unknown(HOSTILE.to_owned()),
        unknown(broken),
        unknown(strange),
        Message::TrackLog(HOSTILE.to_owned()),
        answer,
    ]
}

#[test]
fn a_workers_refusal_is_shown_harmlessly_and_programs_get_it_as_it_is() {
    let worker = HostileWorker::refusing();
    let args = ["--signal", &worker.server.signal];
    let run = |more: &[&str]| Client::run(&[&args[..], &PATTERN, more].concat());
    let plain = run(&["-vv"]);
    plain.failed(1, &["the worker refuses the stream: "]);
    assert_shown_harmlessly(&plain.stderr);
    let json = run(&["--json"]);
    let events = lines_of_json(&json.stdout);
    let message = events[0]["message"].as_str().unwrap();
    assert!(message.ends_with(HOSTILE), "{message}");
    let logged = run(&["--log-format", "json", "-v"]);
    let entries = lines_of_json(&logged.stderr);
    let said = |entry: &Value| entry["fields"]["message"].as_str().unwrap().to_owned();
    assert!(entries.iter().any(|entry| said(entry).ends_with(HOSTILE)));
}

#[test]
fn a_workers_answers_reach_files_as_they_are_and_people_harmlessly() {
    let place = Place::new();
    let outputs = [
        "-o",
        "-",
        "-o",
        &place.text("a.csv"),
        "-o",
        &place.text("a.slp"),
        "-vv",
    ];
    let (_worker, args) = HostileWorker::streaming(&outputs);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let run = Client::run(&args);
    run.failed(1, &["the worker could not use 1 of the 4 frames: "]);
    assert_shown_harmlessly(&run.stderr);
    let poses = lines_of_json(&run.stdout);
    assert_eq!(poses.len(), 3);
    assert_eq!(poses[0]["tracks"][0], HOSTILE);
    let table = std::fs::read_to_string(place.path("a.csv")).unwrap();
    assert!(table.contains(&format!("\"{HOSTILE}.x\"")), "{table:?}");
    assert!(table.contains(&format!("\"'={HOSTILE}.x\"")), "{table:?}");
}

#[test]
fn a_long_refusal_is_cut_and_says_so() {
    let worker = HostileWorker::start(|message| match message {
        Message::StreamStart(_) => vec![Message::StreamAck(StreamAck {
            status: "no".to_owned().into(),
            message: Some("x".repeat(60_000)),
            ..StreamAck::default()
        })],
        _ => Vec::new(),
    });
    let run = Client::run(&[&["--signal", &worker.server.signal], &PATTERN[..]].concat());
    run.failed(1, &["xxx... (59000 characters more)"]);
    assert!(run.stderr.len() < 10_000, "{} bytes", run.stderr.len());
}

#[test]
fn what_a_worker_says_of_a_file_is_shown_harmlessly() {
    let place = Place::new();
    let news = |text: String| Message::InferenceJob(text);
    let job = HostileWorker::start(move |message| match message {
        Message::UploadCheck { .. } => vec![
            Message::CacheHit(HOSTILE.to_owned()),
            news(format!("START::{HOSTILE}")),
            Message::TrackLog(HOSTILE.to_owned()),
            news(HOSTILE.to_owned()),
            news(format!("ERROR::{HOSTILE}::{HOSTILE}")),
            Message::InferenceJobsDone,
        ],
        _ => Vec::new(),
    });
    let refusal = HostileWorker::start(|message| match message {
        Message::UploadCheck { .. } => vec![Message::UploadError(HOSTILE.to_owned())],
        _ => Vec::new(),
    });
    let (video, output) = (text(&demo("video.mp4")), place.text("a.slp"));
    for (worker, words) in [(job, "has no predictions"), (refusal, "refuses the file")] {
        let run = Client::send_file(&worker.server.signal, &[&video, "-o", &output, "-v"]).wait();
        run.failed(1, &[words]);
        assert_shown_harmlessly(&run.stderr);
    }
}
