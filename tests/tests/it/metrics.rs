//! What a monitoring system sees of the worker.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use e2e::{Client, TestNvml, Worker, binary, demo, scrape};
use link::PeerConfig;
use protocol::{AckStatus, Message, StreamStart};
use serde_json::{Map, Value};

/// A worker that serves metrics, and where.
fn worker(args: &[&str]) -> (Worker, String) {
    with_address(Worker::start(
        &[&["--metrics", "127.0.0.1:0"], args].concat(),
    ))
}

/// A worker without a model that loads this NVML.
fn worker_with_gpus(nvml: &TestNvml) -> (Worker, String) {
    let args = ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    with_address(Worker::start_with(&args, |command| nvml.use_in(command)))
}

fn with_address(mut worker: Worker) -> (Worker, String) {
    let line = worker.stdout_line();
    let url = line.strip_prefix("metrics: ").expect("a URL").to_owned();
    (worker, url)
}

struct Scraped(Map<String, Value>);

impl Scraped {
    #[track_caller]
    fn of(&self, name: &str) -> f64 {
        let name = format!("sleap_worker_{name}");
        let value = self.0.get(&name).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no {name} in {:#?}", self.0))
    }

    /// Names and values of all samples of this name with a label.
    fn all(&self, name: &str) -> Vec<(&str, f64)> {
        let start = format!("sleap_worker_{name}{{");
        let named = self.0.iter().filter(|(name, _)| name.starts_with(&start));
        named
            .map(|(name, value)| (&name[start.len()..], value.as_f64().unwrap()))
            .collect()
    }
}

/// The summary of a client that streams to this worker.
fn summary(worker: &Worker, args: &[&str]) -> Value {
    let common = ["--signal", &worker.signal, "--json"];
    let finished = Client::run(&[&common, args].concat()).success();
    let last = finished.stdout.lines().last().expect("a summary");
    serde_json::from_str(last).expect("JSON lines")
}

#[test]
fn metrics_say_what_the_client_says() {
    let model = demo("model");
    let (worker, url) = worker(&["--model", model.to_str().unwrap(), "--device", "cpu"]);
    let video = demo("video.mp4");
    let before = Scraped(scrape(&url));
    assert_eq!(before.of("frames_received_total"), 0.0);
    assert_eq!(before.of("streams_ended_total{reason=\"complete\"}"), 0.0);
    let mut said = Vec::new();
    for args in [&[][..], &["--jpeg-quality", "80", "--batch-size", "4"]] {
        let file = ["--stream", video.to_str().unwrap(), "--max-frames", "60"];
        said.push(summary(&worker, &[&file, args].concat()));
    }
    let sum = |field: &str| -> f64 { said.iter().map(|it| it[field].as_f64().unwrap()).sum() };
    let after = Scraped(scrape(&url));
    assert_eq!(sum("frames"), 120.0);
    for (name, field) in [
        ("frames_received_total", "frames"),
        ("frame_bytes_received_total", "bytes"),
        ("predictions_total", "predictions"),
        ("instances_total", "instances"),
        ("frame_errors_total", "failed"),
    ] {
        assert_eq!(after.of(name), sum(field), "{name}");
    }
    let steps = [
        "receive",
        "decode",
        "queue",
        "preprocess",
        "inference",
        "postprocess",
    ];
    for step in steps {
        let name = format!("frame_step_seconds_count{{step=\"{step}\"}}");
        assert_eq!(after.of(&name), 120.0, "{name}");
    }
    assert_eq!(after.of("frame_seconds_count"), 120.0);
    assert!(after.of("frame_step_seconds_sum{step=\"inference\"}") > 0.0);
    assert_eq!(after.of("batch_frames_sum"), 120.0);
    assert_eq!(after.of("batch_frames_count"), 60.0 + 15.0);
    assert_eq!(after.of("batch_frames_bucket{le=\"2\"}"), 60.0);
    assert_eq!(after.of("streams_started_total"), 2.0);
    assert_eq!(after.of("streams_active"), 0.0);
    for (reason, value) in after.all("streams_ended_total") {
        let expected = if reason.contains("complete") {
            2.0
        } else {
            0.0
        };
        assert_eq!(value, expected, "{reason}");
    }
    assert!(
        after
            .all("frames_dropped_total")
            .iter()
            .all(|it| it.1 == 0.0)
    );
    assert_eq!(after.of("stream_seconds_count"), 2.0);
    assert_eq!(after.of("clients_total"), 2.0);
    let models = after.all("model_info");
    assert!(
        models[0].0.contains("kind=\"single_instance\""),
        "{models:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_counted_by_its_reason() {
    let (worker, url) = worker(&["--max-streams", "1"]);
    let mut streaming = link::connect(&worker.signal, PeerConfig::default())
        .await
        .unwrap();
    let start = Message::StreamStart(StreamStart::default());
    streaming.sender.send(start.clone()).await.unwrap();
    assert!(
        matches!(streaming.receiver.recv().await, Some(Ok(Message::StreamAck(ack))) if ack.is_ready())
    );
    let mut second = link::connect(&worker.signal, PeerConfig::default())
        .await
        .unwrap();
    second.sender.send(start.clone()).await.unwrap();
    assert!(
        matches!(second.receiver.recv().await, Some(Ok(Message::StreamAck(ack))) if ack.status == AckStatus::Busy)
    );
    // Nobody announced these.
    streaming.sender.send(Message::FrameEnd(7)).await.unwrap();
    assert!(matches!(
        streaming.receiver.recv().await,
        Some(Ok(Message::Error(_)))
    ));
    streaming.sender.send(start).await.unwrap();
    assert!(matches!(
        streaming.receiver.recv().await,
        Some(Ok(Message::StreamAck(_)))
    ));
    let scraped = tokio::task::spawn_blocking(move || Scraped(scrape(&url)));
    let scraped = scraped.await.unwrap();
    for (name, expected) in [
        ("frames_dropped_total{reason=\"orphan_end\"}", 1.0),
        ("frame_errors_total", 1.0),
        ("streams_refused_total{reason=\"busy\"}", 1.0),
        ("streams_started_total", 2.0),
        ("streams_ended_total{reason=\"restarted\"}", 1.0),
        ("streams_active", 1.0),
        ("clients_connected", 2.0),
        ("authentications_total{outcome=\"invalid\"}", 0.0),
    ] {
        assert_eq!(scraped.of(name), expected, "{name}");
    }
}

#[test]
fn clients_that_do_not_know_the_secret_are_counted() {
    let mut worker = Worker::start_with(
        &[
            "--listen",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
            "--auth-compat",
        ],
        |command| {
            command.env(
                "SLEAP_ROOM_SECRET",
                "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
            );
        },
    );
    let line = worker.stdout_line();
    let url = line.strip_prefix("metrics: ").expect("a URL").to_owned();
    let stranger = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "--max-frames",
        "1",
    ];
    let stranger = Client::start_with(&stranger, |command| {
        command.env(
            "SLEAP_ROOM_SECRET",
            "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA",
        );
    });
    assert_eq!(stranger.wait().code, Some(1));
    let scraped = Scraped(scrape(&url));
    let failed: f64 = scraped
        .all("authentications_total")
        .iter()
        .map(|it| it.1)
        .sum();
    assert_eq!(failed, 1.0);
    assert_eq!(
        scraped.of("authentications_total{outcome=\"succeeded\"}"),
        0.0
    );
    assert_eq!(scraped.of("clients_total"), 0.0);
}

#[test]
fn nothing_but_metrics_is_served() {
    let (_worker, url) = worker(&[]);
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    let ask = |line: &str, host: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer[9..12].parse::<u16>().expect("a status")
    };
    assert_eq!(ask("GET /metrics", address), 200);
    assert_eq!(ask("GET /metrics", "localhost:1"), 200);
    assert_eq!(ask("GET /metrics", "rebound.example.org"), 403);
    assert_eq!(ask("GET /", address), 404);
    assert_eq!(ask("POST /metrics", address), 405);
    assert_eq!(ask("HEAD /metrics", address), 200);
    assert_eq!(ask("POST /readyz", address), 405);
    assert_eq!(ask("GET /readyz", "rebound.example.org"), 403);
}

#[test]
fn gpus_are_those_that_nvml_lists() {
    let nvml = TestNvml::build();
    let (_worker, url) = worker_with_gpus(&nvml);
    let scraped = Scraped(scrape(&url));
    let labels = "{gpu=\"0\",name=\"Test GPU A\"}";
    for (name, value) in [
        ("gpu_utilization_ratio", 0.37),
        ("gpu_memory_used_bytes", 5.0 * f64::from(1 << 30)),
        ("gpu_memory_total_bytes", 24.0 * f64::from(1 << 30)),
    ] {
        assert_eq!(scraped.of(&format!("{name}{labels}")), value, "{name}");
        assert_eq!(scraped.all(name).len(), 1, "the second GPU reports nothing");
    }
}

#[test]
fn without_a_driver_there_are_no_gpus_and_no_error() {
    let nvml = TestNvml::without_driver();
    let (worker, url) = worker_with_gpus(&nvml);
    let scraped = Scraped(scrape(&url));
    assert!(scraped.all("gpu_utilization_ratio").is_empty());
    assert!(!worker.log().contains("NVML"), "{}", worker.log());
}

#[test]
fn the_running_stream_has_series_of_its_own_until_it_ends() {
    let (worker, url) = worker(&[]);
    let pattern = ["--signal", &worker.signal, "--test-pattern", "64x48@30"];
    let mut client = Client::start(&[&pattern[..], &["--json"]].concat());
    // A progress is reported after a second of results.
    while client.line().expect("events")["event"] != "progress" {}
    let running = Scraped(scrape(&url));
    let source = "{source=\"test pattern\"}";
    assert!(running.of(&format!("stream_results_total{source}")) > 0.0);
    assert_eq!(running.of(&format!("stream_errors_total{source}")), 0.0);
    assert!(running.of(&format!("stream_latest_seconds{source}")) > 0.0);
    assert_eq!(running.of("viewers_connected"), 0.0);
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    worker.logs("stream complete", 1);
    let ended = Scraped(scrape(&url));
    assert!(ended.of("frames_verified_total") > 0.0);
    assert!(ended.all("stream_results_total").is_empty());
}

#[test]
fn a_second_worker_takes_the_next_port_and_says_so() {
    let mut workers: Vec<Worker> = (0..2).map(|_| Worker::start(&["--metrics"])).collect();
    let urls: Vec<String> = workers.iter_mut().map(Worker::stdout_line).collect();
    assert_ne!(urls[0], urls[1]);
    // The log is read beside standard output.
    workers[1].logs("127.0.0.1:9464", 1);
    workers[1].logs("--metrics ADDR", 1);
    let taken = urls[0].trim_start_matches("metrics: http://");
    let taken = taken.trim_end_matches("/metrics");
    let named = Command::new(binary("sleap-worker"))
        .args(["--listen", "127.0.0.1:0", "--metrics", taken])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&named.stderr);
    assert_eq!(named.status.code(), Some(1), "{error}");
    assert!(
        error.contains(taken) && error.contains("--metrics ADDR"),
        "{error}"
    );
}

#[test]
fn files_and_their_jobs_are_counted() {
    let (model, video) = (demo("model"), demo("video.mp4"));
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let uploads = path("uploads");
    let args = ["--model", model.to_str().unwrap(), "--upload-dir", &uploads];
    let (worker, url) = worker(&[&args[..], &["--max-upload", "1MB"]].concat());
    let send = |file: &str, output: &str| {
        Client::run(&[
            "--signal",
            &worker.signal,
            "--send-file",
            file,
            "-o",
            &path(output),
        ])
    };
    send(video.to_str().unwrap(), "a.slp").success();
    let (large, junk) = (path("large.mp4"), path("junk.mp4"));
    std::fs::write(&large, vec![1; 1_000_001]).unwrap();
    std::fs::write(&junk, vec![1; 1000]).unwrap();
    send(&large, "b.slp").failed(1, &["--max-upload"]);
    send(&junk, "b.slp").failed(1, &["no video file"]);
    // A job's number is there before its client has its last word.
    let after = Scraped(scrape(&url));
    let bytes = std::fs::metadata(&video).unwrap().len() + 1000;
    assert_eq!(after.of("file_bytes_received_total"), bytes as f64);
    for (name, number) in [
        ("file_uploads_total{outcome=\"complete\"}", 2.0),
        ("file_uploads_total{outcome=\"refused\"}", 1.0),
        ("file_uploads_total{outcome=\"broken\"}", 0.0),
        ("frames_received_total", 0.0),
        ("file_jobs_active", 0.0),
        ("file_jobs_total{outcome=\"complete\"}", 1.0),
        ("file_jobs_total{outcome=\"failed\"}", 1.0),
    ] {
        assert_eq!(after.of(name), number, "{name}");
    }
}
