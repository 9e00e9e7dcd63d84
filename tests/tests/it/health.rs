//! What health checks see of the worker: /healthz and /readyz.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use e2e::{Client, Tunnel, Worker, binary, signal_server};

/// The status of the answer to a GET of this path, and its body.
#[track_caller]
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let status = answer[9..12].parse().expect("a status");
    (status, body.trim_end().to_owned())
}

#[track_caller]
fn assert_ready(address: &str) {
    assert_eq!(get(address, "/readyz"), (200, "ready".to_owned()));
    assert_eq!(get(address, "/healthz"), (200, "ok".to_owned()));
}

#[track_caller]
fn assert_not_ready(address: &str, why: &str) {
    let (status, body) = get(address, "/readyz");
    assert_eq!(status, 503, "{body}");
    assert!(body.contains(why), "no {why:?} in {body:?}");
    assert_eq!(get(address, "/healthz").0, 200, "the process serves");
}

fn address(worker: &mut Worker) -> String {
    let line = worker.stdout_line();
    let address = line.strip_prefix("metrics: http://").expect("a URL");
    address.trim_end_matches("/metrics").to_owned()
}

/// A child that ends with its test.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn while_the_model_is_loaded_the_worker_is_live_and_not_ready() {
    // A pipe that no process writes to: the model is being loaded for as long as the test needs.
    let model = tempfile::tempdir().unwrap();
    let metadata = model.path().join("export_metadata.json");
    assert!(
        Command::new("mkfifo")
            .arg(metadata)
            .status()
            .unwrap()
            .success()
    );
    let child = Command::new(binary("sleap-worker"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
            "--model",
        ])
        .arg(model.path())
        .env("SLEAP_WORKER_NO_CONFIG", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = KilledOnDrop(child);
    let log = BufReader::new(child.0.stderr.take().expect("it is piped"));
    let mut lines = log.lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("health checks are served"));
    let line = line.expect("the address");
    let (_, address) = line.split_once("address=").expect("a field");
    assert_not_ready(address, "the model is being loaded");
}

#[test]
fn a_worker_that_drains_is_live_and_not_ready() {
    let mut worker = Worker::start(&["--metrics", "127.0.0.1:0"]);
    let address = address(&mut worker);
    assert_ready(&address);
    let pattern = ["--signal", &worker.signal, "--test-pattern", "--json"];
    let mut client = Client::start(&pattern);
    assert_eq!(client.line().expect("an event")["event"], "connected");
    worker.logs("stream starts", 1);
    assert_ready(&address);
    worker.terminate();
    worker.logs("no new streams", 1);
    assert_not_ready(&address, "drain");
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    assert_eq!(worker.wait().0, Some(130));
}

#[test]
fn a_worker_that_clients_do_not_find_is_not_ready() {
    let meeting = signal_server();
    let server = meeting.signal.strip_prefix("ws://").unwrap();
    let tunnel = Tunnel::to(server.parse().unwrap());
    let signal = format!("ws://{}", tunnel.address);
    let mut worker = Worker::start_at(&signal, &["--metrics", "127.0.0.1:0"]);
    let address = address(&mut worker);
    assert_ready(&address);
    meeting.freeze();
    tunnel.cut();
    worker.logs("lost the signaling server", 1);
    assert_not_ready(&address, "not registered");
    meeting.thaw();
    worker.logs("registered again", 1);
    assert_ready(&address);
}
