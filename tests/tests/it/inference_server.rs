//! A worker whose model runs on an inference server: poses, order, servers that are away, and answers that do harm.
//! None of it needs ONNX Runtime. `tests/triton` does it with Triton.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use e2e::{
    Answer, Answers, Client, Finished, InferenceServer, Place, ServedDemo, Worker, binary, demo,
    peaks, scrape, text,
};
use kserve::messages::{InferRequest, InferResponse, ModelMetadataResponse};
use prost::Message;
use serde_json::Value;

/// Longer than any outage of a test.
const PATIENT: [&str; 2] = ["--engine-wait", "600"];

fn without_onnx_runtime(command: &mut Command) {
    command.env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
}

fn worker(server: &InferenceServer, more: &[&str]) -> Worker {
    let (model, url) = (text(&demo("model")), server.url("mouse"));
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--model",
        &model,
        "--engine",
        &url,
    ];
    Worker::start_with(&[&args[..], more].concat(), without_onnx_runtime)
}

fn video(worker: &Worker, frames: u32) -> Finished {
    Client::video(&worker.signal, &["--max-frames", &frames.to_string()]).wait()
}

/// What a server in order gives for these frames, one request after the other.
fn expected(frames: u32) -> Vec<(u64, Value)> {
    let server = InferenceServer::start(ServedDemo::default().answers());
    let worker = worker(&server, &["--engine-requests", "1"]);
    let poses = video(&worker, frames).success().poses();
    assert_eq!(poses.len(), frames as usize);
    poses
}

/// A server in order, but for calls of the model, which are numbered from 1.
fn with_calls(
    change: impl Fn(usize, &ServedDemo, Bytes) -> Answer + Send + Sync + 'static,
) -> Answers {
    let (demo, calls) = (ServedDemo::default(), AtomicUsize::new(0));
    Arc::new(move |method, question| match method {
        "ModelInfer" => {
            let number = calls.fetch_add(1, Ordering::SeqCst) + 1;
            change(number, &demo, question)
        }
        _ => demo.answer(method, question),
    })
}

/// Goes away at the twelfth call.
fn goes_away() -> Answers {
    with_calls(|number, demo, question| match number {
        12 => Answer::GoAway,
        _ => demo.answer("ModelInfer", question),
    })
}

/// Calls of the model when a worker starts: one for each request that it sends at the same time.
const AT_START: usize = 4;

/// Holds the first call of two until the second one is answered.
#[derive(Default)]
struct Pairs {
    seconds: Mutex<usize>,
    answered: Condvar,
    was_alone: Mutex<bool>,
}

impl Pairs {
    fn pass(&self, number: usize) {
        let mut seconds = self.seconds.lock().unwrap();
        if number % 2 == 1 {
            *seconds += 1;
            self.answered.notify_all();
            return;
        }
        while *seconds <= number / 2 {
            let waited = self.answered.wait_timeout(seconds, Duration::from_secs(60));
            let (now, timeout) = waited.unwrap();
            seconds = now;
            if timeout.timed_out() {
                *self.was_alone.lock().unwrap() = true;
                return;
            }
        }
    }
}

#[test]
fn requests_run_at_the_same_time_and_poses_keep_their_order() {
    let expected = expected(60);
    let pairs = Arc::new(Pairs::default());
    let held = Arc::clone(&pairs);
    let server = InferenceServer::start(with_calls(move |number, demo, question| {
        if number > AT_START {
            held.pass(number - AT_START - 1);
        }
        demo.answer("ModelInfer", question)
    }));
    let worker = worker(&server, &[]);
    let run = video(&worker, 60).success();
    assert_eq!(run.poses(), expected);
    assert!(!*pairs.was_alone.lock().unwrap(), "one request at a time");
    assert_eq!(server.calls(), 60 + AT_START);
}

#[test]
fn a_connection_that_is_lost_costs_no_frame() {
    let expected = expected(60);
    let hangs_up = |number| number > AT_START && number % 17 == 0;
    let server = InferenceServer::start(with_calls(move |number, demo, question| {
        match hangs_up(number) {
            true => Answer::HangUp,
            false => demo.answer("ModelInfer", question),
        }
    }));
    let worker = worker(&server, &PATIENT);
    let run = video(&worker, 60).success();
    assert_eq!(run.poses(), expected);
    assert!(server.calls() > 60 + AT_START, "frames were sent again");
}

#[test]
fn frames_wait_for_a_server_that_comes_back() {
    let expected = expected(60);
    let server = InferenceServer::start(with_calls(|number, demo, question| match number {
        20 => Answer::GoAway,
        _ => demo.answer("ModelInfer", question),
    }));
    let worker = worker(&server, &PATIENT);
    let client = Client::video(&worker.signal, &["--max-frames", "60"]);
    worker.logs("the inference server is away", 1);
    server.comes_back();
    let run = client.wait().success();
    assert_eq!(run.poses(), expected);
    worker.logs("the inference server is back", 1);
}

#[test]
fn frames_fail_where_a_server_stays_away_and_the_next_stream_runs_when_it_is_back() {
    let server = InferenceServer::start(goes_away());
    let worker = worker(&server, &["--engine-wait", "2"]);
    let run = video(&worker, 16);
    assert!(run.predictions().len() < 16, "{}", run.stderr);
    run.failed(1, &["the inference server 127.0.0.1:", "is away for"]);
    server.comes_back();
    let expected = expected(16);
    let run = video(&worker, 16).success();
    assert_eq!(run.poses(), expected);
}

#[test]
fn a_worker_ends_while_its_server_is_away() {
    let server = InferenceServer::start(goes_away());
    let worker = worker(&server, &["--engine-wait", "2"]);
    let client = Client::video(&worker.signal, &["--max-frames", "40"]);
    worker.logs("the inference server is away", 1);
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(130), "{log}");
    client.kill();
}

#[test]
fn another_model_after_an_outage_gives_no_poses() {
    let server = InferenceServer::start(goes_away());
    let worker = worker(&server, &["--engine-wait", "2"]);
    let client = Client::video(&worker.signal, &["--max-frames", "12"]);
    worker.logs("the inference server is away", 1);
    let mut other = ServedDemo::default();
    other.metadata.outputs[0].shape = vec![-1, 7, 2];
    server.answers(other.answers());
    server.comes_back();
    let run = client.wait();
    run.failed(1, &["serves another model under this name"]);
}

/// An answer that is changed before it is sent.
fn changed(question: &Bytes, change: impl FnOnce(&mut InferResponse)) -> Answer {
    let mut answer = peaks(&InferRequest::decode(question.clone()).unwrap());
    change(&mut answer);
    Answer::Message(answer.encode_to_vec().into())
}

/// Answers that are no peaks, each with what is said of it.
fn harmful(kind: usize, question: &Bytes) -> Option<(Answer, &'static str)> {
    let long = |length: u32| Bytes::from([&[0], &length.to_be_bytes()[..], b"abc"].concat());
    Some(match kind {
        0 => (
            Answer::Status(3, "wrong shape".into()),
            "refuses: wrong shape",
        ),
        1 => (Answer::Status(13, String::new()), "refuses: "),
        2 => (
            changed(question, |it| it.outputs[0].shape[1] = 7),
            "do not come in",
        ),
        3 => (
            changed(question, |it| it.outputs[0].shape = vec![i64::MAX; 3]),
            "do not come in",
        ),
        4 => (
            changed(question, |it| it.outputs[0].shape = vec![1, 10]),
            "has the shape",
        ),
        5 => (
            changed(question, |it| it.outputs[1].datatype = "FP64".into()),
            "FP64",
        ),
        6 => (
            changed(question, |it| it.outputs[0].name = "p".into()),
            "no output 'peaks'",
        ),
        7 => (
            changed(question, |it| it.raw_output_contents.truncate(1)),
            "values of 1 outputs",
        ),
        8 => (
            changed(question, |it| {
                it.outputs = vec![it.outputs[0].clone(); 100_000]
            }),
            "more than 256",
        ),
        9 => (
            Answer::Message(Bytes::from_static(b"\xff\xff\xff")),
            "cannot be read",
        ),
        // A message of which the server says that it has 4 GB; one that is cut short; none.
        10 => (Answer::Bytes(long(u32::MAX)), "refuses: "),
        11 => (Answer::Bytes(long(100)), "the inference server"),
        12 => (Answer::Bytes(Bytes::new()), "the inference server"),
        // One that says that it is compressed.
        13 => (
            Answer::Bytes(Bytes::from_static(&[1, 0, 0, 0, 1, 0])),
            "the inference server",
        ),
        _ => return None,
    })
}

#[test]
fn an_answer_that_cannot_be_used_costs_its_frame_alone() {
    for kind in 0.. {
        let Some((_, words)) = harmful(kind, &any_question()) else {
            assert!(kind > 10);
            break;
        };
        let server =
            InferenceServer::start(with_calls(move |number, demo, question| {
                match harmful(kind, &question) {
                    Some((answer, _)) if number == AT_START + 3 => answer,
                    _ => demo.answer("ModelInfer", question),
                }
            }));
        let worker = worker(&server, &PATIENT);
        let run = video(&worker, 8);
        assert_eq!(run.predictions().len(), 7, "{kind}: {}", run.stderr);
        run.failed(1, &["the worker could not use 1", words]);
        let peak = e2e::peak_memory(worker.pid()).expect("it runs");
        assert!(peak < 400_000, "{kind}: {peak} kB");
    }
}

/// A request for a frame.
fn any_question() -> Bytes {
    let mut request = InferRequest::default();
    request.inputs.push(kserve::messages::InferInput {
        shape: vec![1, 1, 2, 2],
        ..Default::default()
    });
    request.raw_input_contents.push(Bytes::from_static(&[0; 4]));
    request.encode_to_vec().into()
}

#[test]
fn frames_fail_where_a_server_does_not_answer() {
    let server = InferenceServer::start(with_calls(|number, demo, question| match number {
        9 => Answer::Silence,
        _ => demo.answer("ModelInfer", question),
    }));
    let worker = worker(&server, &["--engine-wait", "2"]);
    let run = video(&worker, 12);
    run.failed(1, &["it does not answer"]);
    video(&worker, 12).success();
}

/// Starts a worker that is to be refused: its exit code, and what it says.
fn refused(server: &InferenceServer, more: &[&str]) -> String {
    let (model, url) = (text(&demo("model")), server.url("mouse"));
    let mut command = Command::new(binary("sleap-worker"));
    command
        .args([
            "--no-config",
            "--listen",
            "127.0.0.1:0",
            "--model",
            &model,
            "--engine",
            &url,
        ])
        .args(more);
    let output = command.output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// A server whose answer to one call is changed.
fn answering(method: &'static str, answer: Answer) -> InferenceServer {
    let demo = ServedDemo::default();
    InferenceServer::start(Arc::new(move |asked, question| match asked == method {
        true => answer.clone(),
        false => demo.answer(asked, question),
    }))
}

fn describing(change: impl FnOnce(&mut ModelMetadataResponse)) -> InferenceServer {
    let mut demo = ServedDemo::default();
    change(&mut demo.metadata);
    InferenceServer::start(demo.answers())
}

#[test]
fn servers_that_cannot_be_used_are_refused_at_the_start() {
    let not_found = || Answer::Status(5, "unknown model: 'mouse'".into());
    for (server, words) in [
        (answering("ServerReady", Answer::HangUp), "Is it running"),
        (answering("ServerReady", Answer::GoAway), "Is it running"),
        (
            answering("ServerReady", Answer::Message(Bytes::new())),
            "not ready yet",
        ),
        (
            answering("ServerReady", Answer::Status(12, "?".into())),
            "KServe's v2 protocol",
        ),
        (
            answering("ServerReady", Answer::Status(16, "no token".into())),
            "refuses: no token",
        ),
        (
            answering("ModelReady", Answer::Message(Bytes::new())),
            "not there, or not ready",
        ),
        (
            answering("ModelReady", not_found()),
            "unknown model: 'mouse'",
        ),
        (
            answering("ModelMetadata", not_found()),
            "unknown model: 'mouse'",
        ),
        (
            answering("ModelMetadata", Answer::Message(Bytes::new())),
            "single input 'image'",
        ),
        (
            answering("ModelInfer", Answer::Status(3, "no batches".into())),
            "no batches",
        ),
        (
            describing(|it| it.inputs[0].name = "images".into()),
            "single input 'image'",
        ),
        (
            describing(|it| it.inputs[0].datatype = "FP32".into()),
            "single input 'image' of uint8",
        ),
        (
            describing(|it| it.inputs[0].shape[1] = 3),
            "[batch, 1, height, width]",
        ),
        (
            describing(|it| it.inputs[0].shape = vec![1, 192, 256]),
            "single input 'image'",
        ),
        (
            describing(|it| it.outputs.truncate(1)),
            "no output 'peak_vals' of float32",
        ),
        (
            describing(|it| it.outputs[0].datatype = "INT64".into()),
            "'peaks' of int64 [any, 5, 2]",
        ),
        (describing(|it| it.inputs[0].shape[2] = 384), "384"),
    ] {
        let said = refused(&server, &["--engine-wait", "5"]);
        assert!(said.contains(words), "no {words:?} in: {said}");
    }
}

#[test]
fn a_batch_that_the_server_does_not_take_is_refused() {
    let server = describing(|it| it.inputs[0].shape[0] = 2);
    let said = refused(&server, &["--max-batch", "8"]);
    assert!(said.contains("2 frames in one call at most"), "{said}");
    let worker = worker(&server, &["--max-batch", "2"]);
    video(&worker, 6).success();
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let server = InferenceServer::start(ServedDemo::default().answers());
    let url = server.url("mouse");
    drop(server);
    let model = text(&demo("model"));
    let mut command = Command::new(binary("sleap-worker"));
    let args = [
        "--no-config",
        "--listen",
        "127.0.0.1:0",
        "--model",
        &model,
        "--engine",
        &url,
    ];
    let output = command.args(args).output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["cannot be used: ", "refused", "8001 of Triton"] {
        assert!(said.contains(words), "no {words:?} in: {said}");
    }
}

#[test]
fn a_server_with_tls_and_a_token_is_used_where_its_certificate_is_trusted() {
    let place = Place::new();
    let (certificate, token) = (place.path("server.pem"), place.write("token", b"sesame\n"));
    let answers = ServedDemo::default().answers();
    let server = InferenceServer::start_encrypted(answers, &certificate);
    let (model, url) = (text(&demo("model")), server.url("mouse"));
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--model",
        &model,
        "--engine",
        &url,
    ];
    let args = [&args[..], &["--engine-token-file", &token]].concat();
    let worker = Worker::start_with(&args, |command| {
        command.env("SSL_CERT_FILE", &certificate);
    });
    video(&worker, 6).success();
    assert_eq!(server.token().as_deref(), Some("Bearer sesame"));
    assert!(!worker.log().contains("sesame"), "{}", worker.log());
    drop(worker);
    let said = refused(&server, &[]);
    assert!(said.contains("cannot be used: "), "{said}");
    assert!(said.to_lowercase().contains("certificate"), "{said}");
}

#[test]
fn doctor_measures_the_server_and_needs_no_onnx_runtime() {
    let server = InferenceServer::start(ServedDemo::default().answers());
    let (model, url) = (text(&demo("model")), server.url("mouse"));
    let mut doctor = Command::new(binary("sleap-worker"));
    doctor.args(["doctor", "--model", &model, "--engine", &url]);
    without_onnx_runtime(&mut doctor);
    let output = doctor.output().expect("a report");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{report}");
    let ready = format!("{url} is ready");
    let verdict = format!("Ready: inference server ({url}), about ");
    for words in [
        &ready,
        "platform: a test, versions: 1",
        "4 at a time",
        &verdict,
    ] {
        assert!(report.contains(words), "no {words:?} in: {report}");
    }
    let server = answering("ServerReady", Answer::Message(Bytes::new()));
    let url = server.url("mouse");
    let mut doctor = Command::new(binary("sleap-worker"));
    let args = ["doctor", "--model", &model, "--engine", &url];
    let output = doctor.args(args).output().expect("a report");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("not ready yet"), "{report}");
}

#[test]
fn clients_and_metrics_name_the_server() {
    let server = InferenceServer::start(ServedDemo::default().answers());
    let mut worker = worker(&server, &["--metrics", "127.0.0.1:0"]);
    let line = worker.stdout_line();
    let metrics = line.strip_prefix("metrics: ").expect("a URL").to_owned();
    let url = server.url("mouse");
    worker.logs(&format!("engine={url}"), 1);
    video(&worker, 6).success();
    let figures = scrape(&metrics);
    let calls: Vec<_> = figures
        .iter()
        .filter(|(name, _)| name.starts_with("sleap_worker_device_frames_total"))
        .collect();
    let [(name, value)] = calls[..] else {
        panic!("one for all requests: {calls:?}");
    };
    assert!(name.contains(&format!("device=\"{url}\"")), "{name}");
    assert_eq!(value.as_f64(), Some(6.0));
}
