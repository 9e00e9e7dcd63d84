//! Signaling servers that mean harm.

use std::process::Command;

use e2e::{Client, HOSTILE, assert_shown_harmlessly, hostile_signaling};

use super::{PATTERN, doctor};

#[test]
fn what_a_signaling_server_says_is_shown_harmlessly() {
    let (_server, url) = hostile_signaling(HOSTILE, &["--workers", "2"]);
    let run = Client::run(&[&["--signal", &url, "-vv"], &PATTERN[..]].concat());
    assert_eq!(run.code, Some(1));
    assert_shown_harmlessly(&run.stderr);
    assert_shown_harmlessly(&doctor("sleap-stream", &["--signal", &url]));
    let missing = ["--signal", &url, "--worker-id", "other"];
    assert_shown_harmlessly(&doctor("sleap-stream", &missing));
}

/// The home of a user who may enter rooms.
fn logged_in() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".sleap-rtc");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("credentials.json");
    std::fs::write(
        &file,
        r#"{"jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln"}"#,
    )
    .unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    home
}

#[test]
fn what_a_server_of_rooms_says_is_shown_harmlessly() {
    let home = logged_in();
    let run = |url: &str| {
        let args = ["--room", "lab", "--room-server", url, "--insecure", "-v"];
        let prepare = |command: &mut Command| {
            command.env("HOME", home.path());
        };
        Client::start_with(&[&args, &PATTERN[..]].concat(), prepare).wait()
    };
    let (_one, one) = hostile_signaling(HOSTILE, &[]);
    let (_two, two) = hostile_signaling(HOSTILE, &["--workers", "2"]);
    let (_closed, closed) = hostile_signaling(HOSTILE, &["--refuse"]);
    let found = run(&one);
    found.failed(1, &[]);
    assert_shown_harmlessly(&found.stderr);
    // Each worker in a line of its own, behind the error.
    let several = run(&two);
    several.failed(1, &["2 workers are in the room"]);
    assert_shown_harmlessly(&several.stderr);
    let listed = several
        .stderr
        .lines()
        .filter(|line| line.starts_with("  \\u{1b}]0;owned"));
    assert_eq!(listed.count(), 2, "{}", several.stderr);
    let refused = run(&closed);
    refused.failed(1, &["does not let this program into the room"]);
    assert_shown_harmlessly(&refused.stderr);
}
