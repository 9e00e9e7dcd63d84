use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command};

use serde_json::Value;

use crate::process::Process;

/// A Python peer, which prints one JSON object a line.
pub struct Peer {
    process: Process,
    stdout: BufReader<ChildStdout>,
}

/// The Python that has aiortc: `tests/run.sh` makes its environment and names it.
fn interpreter() -> PathBuf {
    std::env::var_os("SLEAP_STREAM_TEST_PYTHON")
        .map(PathBuf::from)
        .expect("SLEAP_STREAM_TEST_PYTHON names a Python with tests/python/requirements.txt; tests/run.sh sets it")
}

fn peer(script: &str, args: &[&str]) -> Peer {
    peer_with(script, args, |_| {})
}

fn peer_with(script: &str, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Peer {
    let script_path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("python")
        .join(script);
    let mut command = Command::new(interpreter());
    command.arg("-u").arg(script_path).args(args);
    prepare(&mut command);
    let (process, stdout) = Process::spawn(script.trim_end_matches(".py"), &mut command);
    Peer { process, stdout }
}

/// The reference worker, registered and waiting.
pub fn reference_worker(signal: &str, args: &[&str]) -> Peer {
    let mut peer = peer(
        "reference_worker.py",
        &[&["--signal", signal], args].concat(),
    );
    peer.until("ready");
    peer
}

/// The metrics at this address, as Prometheus' own parser reads them: sample to number, in the form
/// `name{label="value"}`.
pub fn scrape(url: &str) -> serde_json::Map<String, Value> {
    let scraped = peer("scrape.py", &[url]).until("scraped");
    scraped["samples"]
        .as_object()
        .expect("samples have names")
        .clone()
}

/// The reference client; it ends by itself.
pub fn reference_client(signal: &str, args: &[&str]) -> Peer {
    peer(
        "reference_client.py",
        &[&["--signal", signal, "--exit"], args].concat(),
    )
}

/// The reference client of files; it ends by itself.
pub fn reference_uploader(signal: &str, args: &[&str]) -> Peer {
    let args = [&["--signal", signal], args].concat();
    peer("reference_uploader.py", &args)
}

/// The reference signaling server and its address.
pub fn reference_signaling() -> (Peer, String) {
    let mut server = peer("reference_signaling.py", &[]);
    let ready = server.until("ready");
    let url = ready["url"]
        .as_str()
        .expect("the server says where it listens")
        .to_owned();
    (server, url)
}

/// A signaling server, and one of rooms, each of whose texts is this one, and its address.
pub fn hostile_signaling(text: &str, args: &[&str]) -> (Peer, String) {
    let mut server = peer("hostile_signaling.py", &[&["--text", text], args].concat());
    let ready = server.until("ready");
    let url = ready["url"].as_str().expect("the server says where it is");
    let url = url.to_owned();
    (server, url)
}

/// A server of SLEAP-RTC's rooms and its address.
pub fn room_server(args: &[&str]) -> (Peer, String) {
    let mut server = peer("room_server.py", args);
    let ready = server.until("ready");
    let url = ready["url"].as_str().expect("the server says where it is");
    let url = url.to_owned();
    (server, url)
}

/// A program of SLEAP-RTC's own package, in an environment that `prepare` changes.
pub fn sleap_rtc(args: &[&str], prepare: impl FnOnce(&mut Command)) -> Peer {
    peer_with("sleap_rtc_peer.py", args, prepare)
}

/// A consumer of poses that listens: `udp`, `osc`, or `zmq` with the publisher to connect to. Gives the
/// URL that it has, too.
pub fn consumer(args: &[&str]) -> (Peer, String) {
    let mut consumer = peer("consumer.py", args);
    let ready = consumer.until("ready");
    let url = ready["url"].as_str().expect("a consumer says where it is");
    let url = url.to_owned();
    (consumer, url)
}

/// A consumer of the streams of Lab Streaming Layer of this name; their URL, and the file of liblsl.
pub fn lsl_consumer(stream: &str) -> (Peer, String, String) {
    let mut consumer = peer("consumer.py", &["lsl", "--name", stream]);
    let ready = consumer.until("ready");
    let word = |key: &str| ready[key].as_str().expect("a text").to_owned();
    let (url, library) = (word("url"), word("library"));
    (consumer, url, library)
}

/// A script of `examples/`, which prints text.
pub fn example(path: &str, args: &[&str]) -> Peer {
    peer(&format!("../../examples/{path}"), args)
}

/// What sleap-io reads in files of labels, one object a file.
#[track_caller]
pub fn sleap_io_reads(files: &[&Path]) -> Vec<Value> {
    let names: Vec<&str> = files.iter().map(|file| name(file)).collect();
    let (labels, code) = peer("read_labels.py", &names).rest();
    assert_eq!(code, Some(0), "sleap-io reads {names:?}");
    assert_eq!(labels.len(), files.len());
    labels
}

/// Fails unless a CSV file is what sleap-io itself writes for the labels of an `.slp` file.
#[track_caller]
pub fn assert_as_sleap_io_writes(csv: &Path, slp: &Path) {
    let (_, code) = peer("read_labels.py", &["--as-csv", name(slp), name(csv)]).rest();
    assert_eq!(code, Some(0), "sleap-io writes another CSV file");
}

fn name(file: &Path) -> &str {
    file.to_str().expect("tests' paths are UTF-8")
}

impl Peer {
    /// The next line as text, or `None` at the end of output.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("standard output is readable");
        (!line.is_empty()).then(|| line.trim_end().to_owned())
    }

    /// Waits until the peer has logged `words`.
    #[track_caller]
    pub fn logs(&self, words: &str) {
        self.process.logs(words);
    }

    /// Makes it hang: alive, and silent.
    pub fn freeze(&self) {
        self.process.signal(rustix::process::Signal::STOP);
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.process.signal(rustix::process::Signal::KILL);
        self.process.wait();
    }

    /// The next event, or `None` at the end of output.
    pub fn event(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("standard output is readable");
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("a peer prints JSON lines"))
    }

    /// Reads on to the next event of this kind.
    #[track_caller]
    pub fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self
                .event()
                .unwrap_or_else(|| panic!("no {kind:?} event before the end"));
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// All further events, then the exit code.
    pub fn rest(mut self) -> (Vec<Value>, Option<i32>) {
        let events = std::iter::from_fn(|| self.event()).collect();
        let (code, _) = self.process.wait();
        (events, code)
    }
}
