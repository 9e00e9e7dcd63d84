//! Rules on several cameras of one client, and on several streams of a worker: each has a state of its own.

use std::collections::BTreeMap;
use std::net::UdpSocket;

use e2e::{Client, Place, Worker, demo};
use serde_json::Value;

#[cfg(unix)]
use super::Port;
use super::{crossings, datagram, model, rules, socket};

/// Copies of the demonstration's video.
fn copies<const N: usize>(place: &Place, names: [&str; N]) -> [String; N] {
    let video = std::fs::read(demo("video.mp4")).unwrap();
    names.map(|name| place.write(name, &video))
}

/// `frame edge cause` of the events of a rule in a file, by the last of these columns.
fn events_by(path: &str, rule: &str, columns: &str) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    assert!(head.ends_with(columns), "{head}");
    let mut found = BTreeMap::<_, Vec<String>>::new();
    for row in rows.lines() {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells.len(), head.split(',').count(), "{row}");
        if let Some(moment) = cells.get(9) {
            // Frames of recordings with the same number belong together.
            assert_eq!(*moment, cells[0], "{row}");
        }
        if cells[2] == rule {
            let event = format!("{} {} {}", cells[0], cells[3], cells[4]);
            found.entry(cells[8].to_owned()).or_default().push(event);
        }
    }
    found
}

/// The events of a video that is streamed to its end alone.
fn expected(predictions: &[Value]) -> Vec<String> {
    let mut crossings = crossings(predictions);
    assert!(crossings.len() >= 2, "{crossings:?}");
    let is_inside_at_the_end = crossings.last().unwrap().1;
    if is_inside_at_the_end {
        crossings.push((239, false));
    }
    let last = crossings.len() - 1;
    let event = |(index, (frame, is_inside)): (usize, &(u64, bool))| {
        let edge = if *is_inside { "enter" } else { "leave" };
        let is_end = is_inside_at_the_end && index == last;
        let cause = if is_end { "end" } else { "condition" };
        format!("{frame} {edge} {cause}")
    };
    crossings.iter().enumerate().map(event).collect()
}

fn predictions_of(path: &str) -> Vec<Value> {
    let lines = std::fs::read_to_string(path).unwrap();
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// `rules` of the other tests, and a rule that is for some streams.
fn with_limited(place: &Place, rules: &str, streams: &str) -> String {
    let text = std::fs::read_to_string(rules).unwrap();
    let limited =
        format!("[rule.some]\nstreams = {streams}\nwhen = {{ node = \"nose\", in = \"half\" }}\n");
    place.write("limited.toml", format!("{text}{limited}").as_bytes())
}

/// Reads the events that came over UDP: how many there were of each stream.
fn informed(socket: &UdpSocket, events: usize) -> BTreeMap<String, Vec<Value>> {
    let mut found = BTreeMap::<_, Vec<Value>>::new();
    for _ in 0..events {
        let event: Value = serde_json::from_slice(&datagram(socket)).unwrap();
        let stream = event["stream"].as_str().expect("a stream").to_owned();
        found.entry(stream).or_default().push(event);
    }
    found
}

#[cfg(unix)]
#[test]
fn each_camera_has_the_events_that_it_has_alone() {
    let place = Place::new();
    let (switched, log, mut port) = (socket(), socket(), Port::open());
    let rules = rules(&place, "silence = 60000", &port.name, &switched, &log);
    let rules = with_limited(&place, &rules, "[\"si*\", \"nothing\"]");
    let worker = Worker::start(&["--model", &model()]);
    let [back, side] = copies(&place, ["b.mp4", "s.mp4"]);
    let signal = ["--signal", &worker.signal, "--rules", &rules];
    let output = place.text("rig.jsonl");
    let cameras = ["--stream", &back, "--stream", &side];
    let names = ["--camera-name", "back", "--camera-name", "side"];
    let rig = [&signal[..], &cameras, &names, &["-o", &output]].concat();
    let run = Client::run(&rig).success();
    let alone = place.text("alone.jsonl");
    Client::run(&[&signal[..], &["--stream", &back, "-o", &alone]].concat()).success();
    let events = place.text("rig.events.csv");
    let found = events_by(&events, "in_half", "value,camera,moment");
    for camera in ["back", "side"] {
        let own = predictions_of(&place.text(&format!("rig-{camera}.jsonl")));
        assert_eq!(found[camera], expected(&own), "{camera}");
        // As a client with this camera alone.
        assert_eq!(found[camera], expected(&predictions_of(&alone)), "{camera}");
    }
    let some = events_by(&events, "some", "value,camera,moment");
    assert_eq!(some.keys().collect::<Vec<_>>(), ["side"]);
    assert_eq!(some["side"], found["side"]);
    let all: usize = found.values().chain(some.values()).map(Vec::len).sum();
    let line = format!("{all}   of rules, in {events}");
    assert!(run.stderr.contains(&line), "{line}: {}", run.stderr);
    let told = informed(&log, found.values().map(Vec::len).sum());
    for (camera, events) in &told {
        assert_eq!(events.len(), found[camera].len());
        assert!(
            events
                .iter()
                .all(|event| event["moment"] == event["frame_id"])
        );
        let source = if camera == "back" { "b.mp4" } else { "s.mp4" };
        assert!(events.iter().all(|event| event["source"] == source));
    }
    // The light is on while either camera keeps it on, and off at the end.
    assert_eq!(port.read(2), "01");
    while port.read(1) != "0" {}
}

#[test]
fn events_of_live_cameras_name_the_moment_of_their_frame() {
    let (place, log) = (Place::new(), socket());
    let text = format!(
        "silence = 60000\n[output.log]\nto = \"udp://{}\"\n\
         [rule.seen]\nwhen = {{ present = true }}\nmissing = 60000\ndo = \"log\"\n",
        log.local_addr().unwrap()
    );
    let rules = place.write("rules.toml", text.as_bytes());
    let worker = Worker::start(&["--model", &model()]);
    let rig = [
        "--test-pattern",
        "512x384@20+0",
        "--test-pattern",
        "512x384@20+7",
    ];
    let names = ["--camera-name", "back", "--camera-name", "side"];
    let more = ["--rules", &rules, "--max-frames", "20", "-o", "-"];
    let args = [&["--signal", &worker.signal][..], &rig, &names, &more].concat();
    let lines = Client::run(&args).success().predictions();
    let told = informed(&log, 4);
    for camera in ["back", "side"] {
        let [entered, left] = &told[camera][..] else {
            panic!("{told:?}")
        };
        assert_eq!(
            (&entered["edge"], &left["edge"]),
            (&"enter".into(), &"leave".into())
        );
        assert_eq!(left["cause"], "end");
        for event in [entered, left] {
            let is_its =
                |line: &&Value| line["camera"] == camera && line["frame_id"] == event["frame_id"];
            let line = lines.iter().find(is_its).expect("its poses");
            assert_eq!(event["moment"], line["moment"], "{event}");
            assert_eq!(event["captured_us"], line["captured_us"], "{event}");
        }
    }
}

#[test]
fn rules_for_no_camera_are_told_and_models_of_cameras_have_to_agree() {
    let place = Place::new();
    let text = "[rule.r]\nstreams = \"bak\"\nwhen = { present = true }\n";
    let rules = place.write("rules.toml", text.as_bytes());
    let worker = Worker::start(&["--model", &model()]);
    let rig = [
        "--test-pattern",
        "256x192@20",
        "--test-pattern",
        "256x192@20",
    ];
    let names = ["--camera-name", "back", "--camera-name", "side"];
    let more = ["--rules", &rules, "--max-frames", "3", "-o", "-"];
    let args = [&["--signal", &worker.signal][..], &rig, &names, &more].concat();
    let run = Client::run(&args).success();
    let words = "[rule.r] of";
    assert!(
        run.stderr.contains(words) && run.stderr.contains("back, side"),
        "{}",
        run.stderr
    );
}

#[cfg(unix)]
#[test]
fn streams_of_a_worker_have_states_of_their_own_and_share_what_is_switched() {
    let (place, log, mut port) = (Place::new(), socket(), Port::open());
    let text = format!(
        "silence = 60000\n[zone.half]\nrectangle = [256, 0, 512, 384]\n\
         [output.light]\nserial = \"{}\"\non = \"1\"\noff = \"0\"\n[output.log]\nto = \"udp://{}\"\n\
         [rule.seen]\nwhen = {{ present = true }}\nmissing = 60000\ndo = \"light\"\n\
         [rule.in_half]\nstreams = [\"*.mp4\"]\nwhen = {{ node = \"nose\", in = \"half\" }}\ndo = \"log\"\n",
        port.name,
        log.local_addr().unwrap()
    );
    let rules = place.write("rules.toml", text.as_bytes());
    let events = place.text("e.csv");
    let args = ["--model", &model(), "--rules", &rules, "--events", &events];
    let worker = Worker::start(&[&args[..], &["--max-streams", "3"]].concat());
    let signal = ["--signal", &worker.signal];
    let pattern = Client::start(&[&signal[..], &["--test-pattern", "512x384@10"]].concat());
    assert_eq!(port.read(2), "01");
    let videos = copies(&place, ["a.mp4", "b.mp4"]);
    let clients = videos
        .each_ref()
        .map(|video| Client::start(&[&signal[..], &["--stream", video, "-o", "-"]].concat()));
    let predictions = clients.map(|client| client.wait().success().predictions());
    pattern.interrupt();
    assert_eq!(pattern.wait().code, Some(130));
    // It stayed on when the videos ended.
    assert_eq!(port.read(2), "00");
    let (code, output) = worker.interrupt();
    assert_eq!(code, Some(130), "{output}");
    let seen = events_by(&events, "seen", "value,stream");
    assert_eq!(
        seen.keys().collect::<Vec<_>>(),
        ["a.mp4", "b.mp4", "test_pattern"]
    );
    assert!(seen.values().all(|events| events.len() == 2), "{seen:?}");
    let found = events_by(&events, "in_half", "value,stream");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a.mp4", "b.mp4"]);
    for (name, predictions) in ["a.mp4", "b.mp4"].iter().zip(&predictions) {
        assert_eq!(found[*name], expected(predictions), "{name}");
        let logged = output.lines().filter(|line| line.contains("rule=in_half"));
        let of_stream = logged.filter(|line| line.contains(&format!("stream=\"{name}\"")));
        assert_eq!(of_stream.count(), found[*name].len(), "{output}");
    }
    let told = informed(&log, found.values().map(Vec::len).sum());
    for (name, events) in told {
        assert_eq!(events.len(), found[&name].len());
        assert!(events.iter().all(|event| event.get("moment").is_none()));
    }
}
