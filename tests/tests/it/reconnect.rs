//! Connections that are lost in the midst of a stream: a file goes on where it was, a camera with
//! its newest frame.

use e2e::{Client, Tunnel, Worker, demo, signal_server};
use serde_json::Value;

const LOST: &str = "the connection to the worker is lost";
const BACK: &str = "connected again";

fn model() -> String {
    demo("model").to_str().unwrap().to_owned()
}

fn worker_at(meeting: &Worker) -> Worker {
    Worker::start_at(&meeting.signal, &["--model", &model()])
}

fn stream_video(signal: &str, options: &[&str]) -> Client {
    let video = demo("video.mp4");
    let args = [
        "--signal",
        signal,
        "--stream",
        video.to_str().unwrap(),
        "-o",
        "-",
    ];
    Client::start(&[&args, options].concat())
}

/// What does not change from one run to the next: everything but the times.
fn timeless(mut prediction: Value) -> Value {
    let fields = prediction.as_object_mut().expect("an object");
    fields.retain(|name, _| {
        !["timing", "captured_us", "latency_us", "latency"].contains(&name.as_str())
    });
    prediction
}

fn poses(predictions: Vec<Value>) -> Vec<Value> {
    predictions.into_iter().map(timeless).collect()
}

/// Fails at the first prediction that differs, whose number is all that is printed.
#[track_caller]
fn assert_same(seen: Vec<Value>, expected: Vec<Value>) {
    let seen = poses(seen);
    let differs = seen.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!((seen.len(), differs), (expected.len(), None));
}

/// What a run that nothing disturbs gives.
fn undisturbed(options: &[&str]) -> Vec<Value> {
    let worker = Worker::start(&["--model", &model()]);
    let run = stream_video(&worker.signal, options).wait().success();
    poses(run.predictions())
}

#[track_caller]
fn next(client: &mut Client, count: usize, into: &mut Vec<Value>) {
    for _ in 0..count {
        into.push(client.line().expect("predictions come"));
    }
}

#[test]
fn a_file_goes_on_with_the_worker_that_takes_the_place_of_a_killed_one() {
    let meeting = signal_server();
    let mut seen = Vec::new();
    let mut worker = worker_at(&meeting);
    let mut client = stream_video(&meeting.signal, &["--fps", "400"]);
    for death in 1..=2 {
        next(&mut client, 50, &mut seen);
        worker.kill();
        client.logs(LOST, death);
        worker = worker_at(&meeting);
        client.logs(BACK, death);
    }
    let run = client.wait().success();
    assert!(run.stderr.contains("reconnected"), "{}", run.stderr);
    seen.extend(run.predictions());
    let expected = undisturbed(&[]);
    assert_eq!(expected.len(), 240);
    assert_same(seen, expected);
}

#[test]
fn a_client_is_taken_back_by_a_worker_that_did_not_notice_that_it_was_away() {
    let worker = Worker::start(&["--model", &model()]);
    let mut client = stream_video(&worker.signal, &["--fps", "400"]);
    let mut seen = Vec::new();
    next(&mut client, 50, &mut seen);
    worker.freeze();
    client.logs(LOST, 1);
    worker.thaw();
    let run = client.wait().success();
    assert!(run.stderr.contains(BACK), "{}", run.stderr);
    seen.extend(run.predictions());
    assert_same(seen, undisturbed(&[]));
}

/// The worker hangs, and has lost its signaling server when it goes on: what was offered to it meanwhile
/// never reaches it.
#[test]
fn an_offer_is_made_again_to_a_worker_that_registers_again() {
    let meeting = signal_server();
    let address = meeting.signal.strip_prefix("ws://").unwrap();
    let tunnel = Tunnel::to(address.parse().unwrap());
    let worker = Worker::start_at(&format!("ws://{}", tunnel.address), &["--model", &model()]);
    // Less than an offer has to be answered: there is no time to wait in vain.
    let options = ["--fps", "400", "--reconnect-timeout", "14"];
    let mut client = stream_video(&meeting.signal, &options);
    let mut seen = Vec::new();
    next(&mut client, 50, &mut seen);
    worker.freeze();
    tunnel.lose();
    client.logs(LOST, 1);
    tunnel.says(r#""type":"offer""#, 2);
    tunnel.cut();
    worker.thaw();
    let run = client.wait().success();
    assert!(run.stderr.contains(BACK), "{}", run.stderr);
    worker.logs("registered again", 1);
    seen.extend(run.predictions());
    assert_same(seen, undisturbed(&[]));
}

/// The words at the end are those of the last attempt.
#[test]
fn a_worker_that_hangs_until_the_end_is_said_not_to_have_answered() {
    let worker = Worker::start(&["--model", &model()]);
    let options = ["--fps", "400", "--reconnect-timeout", "3"];
    let mut client = stream_video(&worker.signal, &options);
    client.line().expect("a first prediction");
    // Its own signaling server hangs with it: a connection to it is taken by the system alone.
    worker.freeze();
    let run = client.wait();
    run.failed(1, &["not connected again", "did not answer within"]);
    worker.thaw();
}

#[test]
fn batches_survive_a_lost_connection() {
    let options = ["--batch-size", "4", "--fps", "400"];
    let meeting = signal_server();
    let worker = worker_at(&meeting);
    let mut client = stream_video(&meeting.signal, &options);
    let mut seen = Vec::new();
    next(&mut client, 50, &mut seen);
    worker.kill();
    client.logs(LOST, 1);
    let _worker = worker_at(&meeting);
    seen.extend(client.wait().success().predictions());
    let ids: Vec<_> = seen.iter().map(|one| one["frame_id"].as_u64()).collect();
    assert_eq!(ids, (0..240).map(Some).collect::<Vec<_>>());
}

#[test]
fn a_stream_outlives_its_signaling_server() {
    let meeting = signal_server();
    let address = meeting.signal.strip_prefix("ws://").unwrap().to_owned();
    let signal = meeting.signal.clone();
    let worker = worker_at(&meeting);
    let mut client = stream_video(&signal, &["--fps", "400"]);
    let mut seen = Vec::new();
    next(&mut client, 20, &mut seen);
    meeting.kill();
    next(&mut client, 20, &mut seen);
    worker.kill();
    client.logs(LOST, 1);
    let meeting = Worker::start_with(&["signal", "--listen", &address], |_| {});
    let _worker = worker_at(&meeting);
    seen.extend(client.wait().success().predictions());
    assert_same(seen, undisturbed(&[]));
}

#[test]
fn a_live_stream_goes_on_with_its_newest_frame() {
    let meeting = signal_server();
    let worker = worker_at(&meeting);
    let args = [
        "--signal",
        &meeting.signal,
        "--test-pattern",
        "256x192@60",
        "-o",
        "-",
    ];
    let mut client = Client::start(&args);
    let mut seen = Vec::new();
    next(&mut client, 10, &mut seen);
    worker.kill();
    client.logs(LOST, 1);
    let _worker = worker_at(&meeting);
    client.logs(BACK, 1);
    // Predictions of before may still be in the pipe.
    next(&mut client, 40, &mut seen);
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    let ids: Vec<_> = seen
        .iter()
        .map(|one| one["frame_id"].as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let largest_gap = ids.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    // At 60 frames/s and after seconds without a worker.
    assert!(largest_gap > 20, "{ids:?}");
}

#[test]
fn another_model_is_not_the_worker_that_was_lost() {
    let meeting = signal_server();
    let worker = worker_at(&meeting);
    let options = ["--fps", "400", "--reconnect-timeout", "5"];
    let mut client = stream_video(&meeting.signal, &options);
    client.line().expect("a first prediction");
    worker.kill();
    client.logs(LOST, 1);
    let _other = Worker::start_at(&meeting.signal, &[]);
    client
        .wait()
        .failed(1, &["not connected again", "runs no model", "are kept"]);
}

#[test]
fn a_worker_that_stays_away_is_given_up() {
    let worker = Worker::start(&["--model", &model()]);
    let mut client = stream_video(
        &worker.signal,
        &["--fps", "400", "--reconnect-timeout", "1"],
    );
    client.line().expect("a first prediction");
    worker.kill();
    client
        .wait()
        .failed(1, &["not connected again", "are kept"]);
}

#[test]
fn who_waits_comes_when_there_is_a_worker_and_it_is_free() {
    let meeting = signal_server();
    let mut first = Client::start(&[
        "--signal",
        &meeting.signal,
        "--test-pattern",
        "--wait",
        "-o",
        "-",
    ]);
    first.logs("waiting for a worker", 1);
    let args = ["--model", &model(), "--max-streams", "1"];
    let _worker = Worker::start_at(&meeting.signal, &args);
    first.line().expect("a first prediction");
    let second = stream_video(&meeting.signal, &["--wait", "--max-frames", "3"]);
    second.logs("busy; asking again", 1);
    first.interrupt();
    assert_eq!(first.wait().code, Some(130));
    assert_eq!(second.wait().success().predictions().len(), 3);
}
