//! Both programs in a room of SLEAP-RTC, at a server that takes nothing else, and beside the real
//! programs of SLEAP-RTC.

mod choosing;
mod joining;
mod rejoining;
mod roles;

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Client, Finished, Peer, Worker, demo, room_server, sleap_rtc};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER: &str = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// A login that SLEAP-RTC's own client takes for one: it has the form, and no end.
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";
const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "6"];
const ANSWERED: &str = "frames                6";
/// Variables that would open another room, or name another server.
const VARIABLES: [&str; 8] = [
    "SLEAP_ROOM_SECRET",
    "SLEAP_SECRET_PATH",
    "SLEAP_RTC_ACCOUNT_KEY",
    "SLEAP_RTC_API_KEY",
    "SLEAP_RTC_SIGNALING_WS",
    "SLEAP_RTC_ENV",
    "SLEAP_RTC_DEFAULT_ROOM",
    "SSL_CERT_FILE",
];

/// A user of SLEAP-RTC: a login, an account's key, a default room and its secret.
fn user() -> TempDir {
    let credentials = json!({"jwt": JWT, "account_key": "slp_acct_key", "default_room": "lab",
        "room_secrets": {"lab": SECRET}});
    user_with(&credentials)
}

fn user_with(credentials: &Value) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".sleap-rtc");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("credentials.json");
    std::fs::write(&file, credentials.to_string()).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    home
}

fn at_home(command: &mut Command, home: &Path) {
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("HOME", home);
}

/// Where ONNX Runtime is, for any user.
fn data() -> PathBuf {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    let home = || path("HOME").map(|home| home.join(".local/share"));
    path("XDG_DATA_HOME").or_else(home).unwrap()
}

fn lab(args: &[&str]) -> (Peer, String) {
    room_server(&[&["--jwt", JWT, "--ping-every", "0.3"], args].concat())
}

/// A worker for one stream.
fn worker(home: &TempDir, url: &str, args: &[&str]) -> Worker {
    let room = ["--room", "--room-server", url, "--max-streams", "1"];
    let args = [&room, args].concat();
    Worker::start_with(&args, |command| at_home(command, home.path()))
}

fn stream(home: &TempDir, url: &str, args: &[&str]) -> Finished {
    let args = [&PATTERN[..], &["--room", "lab", "--room-server", url], args].concat();
    Client::start_with(&args, |command| at_home(command, home.path())).wait()
}

/// A stream that goes on until it is interrupted.
fn endless(home: &TempDir, url: &str, args: &[&str]) -> Client {
    let pattern = [
        "--test-pattern",
        "64x48@100",
        "--room",
        "lab",
        "--room-server",
        url,
    ];
    let args = [&pattern[..], args].concat();
    Client::start_with(&args, |command| at_home(command, home.path()))
}

#[track_caller]
fn answered(run: Finished) -> Finished {
    let run = run.success();
    assert!(run.stderr.contains(ANSWERED), "{}", run.stderr);
    run
}

/// What else the server has said by the time it says `kind` of `peer`; fails at what the form does
/// not have.
#[track_caller]
fn until(server: &mut Peer, kind: &str, holds: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let event = server.event().expect("the server goes on");
        assert_ne!(event["event"], "violation", "{event}");
        let found = event["event"] == kind && holds(&event);
        events.push(event);
        if found {
            return events;
        }
    }
}

fn is_worker(event: &Value) -> bool {
    event["role"] == "worker"
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
