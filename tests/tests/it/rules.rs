//! `--rules`: what is switched, what is written down, and what is left on: nothing.

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use e2e::{Client, Place, Worker, demo, events, text};
use serde_json::Value;

fn model() -> String {
    text(&demo("model"))
}

/// Pixels of the demonstration's video: the right half.
const ZONE: [f64; 4] = [256.0, 0.0, 512.0, 384.0];

/// A file of rules: the nose in the right half switches a port, and sends events and bytes over UDP.
fn rules(
    place: &Place,
    more: &str,
    port: &str,
    switched: &UdpSocket,
    informed: &UdpSocket,
) -> String {
    let [left, top, right, bottom] = ZONE;
    let address = |socket: &UdpSocket| socket.local_addr().unwrap();
    let text = format!(
        "{more}\n[zone.half]\nrectangle = [{left}, {top}, {right}, {bottom}]\n\
         [output.light]\nserial = \"{port}\"\non = \"1\"\noff = \"0\"\n\
         [output.laser]\nto = \"udp://{}\"\non = \"on\"\noff = \"off\"\n\
         [output.log]\nto = \"udp://{}\"\n\
         [rule.in_half]\nwhen = {{ node = \"nose\", in = \"half\" }}\ndo = [\"light\", \"laser\", \"log\"]\n",
        address(switched),
        address(informed),
    );
    place.write("rules.toml", text.as_bytes())
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Only so that a test that fails does not wait for ever.
    socket
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    socket
}

fn datagram(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let bytes = socket.recv(&mut buffer).expect("a datagram");
    buffer[..bytes].to_vec()
}

/// A pseudo-terminal in place of a serial port: the end of the apparatus, and the port's name.
#[cfg(unix)]
struct Port {
    controller: serialport::TTYPort,
    name: String,
    /// Without a process that has the port open, reading at the other end is an error.
    _port: serialport::TTYPort,
}

#[cfg(unix)]
impl Port {
    fn open() -> Self {
        use serialport::SerialPort;
        let (controller, port) = serialport::TTYPort::pair().unwrap();
        // Copies, which programs that are started do not inherit.
        let (copy, own) = (controller.try_clone_native(), port.try_clone_native());
        let name = port.name().unwrap();
        drop((controller, port));
        let (mut controller, port) = (copy.unwrap(), own.unwrap());
        // Only so that a test that fails does not wait for ever.
        controller.set_timeout(Duration::from_secs(120)).unwrap();
        Self {
            controller,
            name,
            _port: port,
        }
    }

    /// So many bytes that were sent to the port.
    fn read(&mut self, bytes: usize) -> String {
        use std::io::Read;
        let mut read = vec![0; bytes];
        self.controller.read_exact(&mut read).unwrap();
        String::from_utf8(read).unwrap()
    }
}

/// Frames at which the nose of saved poses enters (true) or leaves (false) the zone.
fn crossings(predictions: &[Value]) -> Vec<(u64, bool)> {
    let [left, top, right, bottom] = ZONE;
    let mut inside = false;
    let mut found = Vec::new();
    for prediction in predictions {
        let nose = &prediction["instances"][0][0];
        let [x, y] = [0, 1].map(|axis| nose[axis].as_f64());
        let is_inside = x
            .zip(y)
            .is_some_and(|(x, y)| (left..=right).contains(&x) && (top..=bottom).contains(&y));
        if is_inside != inside {
            inside = is_inside;
            found.push((prediction["frame_id"].as_u64().unwrap(), inside));
        }
    }
    found
}

/// The rows of a file of events, as `frame edge cause`.
fn rows(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[2], cells.len()), ("in_half", 8), "{line}");
        let (captured, acted) = (cells[5].parse::<u64>(), cells[6].parse::<u64>());
        assert!(captured.unwrap() < acted.unwrap(), "{line}");
        format!("{} {} {}", cells[0], cells[3], cells[4])
    });
    rows.collect()
}

#[cfg(unix)]
#[test]
fn what_is_switched_and_written_is_what_the_saved_poses_say() {
    let place = Place::new();
    let (switched, informed, mut port) = (socket(), socket(), Port::open());
    let worker = Worker::start(&["--model", &model()]);
    let video = text(&demo("video.mp4"));
    let rules = rules(&place, "silence = 60000", &port.name, &switched, &informed);
    let [slp, jsonl] = ["poses.slp", "poses.jsonl"].map(|name| place.text(name));
    let args = [
        "--signal",
        &worker.signal,
        "--stream",
        &video,
        "--fps",
        "200",
    ];
    let outputs = ["-o", &slp, "-o", &jsonl, "--rules", &rules, "--json"];
    let done = Client::run(&[&args[..], &outputs].concat()).success();
    let lines = std::fs::read_to_string(&jsonl).unwrap();
    let predictions: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut expected = crossings(&predictions);
    assert!(
        expected.len() >= 2,
        "the nose never crosses the border: {expected:?}"
    );
    let is_inside_at_the_end = expected.last().unwrap().1;
    if is_inside_at_the_end {
        expected.push((239, false));
    }
    // Off at the start, each crossing, off at the end.
    let word = |is_inside: &bool| if *is_inside { "1" } else { "0" };
    let bytes: String = expected
        .iter()
        .map(|(_, is_inside)| word(is_inside))
        .collect();
    assert_eq!(port.read(bytes.len() + 2), format!("0{bytes}0"));
    let mut words = vec!["off"];
    words.extend(
        expected
            .iter()
            .map(|(_, is_inside)| if *is_inside { "on" } else { "off" }),
    );
    for word in words {
        assert_eq!(datagram(&switched), word.as_bytes());
    }
    let cause = |index: usize| match is_inside_at_the_end && index + 1 == expected.len() {
        true => "end",
        false => "condition",
    };
    let edge = |is_inside: &bool| if *is_inside { "enter" } else { "leave" };
    let reported: Vec<Value> = done.predictions();
    let reported = events(&reported, "rule");
    assert_eq!(reported.len(), expected.len());
    for (index, (frame, is_inside)) in expected.iter().enumerate() {
        let event: Value = serde_json::from_slice(&datagram(&informed)).unwrap();
        for event in [&event, reported[index]] {
            assert_eq!(event["frame_id"], *frame, "{event}");
            assert_eq!(event["edge"], edge(is_inside), "{event}");
            assert_eq!(event["cause"], cause(index), "{event}");
        }
        assert_eq!(
            (&event["type"], &event["output"]),
            (&"event".into(), &"log".into())
        );
    }
    let shown = |(index, (frame, is_inside)): (usize, &(u64, bool))| {
        format!("{frame} {} {}", edge(is_inside), cause(index))
    };
    let expected_rows: Vec<String> = expected.iter().enumerate().map(shown).collect();
    assert_eq!(rows(&place.path("poses.events.csv")), expected_rows);
    // The same file on the saved poses.
    for (on, more) in [
        (&slp, &[][..]),
        (&jsonl, &["--nodes", "nose,head,thorax,tail_base,tail_tip"]),
    ] {
        let args = ["rules", "check", &rules, "--json", "--on", on];
        let checked = Client::run(&[&args, more].concat()).success();
        let replayed: Vec<String> = checked
            .predictions()
            .iter()
            .map(|event| {
                let word = |key: &str| event[key].as_str().unwrap().to_owned();
                format!("{} {} {}", event["frame_id"], word("edge"), word("cause"))
            })
            .collect();
        assert_eq!(replayed, expected_rows, "{on}");
    }
}

/// A rule that is in effect as soon as there is an animal.
#[cfg(unix)]
fn while_present(place: &Place, silence: u32, port: &str) -> String {
    let text = format!(
        "silence = {silence}\n[output.light]\nserial = \"{port}\"\non = \"1\"\noff = \"0\"\n\
         [rule.in_half]\nwhen = {{ present = true }}\ndo = \"light\"\n"
    );
    place.write("rules.toml", text.as_bytes())
}

#[cfg(unix)]
#[test]
fn outputs_are_switched_off_when_poses_stop_and_on_again_when_they_come() {
    let (place, mut port) = (Place::new(), Port::open());
    let worker = Worker::start(&["--model", &model()]);
    let rules = while_present(&place, 300, &port.name);
    let events = place.text("e.csv");
    let pattern = ["--signal", &worker.signal, "--test-pattern", "512x384@30"];
    let client = Client::start(&[&pattern[..], &["--rules", &rules, "--events", &events]].concat());
    // A machine with much else to do may pause as well: it is off and on again then.
    assert_eq!(port.read(2), "01");
    worker.freeze();
    while port.read(1) != "0" {}
    worker.thaw();
    while port.read(1) != "1" {}
    client.interrupt();
    client.wait();
    let rows = rows(Path::new(&events));
    assert!(
        rows.iter().any(|row| row.ends_with("leave silence")),
        "{rows:?}"
    );
    assert!(rows.last().unwrap().ends_with("leave end"), "{rows:?}");
}

#[cfg(unix)]
#[test]
fn outputs_are_switched_off_when_the_worker_is_lost() {
    let (place, mut port) = (Place::new(), Port::open());
    let worker = Worker::start(&["--model", &model()]);
    let rules = while_present(&place, 3_600_000, &port.name);
    let events = place.text("e.csv");
    let pattern = ["--signal", &worker.signal, "--test-pattern", "512x384@30"];
    let more = [
        "--rules",
        &rules,
        "--events",
        &events,
        "--reconnect-timeout",
        "0",
    ];
    let client = Client::start(&[&pattern[..], &more].concat());
    assert_eq!(port.read(2), "01");
    worker.kill();
    assert_eq!(port.read(1), "0");
    client.wait().failed(1, &["lost"]);
    let rows = rows(Path::new(&events));
    assert!(rows.last().unwrap().ends_with("leave lost"), "{rows:?}");
}

#[cfg(unix)]
#[test]
fn a_port_that_goes_away_ends_with_1_and_holds_up_nothing() {
    let (place, mut port) = (Place::new(), Port::open());
    let worker = Worker::start(&["--model", &model()]);
    let rules = while_present(&place, 60_000, &port.name);
    let jsonl = place.text("poses.jsonl");
    let pattern = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "512x384@30",
        "--max-frames",
        "60",
    ];
    let client = Client::start(&[&pattern[..], &["--rules", &rules, "-o", &jsonl]].concat());
    assert_eq!(port.read(2), "01");
    drop(port);
    let done = client.wait();
    done.failed(1, &["the output light of the rules was not switched"]);
    let lines = std::fs::read_to_string(&jsonl).unwrap();
    assert_eq!(lines.lines().count(), 60);
}

#[test]
fn a_file_with_an_error_is_refused_before_anything_starts() {
    let place = Place::new();
    let file = |text: &str| place.write("rules.toml", text.as_bytes());
    let pattern = [
        "--signal",
        "ws://127.0.0.1:9",
        "--test-pattern",
        "--max-frames",
        "1",
        "--rules",
    ];
    let zone = "[zone.corner]\ncircle = [9, 9, 9]\n";
    let rules = file(&format!(
        "{zone}[rule.r]\nwhen = {{ node = 'nose', in = 'croner' }}\n"
    ));
    for args in [&pattern[..], &["rules", "check"]] {
        let done = Client::run(&[args, &[&rules]].concat());
        assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
        for words in ["rules.toml, line 4, column 30", "did you mean corner?"] {
            assert!(done.stderr.contains(words), "{}", done.stderr);
        }
    }
    let rules = file("[rule.r]\nwhen = { present = true }\npose = 'ahead'\n");
    Client::run(&[&pattern[..], &[&rules]].concat()).failed(2, &["--predict-ahead"]);
    let rules = file(
        "[output.o]\nserial = '/dev/no-such-port'\non = '1'\noff = '0'\n[rule.r]\nwhen = { present = true }\ndo = 'o'\n",
    );
    Client::run(&[&pattern[..], &[&rules]].concat())
        .failed(1, &["/dev/no-such-port", "[output.o]"]);
}

#[test]
fn a_node_that_the_model_does_not_have_is_named_and_no_file_is_made() {
    let place = Place::new();
    let worker = Worker::start(&["--model", &model()]);
    let rules = place.write("rules.toml", b"[rule.r]\nwhen = { present = 'noze' }\n");
    let slp = place.text("poses.slp");
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "--max-frames",
        "5",
    ];
    let done = Client::run(&[&args[..], &["--rules", &rules, "-o", &slp]].concat());
    done.failed(1, &["no node \"noze\"", "did you mean nose?", "tail_tip"]);
    let left: Vec<_> = std::fs::read_dir(place.dir()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// Poses and events as streams of Lab Streaming Layer, read by its own library.
#[cfg(target_os = "linux")]
#[test]
fn poses_and_events_are_streams_of_lab_streaming_layer() {
    let place = Place::new();
    let worker = Worker::start(&["--model", &model()]);
    let name = format!("mouse-{}", std::process::id());
    let (mut consumer, url, library) = e2e::lsl_consumer(&name);
    let stripes = (0..32).map(|stripe| {
        let left = 16 * stripe;
        format!(
            "[zone.s{stripe}]\nrectangle = [{left}, 0, {}, 384]\n\
             [rule.r{stripe}]\nwhen = {{ node = \"nose\", in = \"s{stripe}\" }}\ndo = \"log\"\n",
            left + 16
        )
    });
    let text = format!(
        "[output.log]\nto = \"{url}\"\n{}",
        stripes.collect::<String>()
    );
    let rules = place.write("rules.toml", text.as_bytes());
    let jsonl = place.text("poses.jsonl");
    let pattern = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "512x384@60",
        "-o",
        &jsonl,
    ];
    let more = ["--emit", &url, "--rules", &rules];
    let client = Client::start_with(&[&pattern[..], &more].concat(), |command| {
        command.env("PYLSL_LIB", &library);
    });
    let [poses, markers] = ["Pose", "Markers"].map(|kind| {
        let stream = consumer.until("stream")["message"].clone();
        assert_eq!(stream["kind"], kind);
        stream["labels"].clone()
    });
    assert_eq!(
        (&poses[0], &poses[4]),
        (&"frame_id".into(), &"nose.x".into())
    );
    assert_eq!(markers[0], "event");
    let (mut samples, mut events) = (Vec::new(), Vec::new());
    while samples.len() < 30 || events.len() < 4 {
        let line: Value = serde_json::from_str(&consumer.line().expect("a sample")).unwrap();
        let message = line["message"].clone();
        match message["type"] == "pose" {
            true => samples.push(message),
            false => events.push(message),
        }
    }
    consumer.kill();
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    let lines = std::fs::read_to_string(&jsonl).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let line_of = |sample: &Value| {
        let wanted = sample["values"][0].as_f64().unwrap() as u64;
        lines
            .iter()
            .find(|line| line["frame_id"] == wanted)
            .expect("its frame")
    };
    // By LSL's clock and by the system's the same time passes between two frames.
    let off = |sample: &Value| {
        let captured_us = line_of(sample)["captured_us"].as_f64().unwrap();
        sample["time"].as_f64().unwrap() - captured_us / 1e6
    };
    for sample in &samples {
        let nose = &line_of(sample)["instances"][0][0];
        for axis in 0..2 {
            let [offered, written] = [&sample["values"][4 + axis], &nose[axis]];
            let single = |value: &Value| value.as_f64().map(|value| value as f32);
            assert_eq!(single(offered), single(written), "{sample}");
        }
        assert!((off(sample) - off(&samples[0])).abs() < 2e-3, "{sample}");
    }
    let csv = std::fs::read_to_string(place.path("poses.events.csv")).unwrap();
    for event in &events {
        let marker = event["values"][0].as_str().unwrap();
        let (rule, edge) = marker.split_once(' ').expect("rule and edge");
        assert!(
            csv.contains(&format!(",{rule},{edge},condition,")),
            "{event}\n{csv}"
        );
    }
}
