//! Several workers at one meeting point: which one a client takes, and where a stream goes on when its worker dies or is
//! about to end.

use std::path::Path;

use e2e::{Client, Finished, Worker, demo, signal_server, text};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than any test runs.
const NEVER: &str = "604800";
const STARTS: &str = "stream starts";

fn worker(meeting: &Worker, streams: &str, more: &[&str]) -> Worker {
    let model = text(&demo("model"));
    worker_with(
        meeting,
        &model,
        &[&["--max-streams", streams], more].concat(),
    )
}

fn worker_with(meeting: &Worker, model: &str, more: &[&str]) -> Worker {
    Worker::start_at(&meeting.signal, &[&["--model", model], more].concat())
}

/// The demonstration's model under another name.
fn renamed(name: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["model.onnx", "export_metadata.json", "training_config.yaml"] {
        std::fs::copy(demo("model").join(file), folder.path().join(file)).expect("a copy");
    }
    let metadata = folder.path().join("export_metadata.json");
    let text = std::fs::read_to_string(&metadata).expect("a file");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    value["model_name"] = name.into();
    std::fs::write(&metadata, value.to_string()).expect("a file");
    let path = folder.path().to_str().expect("a path of text").to_owned();
    (folder, path)
}

/// A client that streams a pattern without an end, with its predictions on standard output.
fn live(meeting: &Worker, more: &[&str]) -> Client {
    let pattern = ["--signal", &meeting.signal, "--test-pattern", "256x192@60"];
    Client::start(&[&pattern[..], &["-o", "-"], more].concat())
}

/// A client that streams the demonstration's video.
fn file(meeting: &Worker, more: &[&str]) -> Client {
    let video = text(&demo("video.mp4"));
    let args = ["--signal", &meeting.signal, "--stream", &video, "-o", "-"];
    Client::start(&[&args, more].concat())
}

fn few(meeting: &Worker, more: &[&str]) -> Finished {
    live(meeting, &[&["--max-frames", "3"], more].concat()).wait()
}

#[track_caller]
fn next(client: &mut Client, count: usize) -> Vec<u64> {
    let line = |_| number(&client.line().expect("predictions come"));
    (0..count).map(line).collect()
}

fn number(prediction: &Value) -> u64 {
    prediction["frame_id"].as_u64().expect("a number")
}

/// The predictions of a client that has ended, behind those that were read before.
fn all(mut seen: Vec<u64>, run: &Finished) -> Vec<u64> {
    seen.extend(run.predictions().iter().map(number));
    seen
}

#[track_caller]
fn interrupted(client: Client, seen: Vec<u64>) -> Vec<u64> {
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    all(seen, &run)
}

#[test]
fn the_worker_with_the_most_room_is_taken() {
    let meeting = signal_server();
    let small = worker(&meeting, "1", &[]);
    let large = worker(&meeting, "3", &[]);
    let mut clients: Vec<_> = (1..=2)
        .map(|number| {
            let mut client = live(&meeting, &[]);
            next(&mut client, 1);
            large.logs(STARTS, number);
            client
        })
        .collect();
    assert!(!small.log().contains(STARTS), "{}", small.log());
    next(&mut clients[0], 1);
    // A worker that is named is taken, whatever room others have.
    few(&meeting, &["--worker-id", &meeting_id(&small)]).success();
    small.logs(STARTS, 1);
}

#[test]
fn a_worker_with_the_model_that_is_asked_for_is_taken() {
    let meeting = signal_server();
    let (_first, fly) = renamed("fly");
    let (_second, mouse) = renamed("mouse");
    let one = worker_with(&meeting, &fly, &["--max-streams", "4"]);
    let other = worker_with(&meeting, &mouse, &["--max-streams", "1"]);
    few(&meeting, &["--model-name", "mouse"]).success();
    other.logs(STARTS, 1);
    few(&meeting, &[]).success();
    one.logs(STARTS, 1);
    let none = few(&meeting, &["--model-name", "rat"]);
    none.failed(1, &["fits", "runs the model fly", "runs the model mouse"]);
    let id = meeting_id(&one);
    let wrong = few(&meeting, &["--worker-id", &id, "--model-name", "mouse"]);
    wrong.failed(1, &["the worker runs fly", "--model-name asks for mouse"]);
}

/// The id under which a worker has registered.
fn meeting_id(worker: &Worker) -> String {
    // Its log may be read later than its standard output.
    worker.logs("registered id=\"", 1);
    let log = worker.log();
    let id = log.split("id=\"").nth(1).expect("it tells its id");
    id.split('"').next().expect("an id").to_owned()
}

#[test]
fn clients_that_come_at_once_do_not_share_the_last_place() {
    let meeting = signal_server();
    let workers = [worker(&meeting, "1", &[]), worker(&meeting, "1", &[])];
    let mut clients = [live(&meeting, &[]), live(&meeting, &[])];
    for client in &mut clients {
        next(client, 1);
    }
    for worker in &workers {
        worker.logs(STARTS, 1);
    }
    // All are full: said of each, and the place of one that ends is taken, wherever that is.
    let refused = few(&meeting, &[]);
    let each = "serves as many streams as it does at a time";
    refused.failed(1, &["no worker has room", each, "--wait"]);
    assert_eq!(
        refused.stderr.matches(each).count(),
        2,
        "{}",
        refused.stderr
    );
    let waiting = live(&meeting, &["--max-frames", "3", "--wait"]);
    waiting.logs("busy; asking again", 1);
    let [first, second] = clients;
    interrupted(first, Vec::new());
    waiting.wait().success();
    interrupted(second, Vec::new());
}

#[test]
fn who_waits_gets_a_place_at_whichever_worker_has_one() {
    for ends in 0..2 {
        let meeting = signal_server();
        let workers = [worker(&meeting, "1", &[]), worker(&meeting, "1", &[])];
        let mut clients = workers.iter().map(|worker| {
            let mut client = live(&meeting, &["--worker-id", &meeting_id(worker)]);
            next(&mut client, 1);
            client
        });
        let mut clients: Vec<_> = clients.by_ref().collect();
        let waiting = live(&meeting, &["--max-frames", "3", "--wait"]);
        waiting.logs("busy; asking again", 1);
        interrupted(clients.remove(ends), Vec::new());
        waiting.wait().success();
        workers[ends].logs(STARTS, 2);
    }
}

#[test]
fn a_live_stream_goes_on_at_another_worker_when_its_own_is_killed() {
    let meeting = signal_server();
    let own = worker(&meeting, "4", &[]);
    let other = worker(&meeting, "2", &[]);
    let mut client = live(&meeting, &[]);
    let mut seen = next(&mut client, 10);
    own.logs(STARTS, 1);
    own.kill();
    client.logs("connected again", 1);
    seen.extend(next(&mut client, 40));
    other.logs(STARTS, 1);
    let seen = interrupted(client, seen);
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}

#[test]
fn a_file_loses_nothing_when_its_worker_is_killed() {
    let meeting = signal_server();
    let own = worker(&meeting, "4", &[]);
    let other = worker(&meeting, "2", &[]);
    let mut client = file(&meeting, &["--fps", "400"]);
    let seen = next(&mut client, 50);
    own.kill();
    let run = client.wait().success();
    assert!(all(seen, &run).into_iter().eq(0..240), "{}", run.stderr);
    other.logs(STARTS, 1);
}

#[test]
fn only_a_worker_with_the_same_model_takes_a_stream_over() {
    let meeting = signal_server();
    let (_folder, fly) = renamed("fly");
    let other = worker_with(&meeting, &fly, &["--max-streams", "2"]);
    let own = worker(&meeting, "4", &[]);
    let mut client = file(&meeting, &["--fps", "400", "--reconnect-timeout", "3"]);
    next(&mut client, 20);
    own.kill();
    let run = client.wait();
    run.failed(
        1,
        &["not connected again", "runs the model fly", "are kept"],
    );
    assert!(!other.log().contains(STARTS), "{}", other.log());
}

/// How a worker that drains under a stream ends, with the client's predictions.
fn drained(mut client: Client, own: Worker, other: &Worker) -> (Finished, Vec<u64>) {
    let seen = next(&mut client, 20);
    own.logs(STARTS, 1);
    own.terminate();
    client.logs("the stream goes on at another worker", 1);
    let (code, log) = own.wait();
    assert_eq!(code, Some(130), "{log}");
    assert!(log.contains("stream complete"), "{log}");
    other.logs(STARTS, 1);
    let run = client.wait().success();
    let lost = "the connection to the worker is lost";
    assert!(!run.stderr.contains(lost), "{}", run.stderr);
    let seen = all(seen, &run);
    (run, seen)
}

#[test]
fn streams_leave_a_worker_that_drains_and_lose_nothing() {
    let meeting = signal_server();
    let every: &[&str] = &["--every-frame", "--max-frames", "300"];
    let begun: [fn(&Worker, &[&str]) -> Client; 2] = [live, file];
    for (begin, more, count) in [
        (begun[0], every, 300),
        (begun[1], &["--fps", "100"], 240),
        (begun[1], &["--fps", "100", "--batch-size", "4"], 240),
    ] {
        let own = worker(&meeting, "4", &["--drain-timeout", NEVER]);
        let other = worker(&meeting, "2", &[]);
        let (run, seen) = drained(begin(&meeting, more), own, &other);
        let first = seen[0];
        assert!(seen.into_iter().eq(first..count), "{}", run.stderr);
    }
}

#[test]
fn a_stream_that_finds_no_other_worker_stays_until_there_is_one() {
    let meeting = signal_server();
    let own = worker(&meeting, "4", &["--drain-timeout", NEVER]);
    let full = worker(&meeting, "1", &[]);
    let mut filling = live(&meeting, &["--worker-id", &meeting_id(&full)]);
    next(&mut filling, 1);
    let mut client = live(&meeting, &[]);
    next(&mut client, 5);
    own.terminate();
    client.logs("the worker is about to end; looking for another one", 1);
    // More than the pipe and what is under way can hold.
    next(&mut client, 200);
    let other = worker(&meeting, "2", &[]);
    client.logs("the stream goes on at another worker", 1);
    let (code, log) = own.wait();
    assert_eq!(code, Some(130), "{log}");
    other.logs(STARTS, 1);
    let seen = next(&mut client, 20);
    interrupted(client, seen);
    interrupted(filling, Vec::new());
}

/// Old clients are told of no change, and a named worker is the only one.
#[test]
fn a_stream_of_a_named_worker_stays_with_it() {
    let meeting = signal_server();
    let own = worker(&meeting, "4", &["--drain-timeout", NEVER]);
    let other = worker(&meeting, "4", &[]);
    let id = meeting_id(&own);
    let mut client = live(&meeting, &["--worker-id", &id]);
    next(&mut client, 5);
    own.terminate();
    client.logs("still serves running streams for a while", 1);
    next(&mut client, 100);
    interrupted(client, Vec::new());
    assert!(!other.log().contains(STARTS), "{}", other.log());
}

#[test]
fn workers_of_one_host_have_names_and_ports_of_their_own() {
    let meeting = signal_server();
    let home = tempfile::tempdir().expect("a folder");
    let start = |home: &Path| {
        let signal = &meeting.signal;
        let ports = ["--metrics", "127.0.0.1:0", "--view", "127.0.0.1:0"];
        let args = ["--signal", signal, "--insecure"];
        Worker::start_with(&[&args[..], &ports].concat(), |command| {
            command.env("XDG_DATA_HOME", home).env("HOME", home);
        })
    };
    let workers: Vec<_> = (0..3).map(|_| start(home.path())).collect();
    let ids: Vec<_> = workers.iter().map(meeting_id).collect();
    let peers =
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(link::registered_workers(
                &meeting.signal,
                std::time::Duration::from_secs(30),
            ));
    let peers = peers.expect("the server answers");
    let listed: Vec<_> = peers.iter().map(|peer| peer.id.clone()).collect();
    assert_eq!(listed, ids);
    for peer in peers {
        let load = peer.load.expect("it tells");
        assert_eq!((load.streams, load.free, load.model), (4, 4, None));
    }
    assert_eq!(ids[1], format!("{}-2", ids[0]));
    // The same name after a restart.
    let mut workers = workers.into_iter();
    let first = workers.next().expect("a worker");
    first.interrupt();
    let again = start(home.path());
    assert_eq!(meeting_id(&again), ids[0]);
}
