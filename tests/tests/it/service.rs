//! The worker as a service: how it ends when it is asked to, and what the service manager and the
//! reader of its log hear.

use std::os::unix::net::UnixDatagram;

use e2e::{Client, Worker, demo};
use link::{ConnectionConfig, PeerConfig};
use protocol::{AckStatus, Message, StreamStart};
use serde_json::Value;

/// Longer than any test runs.
const NEVER: &str = "604800";

fn with_model(args: &[&str]) -> Worker {
    let model = demo("model");
    Worker::start(
        &[
            &["--model", model.to_str().unwrap(), "--device", "cpu"],
            args,
        ]
        .concat(),
    )
}

fn endless(worker: &Worker) -> Client {
    let pattern = [
        "--test-pattern",
        "256x192@60",
        "-o",
        "-",
        "--reconnect-timeout",
        "0",
    ];
    let mut client = Client::start(&[&["--signal", &worker.signal], &pattern[..]].concat());
    client.line().expect("a first prediction");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_to_end_takes_nobody_and_lets_the_stream_run() {
    let worker = with_model(&["--drain-timeout", NEVER]);
    let mut idle = link::connect(&worker.signal, PeerConfig::default())
        .await
        .unwrap();
    let mut client = endless(&worker);
    worker.terminate();
    worker.logs("no new streams", 1);
    let start = Message::StreamStart(StreamStart::default());
    idle.sender.send(start).await.unwrap();
    match idle.receiver.recv().await {
        Some(Ok(Message::StreamAck(ack))) => {
            assert!(ack.status == AckStatus::Busy);
            assert_eq!(ack.message.as_deref(), Some("the worker is shutting down"));
        }
        other => panic!("no STREAM_ACK but {other:?}"),
    }
    // Its own signaling server goes on, and says as soon as it has noticed that nobody is there.
    let wait = ConnectionConfig::default().connect_timeout;
    while link::registered_peers(&worker.signal, wait).await.unwrap() != Vec::<String>::new() {}
    for _ in 0..30 {
        client.line().expect("the stream goes on");
    }
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    let (code, log) = worker.wait();
    assert_eq!(code, Some(130));
    assert!(log.contains("stream complete"), "{log}");
    assert!(idle.receiver.recv().await.is_none(), "it is sent away");
}

#[test]
fn a_stream_that_ends_while_the_worker_drains_is_whole() {
    let worker = with_model(&["--drain-timeout", NEVER]);
    let args = ["--signal", &worker.signal, "--test-pattern", "256x192@60"];
    let rest = ["--every-frame", "--max-frames", "90", "-o", "-"];
    let mut client = Client::start(&[&args[..], &rest].concat());
    client.line().expect("a first prediction");
    worker.terminate();
    let finished = client.wait().success();
    assert_eq!(finished.predictions().len(), 89);
    assert_eq!(worker.wait().0, Some(130));
}

#[test]
fn a_second_sigterm_does_not_wait_for_the_stream() {
    let worker = with_model(&["--drain-timeout", NEVER]);
    let _client = endless(&worker);
    worker.terminate();
    worker.logs("no new streams", 1);
    worker.terminate();
    let (code, log) = worker.wait();
    assert_eq!(code, Some(130));
    assert!(!log.contains("the drain timeout has passed"), "{log}");
}

#[test]
fn a_stream_that_does_not_end_is_cut_off_in_order() {
    for patience in ["0", "0.2"] {
        let worker = with_model(&["--drain-timeout", patience]);
        let client = endless(&worker);
        worker.terminate();
        let (code, log) = worker.wait();
        assert_eq!(code, Some(130));
        assert!(log.contains("the drain timeout has passed"), "{log}");
        client.wait().failed(1, &["error: "]);
    }
}

#[test]
fn ctrl_c_does_not_wait_for_the_stream() {
    let worker = with_model(&["--drain-timeout", NEVER]);
    let _client = endless(&worker);
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(130));
    assert!(!log.contains("no new streams"), "{log}");
}

#[test]
fn the_service_manager_hears_how_the_worker_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let worker = Worker::start_with(&["--listen", "127.0.0.1:0"], |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let mut heard = String::new();
    let mut until = |word: &str| {
        let mut bytes = [0; 1024];
        while !heard.contains(word) {
            let length = socket.recv(&mut bytes).unwrap();
            heard.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        }
        heard.clone()
    };
    assert!(!until("READY=1").contains("STOPPING=1"));
    let args = ["--signal", &worker.signal, "--test-pattern", "64x48@30"];
    Client::run(&[&args[..], &["--max-frames", "3"]].concat()).success();
    until("STATUS=serving a stream");
    worker.terminate();
    until("STOPPING=1");
    assert_eq!(worker.wait().0, Some(130));
}

/// Each line, as JSON with what makes an entry.
#[track_caller]
fn entries(log: &str) -> Vec<Value> {
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(
            entry["timestamp"].is_string() && entry["level"].is_string(),
            "{line}"
        );
        assert!(entry["fields"]["message"].is_string(), "{line}");
        entry
    };
    log.lines().map(entry).collect()
}

#[test]
fn a_json_log_holds_json_alone() {
    let worker = Worker::start(&["--log-format", "json"]);
    let args = [
        "--signal",
        &worker.signal,
        "--log-format",
        "json",
        "--test-pattern",
    ];
    let finished = Client::run(&[&args[..], &["64x48@30", "--max-frames", "3"]].concat()).success();
    let said = entries(&finished.stderr);
    let summary = |entry: &Value| {
        entry["fields"]["message"]
            .as_str()
            .unwrap()
            .contains("frames")
    };
    assert!(said.iter().any(summary), "{}", finished.stderr);
    let (_, log) = worker.interrupt();
    let complete = entries(&log)
        .into_iter()
        .find(|entry| entry["fields"]["message"] == "stream complete");
    assert_eq!(complete.expect("the stream's end")["fields"]["frames"], 3);
}

#[test]
fn a_failed_run_says_so_in_its_json_log() {
    // Nothing listens there.
    let args = [
        "--signal",
        "ws://127.0.0.1:9",
        "--log-format",
        "json",
        "--test-pattern",
    ];
    let client = Client::start_with(&args, |command| {
        command.env("RUST_LOG", "");
    });
    let finished = client.wait();
    assert_eq!(finished.code, Some(1));
    let errors = entries(&finished.stderr);
    assert!(
        errors.iter().any(|entry| entry["level"] == "ERROR"),
        "{}",
        finished.stderr
    );
}

/// Sets how many file descriptors our child may have; how many it was.
#[cfg(target_os = "linux")]
fn limit_descriptors(pid: u32, most: u64) -> u64 {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
    let limit = Rlimit {
        current: Some(most),
        // The child has this one from the test.
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    let former = prlimit(Pid::from_raw(pid as i32), Resource::Nofile, limit);
    former.expect("our child").current.expect("a limit")
}

/// The addresses of a worker's signaling server, publisher, metrics and page.
#[cfg(target_os = "linux")]
fn servers_of(worker: &mut Worker) -> Vec<String> {
    let log = worker.log();
    let publisher = log.split("poses go to zmq://").nth(1).unwrap();
    let publisher = publisher.split_whitespace().next().unwrap();
    let mut servers = vec![worker.signal.replace("ws://", ""), publisher.to_owned()];
    for _ in 0..2 {
        let line = worker.stdout_line();
        let (_, address) = line.split_once("http://").expect("an address");
        servers.push(address.split('/').next().unwrap().to_owned());
    }
    servers
}

#[cfg(target_os = "linux")]
#[test]
fn a_lack_of_descriptors_is_logged_when_it_begins_and_when_it_is_over() {
    let args = ["--metrics", "127.0.0.1:0", "--emit", "zmq://127.0.0.1:0"];
    let view = ["--view", "127.0.0.1:0", "--view-links", "look", "-v"];
    let mut worker = with_model(&[&args[..], &view].concat());
    worker.logs("poses go to zmq://", 1);
    let servers = servers_of(&mut worker);
    let open = format!("/proc/{}/fd", worker.pid());
    let open = std::fs::read_dir(open).unwrap().count() as u64;
    let former = limit_descriptors(worker.pid(), open);
    // More than the numbers that may be free below the limit.
    let connect = |address: &String| std::net::TcpStream::connect(address).unwrap();
    let waiting: Vec<_> = (0..5).flat_map(|_| servers.iter().map(connect)).collect();
    worker.logs("cannot accept a connection", 4 * servers.len());
    limit_descriptors(worker.pid(), former);
    worker.logs("accepting connections again", servers.len());
    let log = worker.log();
    for server in ["signaling", "metrics", "view", "poses"] {
        let told = log
            .lines()
            .filter(|line| line.contains(&format!("server=\"{server}\"")));
        let told = told.filter(|line| line.contains("WARN") || line.contains("INFO"));
        assert_eq!(told.count(), 2, "{server}: {log}");
    }
    drop(waiting);
    Client::run(&[
        "--signal",
        &worker.signal,
        "--test-pattern",
        "--max-frames",
        "3",
    ])
    .success();
}
