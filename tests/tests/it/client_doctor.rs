//! `sleap-stream doctor` with a link: whether the worker takes this client, and the exit code.

use std::process::Command;

use e2e::{Client, Worker, binary, demo};

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER: &str = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// A worker whose clients need the secret.
fn worker(args: &[&str]) -> Worker {
    let args = [&["--listen", "127.0.0.1:0"], args].concat();
    Worker::start_with(&args, |command| {
        command.env("SLEAP_ROOM_SECRET", SECRET);
    })
}

fn link(worker: &Worker, secret: &str) -> String {
    let host = worker.signal.strip_prefix("ws://").expect("an address");
    format!("sleap://{host}/#{secret}")
}

fn doctor(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(binary("sleap-stream"))
        .arg("doctor")
        .args(args)
        .env("SLEAP_STREAM_NO_CONFIG", "1")
        .env_remove("SLEAP_ROOM_SECRET")
        .env_remove("SLEAP_STREAM_WORKER")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "", "a report stands alone");
    let report = String::from_utf8(output.stdout).expect("text");
    assert!(
        !report.contains(SECRET) && !report.contains(OTHER),
        "{report}"
    );
    (output.status.code(), report)
}

#[track_caller]
fn assert_has(report: &str, words: &[&str]) {
    for word in words {
        assert!(report.contains(word), "no {word:?} in: {report}");
    }
}

#[track_caller]
fn assert_verdict(report: &str, verdict: &str) {
    let last = report.lines().last().expect("a verdict");
    assert!(last.starts_with(verdict), "{report}");
}

#[test]
fn a_link_that_works_leads_to_the_workers_model() {
    let model = demo("model");
    let worker = worker(&["--model", model.to_str().unwrap(), "--device", "cpu"]);
    let link = link(&worker, SECRET);
    for args in [&[link.as_str()][..], &["--worker", &link]] {
        let (code, report) = doctor(args);
        assert_eq!(code, Some(0), "{report}");
        assert_has(&report, &["ok      handshake", "know the secret"]);
        assert_has(
            &report,
            &["ok      stream", "single_instance", "256x192", "cpu"],
        );
        assert_verdict(&report, "Ready: the worker is free and runs ");
    }
    // It has left the worker free, and told it who came.
    worker.logs("sleap-stream doctor", 2);
    worker.logs("stream complete", 2);
}

#[test]
fn a_busy_worker_is_no_failure_and_its_stream_loses_nothing() {
    let worker = worker(&["--max-streams", "1"]);
    let link = link(&worker, SECRET);
    // The pattern waits for the worker: a slow machine drops no frame of it.
    let pattern = ["--test-pattern", "64x48@30", "--every-frame"];
    let mut client = Client::start(&[&pattern[..], &["--json", "--worker", &link]].concat());
    assert_eq!(client.line().expect("an event")["event"], "connected");
    let (code, report) = doctor(&[&link]);
    assert_eq!(code, Some(0), "{report}");
    assert_has(
        &report,
        &["warn    stream", "busy: another client is streaming"],
    );
    assert_verdict(&report, "Ready: the worker is busy now");
    client.interrupt();
    client.wait().lost_nothing();
    let (_, report) = doctor(&[&link]);
    assert_verdict(&report, "Ready: the worker is free, without a model");
}

#[test]
fn a_wrong_secret_is_a_failure() {
    let worker = worker(&[]);
    let (code, report) = doctor(&[&link(&worker, OTHER)]);
    assert_eq!(code, Some(1), "{report}");
    assert_has(
        &report,
        &[
            "fail    handshake",
            "give the link that the worker prints now",
        ],
    );
    assert_verdict(&report, "Not ready: handshake");
}

#[test]
fn a_link_that_lost_its_secret_is_a_failure() {
    let worker = worker(&[]);
    let host = worker.signal.strip_prefix("ws://").unwrap();
    let (code, report) = doctor(&[&format!("sleap://{host}/")]);
    assert_eq!(code, Some(1), "{report}");
    assert_has(&report, &["the worker asks for a secret"]);
    assert_verdict(&report, "Not ready: ");
    let (code, report) = doctor(&["sleap://rig:8080/"]);
    assert_eq!(code, Some(1), "{report}");
    assert_has(&report, &["the link has lost its secret"]);
}

#[test]
fn a_worker_that_is_not_reachable_is_a_failure() {
    let gone = worker(&[]);
    let old = link(&gone, SECRET);
    gone.kill();
    let (code, report) = doctor(&[&old]);
    assert_eq!(code, Some(1), "{report}");
    assert_has(&report, &["fail  signaling", "not reachable"]);
    assert_verdict(&report, "Not ready: signaling");
    let meeting = e2e::signal_server();
    let (code, report) = doctor(&[&link(&meeting, SECRET)]);
    assert_eq!(code, Some(1), "{report}");
    assert_has(&report, &["fail    worker", "no worker is registered"]);
    assert_verdict(&report, "Not ready: worker");
}
