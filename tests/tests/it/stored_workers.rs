//! Links that outlive the worker and its signaling server, and workers whose links are stored.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{Client, Finished, Place, Worker, binary, demo, signal_server, text};
use serde_json::Value;

const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "6"];
const ANSWERED: &str = "frames                6";

/// The environment of a test has no secrets, and keeps its own.
fn alone(command: &mut Command, data: &Path) {
    for name in [
        "SLEAP_ROOM_SECRET",
        "SLEAP_STREAM_WORKER",
        "SLEAP_RTC_SIGNALING_WS",
    ] {
        command.env_remove(name);
    }
    command.env("XDG_DATA_HOME", data);
}

/// A worker at this signaling server, and its link.
fn worker_at(meeting: &str, data: &Path, args: &[&str]) -> (Worker, String) {
    let args = [&["--signal", meeting], args].concat();
    let mut worker = Worker::start_with(&args, |command| alone(command, data));
    let line = worker.stdout_line();
    let link = line.strip_prefix("pair: sleap-stream --worker '");
    let link = link.and_then(|link| link.strip_suffix('\''));
    let link = link.unwrap_or_else(|| panic!("no link: {line:?}"));
    (worker, link.to_owned())
}

/// A worker that does not come to its start: how it ends.
fn refused_worker(meeting: &str, data: &Path, name: &str) -> (Option<i32>, String) {
    let mut command = Command::new(binary("sleap-worker"));
    command.args(["--signal", meeting, "--name", name]);
    alone(&mut command, data);
    let output = command.output().expect("it starts");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn stream(data: &Path, args: &[&str]) -> Finished {
    let args = [&PATTERN[..], args].concat();
    Client::start_with(&args, |command| alone(command, data)).wait()
}

#[track_caller]
fn answered(run: Finished) -> Finished {
    let run = run.success();
    assert!(run.stderr.contains(ANSWERED), "{}", run.stderr);
    run
}

/// A subcommand of the client, which reads this text.
fn command(data: &Path, args: &[&str], input: &str) -> Finished {
    let mut command = Command::new(binary("sleap-stream"));
    command.args(args);
    alone(&mut command, data);
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = streams.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Where it does not read, it has ended.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it was started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Finished {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A worker whose link is stored in `data` under this name.
fn stored(meeting: &str, data: &Path, name: &str) -> Worker {
    let (worker, link) = worker_at(meeting, data, &["--name", name]);
    command(data, &["pair", "-"], &link).success();
    worker
}

#[test]
fn a_link_outlives_its_worker_and_the_signaling_server() {
    let data = tempfile::tempdir().unwrap();
    let meeting = signal_server();
    let (worker, link) = worker_at(&meeting.signal, data.path(), &[]);
    answered(stream(data.path(), &["--worker", &link]));
    worker.kill();
    let (worker, again) = worker_at(&meeting.signal, data.path(), &[]);
    assert_eq!(again, link);
    answered(stream(data.path(), &["--worker", &link]));

    let address = meeting.signal.strip_prefix("ws://").unwrap().to_owned();
    meeting.kill();
    worker.logs("lost the signaling server", 1);
    let _meeting = Worker::start_with(&["signal", "--listen", &address], |_| {});
    worker.logs("registered again", 1);
    answered(stream(data.path(), &["--worker", &link]));
    drop(worker);

    // Another secret is another link to the same name.
    let (_worker, renewed) = worker_at(&meeting_of(&link), data.path(), &["--new-secret"]);
    let place = |link: &str| link.split_once('#').unwrap().0.to_owned();
    assert_eq!(place(&renewed), place(&link));
    assert_ne!(renewed, link);
    stream(data.path(), &["--worker", &link]).failed(1, &["does not accept the secret"]);
}

fn meeting_of(link: &str) -> String {
    let host = link
        .strip_prefix("sleap://")
        .and_then(|it| it.split('/').next());
    format!("ws://{}", host.expect("a host"))
}

#[test]
fn a_second_worker_of_a_name_does_not_take_it_from_the_first() {
    let (data, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let meeting = signal_server();
    let signal = meeting.signal.as_str();
    let (first, link) = worker_at(signal, data.path(), &["--name", "rig"]);
    assert!(link.contains("/worker-rig#"), "{link}");
    // On the same machine, and on another one.
    let (code, log) = refused_worker(signal, data.path(), "rig");
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("another worker on this machine has the name rig"),
        "{log}"
    );
    let (code, log) = refused_worker(signal, elsewhere.path(), "rig");
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("registered under this worker's name"), "{log}");
    let (code, log) = refused_worker(signal, elsewhere.path(), "a rig");
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("--name a rig"), "{log}");
    answered(stream(data.path(), &["--worker", &link]));
    // By its name too, without its link.
    let secret = link.split_once('#').unwrap().1;
    let named = ["--signal", signal, "--worker-id", "rig", "--secret", secret];
    answered(stream(data.path(), &named));
    first.logs("stream complete", 2);
    // When it has left, another worker may have the name.
    first.interrupt();
    worker_at(signal, elsewhere.path(), &["--name", "rig"]);
}

#[test]
fn a_stored_worker_is_found_by_its_name_without_a_secret_on_the_command_line() {
    let data = tempfile::tempdir().unwrap();
    let meeting = signal_server();
    let (worker, link) = worker_at(&meeting.signal, data.path(), &["--name", "rig"]);
    let secret = link.split_once('#').unwrap().1;
    let line = format!("pair: sleap-stream --worker '{link}'\n");
    let paired = command(data.path(), &["pair", "-"], &line).success();
    assert!(
        paired.stdout.contains("stored as rig: worker-rig at ws://"),
        "{}",
        paired.stdout
    );
    assert!(
        paired.stdout.contains("next: sleap-stream --worker rig"),
        "{}",
        paired.stdout
    );
    let by_name = answered(stream(data.path(), &["--worker", "rig"]));
    let variable = Client::start_with(&PATTERN, |command| {
        alone(command, data.path());
        command.env("SLEAP_STREAM_WORKER", "rig");
    });
    answered(variable.wait());
    let doctor = command(data.path(), &["doctor", "--worker", "rig"], "");
    assert!(
        doctor.stdout.contains("worker-rig is registered"),
        "{}",
        doctor.stdout
    );
    assert!(doctor.stdout.contains("rig, at ws://"), "{}", doctor.stdout);
    let list = command(data.path(), &["workers"], "").success();
    assert!(
        list.stdout.starts_with("rig  worker-rig at ws://"),
        "{}",
        list.stdout
    );
    let json = command(data.path(), &["workers", "--json"], "").success();
    let objects: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(
        (&objects[0]["name"], &objects[0]["worker_id"]),
        (&"rig".into(), &"worker-rig".into())
    );
    for text in [
        &paired.stdout,
        &by_name.stderr,
        &doctor.stdout,
        &list.stdout,
        &json.stdout,
    ] {
        assert!(!text.contains(secret), "{text}");
    }

    // A renewed secret is stored in its place.
    drop(worker);
    let (_worker, renewed) = worker_at(
        &meeting.signal,
        data.path(),
        &["--name", "rig", "--new-secret"],
    );
    stream(data.path(), &["--worker", "rig"]).failed(1, &["sleap-stream pair"]);
    let again = command(data.path(), &["pair", &renewed], "").success();
    assert!(
        again.stdout.contains("rig has the new link"),
        "{}",
        again.stdout
    );
    assert!(again.stderr.contains("history"), "{}", again.stderr);
    answered(stream(data.path(), &["--worker", "rig"]));

    command(data.path(), &["workers", "remove", "rig"], "").success();
    command(data.path(), &["workers", "remove", "rig"], "")
        .failed(1, &["no worker is stored as rig"]);
    stream(data.path(), &["--worker", "rig"]).failed(2, &["--worker", "sleap-stream pair"]);
}

#[test]
fn a_link_without_a_secret_is_not_stored() {
    let data = tempfile::tempdir().unwrap();
    for (args, input, words) in [
        (["pair", "sleap://rig:8080/worker-1"], "", "has no secret"),
        (["pair", "-"], "hunter2\n", "there is no link"),
        (["pair", "-"], "", "there is no link on standard input"),
    ] {
        let refused = command(data.path(), &args, input);
        refused.failed(2, &[words]);
        assert!(!refused.stderr.contains("hunter2"));
    }
    assert!(!data.path().join("sleap-stream").exists());
}

#[test]
fn a_file_is_sent_to_a_stored_worker() {
    let place = Place::new();
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let file = place.write("secret", secret.as_bytes());
    let worker = place.worker(&["--secret-file", &file]);
    let host = worker.signal.strip_prefix("ws://").expect("an address");
    let link = format!("sleap://{host}/#{secret}");
    command(place.dir(), &["pair", "-", "--name", "gpu"], &link).success();
    let (video, poses) = (text(&demo("video.mp4")), place.text("poses.slp"));
    let args = ["--worker", "gpu", "--send-file", &video, "-o", &poses];
    let client = Client::start_with(&args, |command| alone(command, place.dir()));
    client.wait().success();
    assert!(place.path("poses.slp").exists());
}

/// A run with settings files and without any option that says where the worker is.
fn stream_anywhere(data: &Path) -> Finished {
    let client = Client::start_with(&PATTERN, |command| {
        alone(command, data);
        command.env_remove("SLEAP_STREAM_NO_CONFIG");
        command.env("HOME", data).current_dir(data);
    });
    client.wait()
}

#[test]
fn without_any_option_the_only_stored_worker_is_used() {
    let usual = cli_default();
    if TcpStream::connect(usual).is_ok() {
        // A worker of this machine comes first.
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let meeting = signal_server();
    let worker = stored(&meeting.signal, data.path(), "rig");
    let used = answered(stream_anywhere(data.path()));
    assert!(
        used.stderr.contains("the stored worker rig"),
        "{}",
        used.stderr
    );
    worker.logs("stream complete", 1);
    // Not where settings of no file are wanted, and not where an option says another place.
    stream(data.path(), &[]).failed(1, &["no signaling server at ws://127.0.0.1:8080"]);
    let _other = stored(&meeting.signal, data.path(), "left");
    stream_anywhere(data.path()).failed(2, &["left, rig", "--worker"]);
}

/// Where the client looks for a worker on this machine.
fn cli_default() -> SocketAddr {
    "127.0.0.1:8080".parse().unwrap()
}
