//! Workers at one meeting point with different secrets: a client takes one that lets it in.

use e2e::{Client, Finished, Worker, demo, signal_server, text};
use tempfile::TempDir;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER: &str = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const STARTS: &str = "stream starts";
const PASSED_OVER: &str = "is passed over";
const REFUSED: &str = "does not accept the secret";

/// Files with the two secrets.
struct Secrets {
    _folder: TempDir,
    own: String,
    other: String,
}

impl Secrets {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, secret: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, secret).expect("written");
            text(&path)
        };
        Self {
            own: file("own", SECRET),
            other: file("other", OTHER),
            _folder: folder,
        }
    }
}

/// A worker with a secret, or for all of this machine. The client takes the one with the most room first.
fn worker(meeting: &Worker, streams: &str, secret: Option<&str>) -> Worker {
    let model = text(&demo("model"));
    let trust = secret.map_or(vec!["--insecure"], |file| vec!["--secret-file", file]);
    let args = ["--signal", &meeting.signal, "--model", &model];
    let args = [&args[..], &["--max-streams", streams], &trust].concat();
    Worker::start_with(&args, |_| {})
}

fn client(meeting: &Worker, more: &[&str]) -> Client {
    let args = [
        "--signal",
        &meeting.signal,
        "--test-pattern",
        "64x48@50",
        "-o",
        "-",
    ];
    Client::start(&[&args[..], more].concat())
}

fn few(meeting: &Worker, more: &[&str]) -> Finished {
    client(meeting, &[&["--max-frames", "3"], more].concat()).wait()
}

#[test]
fn a_worker_that_does_not_let_the_client_in_gives_way_to_another_one() {
    let (meeting, secrets) = (signal_server(), Secrets::new());
    let strange = worker(&meeting, "8", Some(&secrets.other));
    let own = worker(&meeting, "2", Some(&secrets.own));
    let run = few(&meeting, &["--secret-file", &secrets.own]).success();
    assert!(run.stderr.contains(PASSED_OVER), "{}", run.stderr);
    assert!(run.stderr.contains(REFUSED), "{}", run.stderr);
    own.logs(STARTS, 1);
    assert!(!strange.log().contains(STARTS), "{}", strange.log());
}

#[test]
fn a_client_without_a_secret_takes_a_worker_that_asks_for_none() {
    let (meeting, secrets) = (signal_server(), Secrets::new());
    let _strange = worker(&meeting, "8", Some(&secrets.other));
    let open = worker(&meeting, "2", None);
    let run = few(&meeting, &["--insecure"]).success();
    assert!(run.stderr.contains(PASSED_OVER), "{}", run.stderr);
    open.logs(STARTS, 1);
}

#[test]
fn where_no_worker_lets_the_client_in_it_ends_with_the_reason() {
    let (meeting, secrets) = (signal_server(), Secrets::new());
    let first = worker(&meeting, "8", Some(&secrets.other));
    let args = ["--secret-file", &secrets.own];
    let alone = few(&meeting, &args);
    alone.failed(1, &[REFUSED]);
    assert!(!alone.stderr.contains(PASSED_OVER), "{}", alone.stderr);
    let second = worker(&meeting, "2", Some(&secrets.other));
    let none = few(&meeting, &args);
    none.failed(1, &["none of the workers lets this client in", REFUSED]);
    for worker in [first, second] {
        assert!(!worker.log().contains(STARTS), "{}", worker.log());
    }
}

#[test]
fn a_stream_whose_worker_dies_goes_on_at_one_that_lets_it_in() {
    let (meeting, secrets) = (signal_server(), Secrets::new());
    let own = worker(&meeting, "8", Some(&secrets.own));
    let mut running = client(&meeting, &["--secret-file", &secrets.own]);
    running.line().expect("predictions come");
    let _strange = worker(&meeting, "6", Some(&secrets.other));
    let next = worker(&meeting, "2", Some(&secrets.own));
    own.kill();
    running.logs(PASSED_OVER, 1);
    running.logs("connected again", 1);
    running.line().expect("predictions go on");
    next.logs(STARTS, 1);
    running.interrupt();
    assert_eq!(running.wait().code, Some(130));
}
