//! What becomes of a file's job when the worker or its connection ends in the midst of it.

use e2e::{Client, Place, Worker, demo, events, reference_uploader, signal_server, summary, text};

/// Longer than any test.
const NEVER: &str = "3600";

/// A worker whose model is kept busy by a stream, so that a file beside it gets a frame a second; a
/// client whose file is there and waits for its predictions.
struct Job {
    place: Place,
    signal: String,
    worker: Worker,
    stream: Client,
    client: Client,
    output: String,
}

/// A client that sends the demo's video.
fn send(signal: &str, output: &str) -> Client {
    let video = text(&demo("video.mp4"));
    Client::send_file(signal, &[&video, "-o", output, "--json"])
}

/// Waits until a client has heard of at least so many predicted frames: how many those are.
fn frames(client: &mut Client, least: u64) -> u64 {
    loop {
        let event = client.line().expect("its job goes on");
        if let Some(frames) = event["frames"].as_u64().filter(|frames| *frames >= least) {
            return frames;
        }
    }
}

impl Job {
    fn under_way(signal: &str) -> Self {
        let place = Place::new();
        let worker = Self::worker(&place, signal);
        let pattern = ["--test-pattern", "256x192@1000", "--every-frame", "-q"];
        let stream = ["--signal", signal, "--reconnect-timeout", "0"];
        let stream = Client::start(&[&stream[..], &pattern].concat());
        worker.logs("stream starts", 1);
        let output = place.text("poses.slp");
        let client = send(signal, &output);
        worker.logs("upload complete", 1);
        Self {
            signal: signal.to_owned(),
            output,
            place,
            worker,
            stream,
            client,
        }
    }

    fn worker(place: &Place, signal: &str) -> Worker {
        place.worker_at(signal, &["--drain-timeout", NEVER])
    }
}

#[test]
fn a_worker_that_drains_finishes_the_job_that_runs() {
    let server = signal_server();
    let job = Job::under_way(&server.signal);
    job.worker.terminate();
    job.worker.logs("asked to end", 1);
    // Until then the job has hardly begun.
    job.stream.interrupt();
    job.stream.wait();
    let run = job.client.wait().success();
    assert_eq!(summary(&run.predictions())["frames"], 240);
    let (code, log) = job.worker.wait();
    assert_eq!(code, Some(130), "{log}");
}

#[test]
fn a_file_whose_predictions_are_missing_is_there_for_the_next_worker() {
    let server = signal_server();
    let job = Job::under_way(&server.signal);
    let Job {
        place,
        signal,
        worker,
        stream,
        client,
        ..
    } = job;
    worker.interrupt();
    stream.wait();
    let there = place.uploads();
    assert!(
        there.len() == 1 && there[0].0.ends_with(".file"),
        "the file, and nothing of the job: {there:?}"
    );
    let next = Job::worker(&place, &signal);
    let run = client.wait().success();
    let said = run.predictions();
    let summary = summary(&said);
    assert_eq!(summary["frames"], 240);
    assert!(summary["reconnections"].as_u64() > Some(0), "{summary}");
    let video = std::fs::metadata(demo("video.mp4")).unwrap().len();
    assert_eq!(summary["bytes_sent"], video, "it was sent once");
    next.logs("file removed", 1);
    assert_eq!(place.uploads(), []);
}

#[test]
fn a_client_that_comes_back_in_mid_job_finds_it_further_on() {
    let server = signal_server();
    let mut job = Job::under_way(&server.signal);
    let before = frames(&mut job.client, 2);
    job.client.interrupt();
    assert_eq!(job.client.wait().code, Some(130));
    let mut next = send(&job.signal, &job.output);
    assert!(frames(&mut next, 0) >= before);
    job.stream.interrupt();
    job.stream.wait();
    let said = next.wait().success().predictions();
    let summary = summary(&said);
    assert_eq!(summary["frames"], 240);
    assert!(
        summary["frames_waited_for"].as_u64().unwrap() <= 240 - before,
        "{summary}"
    );
    job.worker.logs("file removed", 1);
    assert_eq!(job.place.uploads(), []);
    let (_, log) = job.worker.interrupt();
    assert_eq!(log.matches("video open").count(), 1, "{log}");
}

#[test]
fn predictions_wait_for_a_client_that_was_lost() {
    let server = signal_server();
    let mut job = Job::under_way(&server.signal);
    frames(&mut job.client, 1);
    job.client.kill();
    job.stream.interrupt();
    job.stream.wait();
    job.worker.logs("predictions complete", 1);
    let said = send(&job.signal, &job.output)
        .wait()
        .success()
        .predictions();
    let summary = summary(&said);
    assert_eq!(summary["frames"], 240);
    assert_eq!(summary["poses"], 240);
    for nothing in ["bytes_sent", "frames_waited_for"] {
        assert_eq!(summary[nothing], 0, "{nothing}: {summary}");
    }
    job.worker.logs("file removed", 1);
    assert_eq!(job.place.uploads(), []);
    let (_, log) = job.worker.interrupt();
    assert_eq!(log.matches("video open").count(), 1, "{log}");
}

/// SLEAP-RTC's own code, as its package has it.
#[test]
fn the_real_clients_upload_is_taken_once() {
    let place = Place::new();
    let worker = place.worker(&["--keep", "--max-upload", "1MB"]);
    let video = text(&demo("video.mp4"));
    for times in [1, 1] {
        let (said, code) =
            reference_uploader(&worker.signal, &["--real", "--upload", &video]).rest();
        if said.iter().any(|event| event["event"] == "absent") {
            return eprintln!("SKIPPED: the package sleap-rtc is not installed");
        }
        assert_eq!(code, Some(0), "{said:?}");
        let uploaded = events(&said, "uploaded");
        let name = uploaded[0]["path"].as_str().unwrap();
        let there = place.uploads();
        assert_eq!(there.len(), 1, "{there:?}");
        assert_eq!(there[0].0, format!("{name}.file"));
        worker.logs("upload complete", times);
    }
    let large = place.write("large.mp4", &[0; 1_000_001]);
    let (said, _) = reference_uploader(&worker.signal, &["--real", "--upload", &large]).rest();
    let refused = events(&said, "refused");
    let reason = refused[0]["reason"].as_str().unwrap();
    assert!(reason.contains("--max-upload"), "{reason}");
}

/// Clients that send the demonstration's video under these names.
fn copies(place: &Place, signal: &str, names: &[&str]) -> Vec<Client> {
    let video = std::fs::read(demo("video.mp4")).expect("a video");
    let send = |name: &&str| {
        let copy = place.write(name, &video);
        let output = place.text(&format!("{name}.slp"));
        let client = Client::send_file(signal, &[&copy, "-o", &output]);
        // The next one comes after it.
        client.logs("before this one", 1);
        client
    };
    names.iter().map(send).collect()
}

#[test]
fn files_wait_in_a_queue_whose_length_their_clients_hear() {
    let server = signal_server();
    let job = Job::under_way(&server.signal);
    let waiting = copies(&job.place, &job.signal, &["second.mp4", "third.mp4"]);
    waiting[0].logs("another file is before this one", 1);
    waiting[1].logs("2 other files are before this one", 1);
    job.stream.interrupt();
    job.stream.wait();
    job.client.wait().success();
    for client in waiting {
        client.wait().success();
    }
}

#[test]
fn files_run_side_by_side_where_that_is_asked_for() {
    let place = Place::new();
    let worker = place.worker(&["--max-jobs", "2"]);
    let pattern = ["--test-pattern", "256x192@1000", "--every-frame", "-q"];
    let stream = Client::start(&[&["--signal", &worker.signal][..], &pattern].concat());
    worker.logs("stream starts", 1);
    let mut first = send(&worker.signal, &place.text("first.slp"));
    let video = std::fs::read(demo("video.mp4")).expect("a video");
    let copy = place.write("second.mp4", &video);
    let output = place.text("second.slp");
    let mut second = Client::send_file(&worker.signal, &[&copy, "-o", &output, "--json"]);
    // Beside the stream neither is at its end.
    frames(&mut first, 1);
    frames(&mut second, 1);
    let waiting = copies(&place, &worker.signal, &["third.mp4"]);
    waiting[0].logs("2 other files are before this one", 1);
    stream.interrupt();
    stream.wait();
    for client in [first, second].into_iter().chain(waiting) {
        client.wait().success();
    }
}
