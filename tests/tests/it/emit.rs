//! `--emit` of both binaries, read by implementations that are not ours: Python's own JSON, pyzmq (libzmq)
//! and python-osc.

use std::net::TcpStream;

use e2e::{Client, Finished, Peer, Worker, consumer, demo, example, signal_server};
use serde_json::Value;

const FRAMES: u64 = 240;

fn model() -> String {
    demo("model").to_str().expect("UTF-8").to_owned()
}

fn video() -> String {
    demo("video.mp4").to_str().expect("UTF-8").to_owned()
}

/// The demonstration's video, with its poses on standard output.
fn stream(worker: &Worker, extra: &[&str]) -> Finished {
    let video = video();
    let args = ["--signal", &worker.signal, "--stream", &video, "-o", "-"];
    Client::run(&[&args, extra].concat()).success()
}

/// The address of a publisher that took any free port, from the log.
fn published(log: &str) -> String {
    let after = log.split("poses go to zmq://").nth(1);
    let address = after.and_then(|rest| rest.split_whitespace().next());
    format!("zmq://{}", address.expect("the log says where"))
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let of_kind = events.iter().filter(|event| event["event"] == kind);
    of_kind.map(|event| &event["message"]).collect()
}

/// All poses are those of the client's own output, in order, and the stream ends.
#[track_caller]
fn assert_same(events: &[Value], predictions: &[Value]) {
    let poses = of_kind(events, "pose");
    assert_eq!(poses.len(), predictions.len());
    for (pose, prediction) in poses.iter().zip(predictions) {
        for key in [
            "frame_id",
            "instances",
            "confidence",
            "instance_scores",
            "timing",
        ] {
            assert_eq!(pose[key], prediction[key], "{key}");
        }
        assert_eq!(pose["version"], 1);
        assert_eq!(pose["source"], "video.mp4");
        let at = |key: &str| pose[key].as_u64().expect("microseconds");
        assert!(at("captured_us") < at("emitted_us"), "{pose}");
    }
    let skeleton = of_kind(events, "skeleton")[0];
    assert_eq!(skeleton["nodes"][0], "nose");
    assert_eq!(
        events[0]["event"], "skeleton",
        "it comes before the first pose"
    );
    let end = of_kind(events, "end");
    assert_eq!(end.len(), 1);
    assert_eq!(end[0]["poses"], predictions.len());
}

#[test]
fn the_client_emits_over_udp_what_it_writes() {
    let worker = Worker::start(&["--model", &model()]);
    let (udp, url) = consumer(&["udp"]);
    // Slow enough for Python to keep up: UDP waits for nobody.
    let done = stream(&worker, &["--fps", "200", "--emit", &url]);
    assert_same(&udp.rest().0, &done.predictions());
    let line = format!("{FRAMES:>9}   to {url}\n");
    assert!(done.stderr.contains(&line), "{}", done.stderr);
}

#[test]
fn the_worker_emits_over_zmq_in_the_sources_pixels() {
    let worker = Worker::start(&["--model", &model(), "--emit", "zmq://127.0.0.1:0"]);
    worker.logs("poses go to zmq://", 1);
    let (zmq, _) = consumer(&["zmq", "--connect", &published(&worker.log())]);
    worker.logs("a subscriber for poses", 1);
    // Sent in another size than the source's: the client scales back, and so does the worker.
    let done = stream(&worker, &["--resize", "320x240", "--fps", "200"]);
    assert_same(&zmq.rest().0, &done.predictions());
    let (_, log) = worker.interrupt();
    assert!(log.contains("poses emitted"), "{log}");
    assert!(log.contains(&format!("poses={FRAMES} dropped=0")), "{log}");
}

#[test]
fn the_client_publishes_and_topics_select() {
    let meeting = signal_server();
    let video = video();
    let client = Client::start(&[
        "--signal",
        &meeting.signal,
        "--wait",
        "--stream",
        &video,
        "--fps",
        "200",
        "-o",
        "-",
        "--emit",
        "zmq://127.0.0.1:0",
    ]);
    client.logs("poses go to zmq://", 1);
    let url = published(&client.log());
    let (poses, _) = consumer(&["zmq", "--connect", &url]);
    let (end, _) = consumer(&["zmq", "--connect", &url, "--topic", "end"]);
    client.logs("a subscriber for poses", 2);
    let _worker = Worker::start_at(&meeting.signal, &["--model", &model()]);
    let done = client.wait().success();
    assert_same(&poses.rest().0, &done.predictions());
    let (events, code) = end.rest();
    assert_eq!(code, Some(0));
    assert_eq!(events.len(), 1, "{events:?}");
}

/// The values of messages to an OSC address.
fn to<'a>(events: &'a [Value], address: &str) -> Vec<&'a Vec<Value>> {
    events
        .iter()
        .map(|event| &event["message"])
        .filter(|message| message["address"] == address)
        .map(|message| message["values"].as_array().expect("a list"))
        .collect()
}

fn close(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-3,
        (one, other) => one == other,
    }
}

#[test]
fn osc_is_read_by_python_osc() {
    let worker = Worker::start(&["--model", &model()]);
    let (whole, url) = consumer(&["osc"]);
    let (by_node, node_url) = consumer(&["osc"]);
    let node_url = format!("{node_url}?by=node");
    let done = stream(
        &worker,
        &["--fps", "100", "--emit", &url, "--emit", &node_url],
    );
    let predictions = done.predictions();
    let (whole, by_node) = (whole.rest().0, by_node.rest().0);
    let frames = to(&whole, "/sleap/frame");
    let poses = to(&whole, "/sleap/pose");
    let noses = to(&by_node, "/sleap/pose/0/nose");
    assert_eq!((frames.len(), poses.len(), noses.len()), (240, 240, 240));
    assert_eq!(to(&whole, "/sleap/end"), [&vec![Value::from(FRAMES)]]);
    let skeleton = to(&whole, "/sleap/skeleton")[0];
    assert_eq!(skeleton[1], "nose");
    for (((frame, pose), nose), prediction) in frames.iter().zip(poses).zip(noses).zip(&predictions)
    {
        assert_eq!(frame[0], prediction["frame_id"]);
        assert_eq!(frame[1], 1);
        assert!(
            frame[2].as_u64() > Some(1_600_000_000),
            "seconds of capture: {frame:?}"
        );
        assert_eq!(
            (&pose[0], &pose[1]),
            (&prediction["frame_id"], &Value::from(0))
        );
        assert!(close(&pose[2], &prediction["instance_scores"][0]));
        let points = prediction["instances"][0].as_array().expect("a list");
        assert_eq!(pose.len(), 3 + 3 * points.len());
        for (node, point) in points.iter().enumerate() {
            let at = |offset: usize| &pose[3 + 3 * node + offset];
            assert!(
                close(at(0), &point[0]) && close(at(1), &point[1]),
                "{pose:?}"
            );
            assert!(close(at(2), &prediction["confidence"][0][node]), "{pose:?}");
        }
        assert_eq!(nose[0], prediction["frame_id"]);
        assert!(close(&nose[1], &points[0][0]), "{nose:?}");
    }
}

#[test]
fn consumers_that_vanish_stall_or_never_were_hold_up_nothing() {
    let mut args = vec!["--model".to_owned(), model()];
    // Nobody is there: the port was free a moment ago.
    let absent = std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (vanishing, url) = consumer(&["udp", "--vanish", "3"]);
    for url in [format!("udp://{absent}"), url, "zmq://127.0.0.1:0".into()] {
        args.extend(["--emit".into(), url]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let worker = Worker::start(&args);
    worker.logs("poses go to", 3);
    let url = published(&worker.log());
    let (stalled, _) = consumer(&["zmq", "--connect", &url, "--stall"]);
    let (gone, _) = consumer(&["zmq", "--connect", &url]);
    let (reading, _) = consumer(&["zmq", "--connect", &url]);
    worker.logs("a subscriber for poses", 3);
    stalled.freeze();
    gone.kill();
    let done = stream(&worker, &["--fps", "200"]);
    assert_same(&reading.rest().0, &done.predictions());
    assert_eq!(of_kind(&vanishing.rest().0, "pose").len(), 3);
    stalled.kill();
    assert_eq!(worker.interrupt().0, Some(130));
}

/// Whether they say nothing, or shake hands and subscribe to nothing.
#[test]
fn sockets_that_only_hold_places_keep_no_subscriber_out() {
    use std::io::{Read, Write};
    let worker = Worker::start(&["--model", &model(), "--emit", "zmq://127.0.0.1:0"]);
    worker.logs("poses go to zmq://", 1);
    let url = published(&worker.log());
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9..12].copy_from_slice(&[0x7f, 3, 0]);
    greeting[12..16].copy_from_slice(b"NULL");
    let ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
    let held: Vec<_> = (0..40)
        .map(|number| {
            let mut socket = TcpStream::connect(url.strip_prefix("zmq://").unwrap()).unwrap();
            if number % 4 != 0 {
                socket.write_all(&greeting).unwrap();
                socket.write_all(ready).unwrap();
                socket.read_exact(&mut [0; 64 + 27]).unwrap();
            }
            socket
        })
        .collect();
    let (reading, _) = consumer(&["zmq", "--connect", &url]);
    worker.logs("a subscriber for poses", 1);
    let done = stream(&worker, &[]);
    assert_same(&reading.rest().0, &done.predictions());
    drop(held);
}

#[test]
fn what_cannot_be_emitted_to_is_said() {
    let model = model();
    let usage = |args: &[&str], word: &str| Client::run(args).failed(2, &["--emit", word]);
    usage(&["--test-pattern", "--emit", "127.0.0.1:9000"], "no scheme");
    usage(
        &["--test-pattern", "--emit", "tcp://127.0.0.1:9000"],
        "udp://HOST:PORT",
    );
    usage(
        &["--test-pattern", "--emit", "udp://127.0.0.1:0"],
        "from 1 to 65535",
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("zmq://{}", taken.local_addr().unwrap());
    Client::run(&["--test-pattern", "--emit", &taken]).failed(1, &[&taken, "in use"]);
    let unknown = "udp://no-such-host.invalid:9000";
    Client::run(&["--test-pattern", "--emit", unknown]).failed(1, &[unknown]);
    let worker = |args: &[&str]| {
        let output = std::process::Command::new(e2e::binary("sleap-worker"))
            .args(args)
            .output()
            .expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    };
    let (code, error) = worker(&["--emit", "udp://127.0.0.1:9000"]);
    assert!(
        code == Some(2) && error.contains("needs --model"),
        "{error}"
    );
    let (code, error) = worker(&["--model", &model, "--emit", &taken]);
    assert!(code == Some(1) && error.contains("in use"), "{error}");
}

/// `on` and `off` with their frames, as the examples print them.
fn switched(predictions: &[Value], region: [f64; 4]) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for prediction in predictions {
        let nose = &prediction["instances"][0][0];
        let [x, y] = [0, 1].map(|axis| nose[axis].as_f64());
        let now = x.zip(y).is_some_and(|(x, y)| {
            region[0] <= x && x <= region[2] && region[1] <= y && y <= region[3]
        });
        if now != inside {
            inside = now;
            let word = if now { "on " } else { "off" };
            lines.push(format!("{word} frame {}", prediction["frame_id"]));
        }
    }
    lines
}

/// A worker and both examples, which wait for its poses: the one over UDP, and the one over ZeroMQ.
fn triggered(options: &[&str]) -> (Worker, [Peer; 2]) {
    let mut udp = example(
        "closed-loop/udp_trigger.py",
        &[&["--port", "0"], options].concat(),
    );
    let listening = udp.line().expect("it listens");
    let url = listening
        .strip_prefix("listening at ")
        .expect("it says where");
    let worker = Worker::start(&[
        "--model",
        &model(),
        "--emit",
        url,
        "--emit",
        "zmq://127.0.0.1:0",
    ]);
    worker.logs("poses go to", 2);
    let publisher = published(&worker.log()).replace("zmq:", "tcp:");
    let connect = ["--connect", &publisher];
    let mut zmq = example("closed-loop/zmq_trigger.py", &[&connect, options].concat());
    zmq.line().expect("it says where it subscribes");
    worker.logs("a subscriber for poses", 1);
    (worker, [udp, zmq])
}

#[test]
fn the_examples_switch_when_the_nose_enters_the_region() {
    // A machine with much else to do may pause for longer than the examples would wait.
    let region = [
        "--node",
        "nose",
        "--region",
        "256,0,512,384",
        "--silence",
        "60",
    ];
    let (worker, scripts) = triggered(&region);
    let predictions = stream(&worker, &["--fps", "200"]).predictions();
    let expected = switched(&predictions, [256.0, 0.0, 512.0, 384.0]);
    assert!(
        expected.len() >= 2,
        "the nose never crosses the region's edge"
    );
    for mut script in scripts {
        let lines: Vec<String> = std::iter::from_fn(|| script.line()).collect();
        let switches = lines
            .iter()
            .filter_map(|line| Some(line.split_once(',')?.0.to_owned()));
        assert_eq!(switches.collect::<Vec<_>>(), expected);
        assert_eq!(
            lines.last().map(String::as_str),
            Some("end after 240 poses")
        );
    }
}

#[test]
fn the_examples_switch_off_when_poses_stop_coming() {
    let everywhere = ["--region", "0,0,512,384", "--silence", "0.5"];
    let (worker, mut scripts) = triggered(&everywhere);
    let client = Client::start(&["--signal", &worker.signal, "--test-pattern", "512x384@30"]);
    for script in &mut scripts {
        let on = script.line().expect("the animal is there");
        assert!(on.starts_with("on "), "{on}");
    }
    worker.kill();
    for script in &mut scripts {
        // A pause before that counts as well.
        let off = std::iter::from_fn(|| script.line()).find(|line| !line.starts_with("on "));
        assert_eq!(off.as_deref(), Some("off, nothing was heard"));
    }
    client.kill();
}
