//! Environment variables that are not UTF-8, given to both real programs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use e2e::{Worker, binary, demo};

const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "6"];

/// A program without settings of its user's.
fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(binary(program));
    for name in [
        "SLEAP_ROOM_SECRET",
        "SLEAP_RTC_ACCOUNT_KEY",
        "SLEAP_RTC_API_KEY",
        "SLEAP_RTC_DEFAULT_ROOM",
        "SLEAP_STREAM_NO_CONFIG",
        "SLEAP_WORKER_NO_CONFIG",
    ] {
        command.env_remove(name);
    }
    command.args(args).env("HOME", "/nonexistent");
    command
}

/// A worker whose model lies in a folder with a name in another encoding.
#[test]
fn variables_name_files_in_any_encoding_and_are_never_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let odd = OsStr::from_bytes(b"mod\xffel");
    let model = dir.path().join(odd);
    symlink(demo("model"), &model).unwrap();
    let worker = Worker::start_with(&["--listen", "127.0.0.1:0"], |command| {
        command.env("SLEAP_WORKER_MODEL", &model);
    });
    assert!(worker.log().contains("model loaded"), "{}", worker.log());

    let secret = dir.path().join(OsStr::from_bytes(b"sec\xffret"));
    fs::write(&secret, "AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let mut client = command(
        "sleap-stream",
        &[&PATTERN[..], &["--signal", &worker.signal]].concat(),
    );
    let run = client
        .env("SLEAP_STREAM_SECRET_FILE", &secret)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&run.stderr);
    assert!(
        log.contains("did not ask for the secret"),
        "it was read: {log}"
    );

    let odd = OsStr::from_bytes(b"hunter2\xff");
    for (program, args, name) in [
        ("sleap-stream", &PATTERN[..], "SLEAP_ROOM_SECRET"),
        ("sleap-stream", &PATTERN, "SLEAP_STREAM_SIGNAL"),
        ("sleap-stream", &PATTERN, "SLEAP_STREAM_TURN_PASSWORD"),
        ("sleap-stream", &PATTERN, "SLEAP_RTC_ENV"),
        ("sleap-worker", &["--room", "lab"], "SLEAP_RTC_ACCOUNT_KEY"),
        ("sleap-worker", &["--room", "lab"], "SLEAP_RTC_API_KEY"),
        ("sleap-worker", &["--room"], "SLEAP_RTC_DEFAULT_ROOM"),
        ("sleap-worker", &[], "SLEAP_ROOM_SECRET"),
        ("sleap-worker", &[], "SLEAP_WORKER_DEVICE"),
    ] {
        let output = command(program, args).env(name, odd).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {error}");
        let words = format!("{name} is not UTF-8");
        assert!(
            error.contains(&words) && !error.contains("hunter2"),
            "{error}"
        );
    }
}
