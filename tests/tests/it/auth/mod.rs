//! Who may stream to a worker that others can reach; both real programs, and the Python peers.

mod floods;
mod links;
mod python;
mod secrets;

use std::path::Path;
use std::process::Command;

use e2e::{
    Client, Finished, Worker, demo, reference_client, reference_signaling, reference_worker,
    signal_server,
};
use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER: &str = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// An Ed25519 key and its public half.
const KEY: &str = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s";
const PUBLIC_KEY: &str = "gyClGXfYw4yopJJ8Zw31gh5El2GUXhXp77JqFQnSMOo";

const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "6"];
const ANSWERED: &str = "frames                6";

/// A worker that others can reach, whose secrets are kept in `data`.
fn exposed(data: &Path, args: &[&str]) -> Worker {
    let args = [&["--listen", "0.0.0.0:0"], args].concat();
    Worker::start_with(&args, |command| alone(command, data))
}

/// The environment of a test has no secrets, and keeps its own.
fn alone(command: &mut Command, data: &Path) {
    for name in ["SLEAP_ROOM_SECRET", "SLEAP_STREAM_WORKER"] {
        command.env_remove(name);
    }
    command.env("XDG_DATA_HOME", data);
}

fn stream(args: &[&str], variables: &[(&str, &str)]) -> Finished {
    let client = Client::start_with(&[&PATTERN[..], args].concat(), |command| {
        alone(command, Path::new("/nonexistent"));
        command.envs(variables.iter().copied());
    });
    client.wait()
}

#[track_caller]
fn answered(run: Finished) -> Finished {
    let run = run.success();
    assert!(run.stderr.contains(ANSWERED), "{}", run.stderr);
    run
}

/// The link of a line `pair: sleap-stream --worker 'LINK'`.
fn link_of(worker: &mut Worker) -> String {
    let line = worker.stdout_line();
    let link = line.strip_prefix("pair: sleap-stream --worker '");
    let link = link.and_then(|link| link.strip_suffix('\''));
    link.unwrap_or_else(|| panic!("no link: {line:?}"))
        .to_owned()
}

fn secret_of(link: &str) -> &str {
    link.split_once('#').expect("a secret").1
}

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["event"] == kind).count()
}
