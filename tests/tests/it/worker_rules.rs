//! `sleap-worker --rules`: the worker switches and writes down what its clients' poses say, and leaves nothing on.

use std::process::Command;

use e2e::{Client, Place, Worker, binary, demo, text};
use serde_json::Value;

#[cfg(unix)]
use crate::rules::{Port, crossings, rows, rules, while_present};
use crate::rules::{datagram, model, socket};

/// Starts a worker with these rules.
fn worker(rules: &str, more: &[&str]) -> Worker {
    Worker::start(&[&["--model", &model(), "--rules", rules][..], more].concat())
}

#[cfg(unix)]
#[test]
fn a_worker_acts_on_every_stream_and_writes_its_events_into_one_file() {
    let place = Place::new();
    let (switched, informed, mut port) = (socket(), socket(), Port::open());
    let rules = rules(&place, "silence = 60000", &port.name, &switched, &informed);
    let events = place.text("e.csv");
    let worker = worker(&rules, &["--events", &events]);
    let video = text(&demo("video.mp4"));
    let args = ["--signal", &worker.signal, "--stream", &video, "-o", "-"];
    // Off at the start.
    assert_eq!(port.read(1), "0");
    let mut expected_rows = Vec::new();
    for _ in 0..2 {
        let predictions = Client::run(&args).success().predictions();
        let mut expected = crossings(&predictions);
        assert!(expected.len() >= 2, "{expected:?}");
        let is_inside_at_the_end = expected.last().unwrap().1;
        if is_inside_at_the_end {
            expected.push((239, false));
        }
        let bytes: String = expected
            .iter()
            .map(|(_, is_inside)| if *is_inside { "1" } else { "0" })
            .collect();
        // Off once more at the end.
        assert_eq!(port.read(bytes.len() + 1), format!("{bytes}0"));
        for (index, (frame, is_inside)) in expected.iter().enumerate() {
            let edge = if *is_inside { "enter" } else { "leave" };
            let is_last = is_inside_at_the_end && index + 1 == expected.len();
            let cause = if is_last { "end" } else { "condition" };
            let event: Value = serde_json::from_slice(&datagram(&informed)).unwrap();
            assert_eq!(event["frame_id"], *frame, "{event}");
            assert_eq!(
                (&event["edge"], &event["cause"]),
                (&edge.into(), &cause.into())
            );
            assert_eq!(event["source"], "video.mp4");
            expected_rows.push(format!("{frame} {edge} {cause}"));
        }
    }
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(130), "{log}");
    assert_eq!(rows(events.as_ref()), expected_rows);
    assert_eq!(
        log.matches("rule=in_half").count(),
        expected_rows.len(),
        "{log}"
    );
    // Another worker goes on with the file.
    let worker = self::worker(&rules, &["--events", &events]);
    let args = ["--signal", &worker.signal, "--stream", &video, "-o", "-"];
    Client::run(&args).success();
    assert_eq!(worker.interrupt().0, Some(130));
    let all = rows(events.as_ref());
    assert_eq!(all.len(), expected_rows.len() / 2 * 3);
    assert_eq!(all[..expected_rows.len()], expected_rows);
}

#[cfg(unix)]
#[test]
fn outputs_are_switched_off_when_the_client_is_lost_or_frames_stop() {
    let (place, mut port) = (Place::new(), Port::open());
    let rules = while_present(&place, 300, &port.name);
    let events = place.text("e.csv");
    let worker = worker(&rules, &["--events", &events]);
    let pattern = ["--signal", &worker.signal, "--test-pattern", "512x384@30"];
    let client = Client::start(&pattern);
    assert_eq!(port.read(2), "01");
    client.freeze();
    while port.read(1) != "0" {}
    client.thaw();
    while port.read(1) != "1" {}
    client.kill();
    while port.read(1) != "0" {}
    worker.logs("cause=", 4);
    assert_eq!(worker.interrupt().0, Some(130));
    let rows = rows(events.as_ref());
    assert!(
        rows.iter().any(|row| row.ends_with("leave silence")),
        "{rows:?}"
    );
    let last = rows.last().unwrap();
    assert!(
        last.ends_with("leave lost") || last.ends_with("leave silence"),
        "{rows:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_port_that_goes_away_holds_up_nothing_and_the_worker_ends_with_1() {
    let (place, mut port) = (Place::new(), Port::open());
    let rules = while_present(&place, 60_000, &port.name);
    let worker = worker(&rules, &[]);
    let jsonl = place.text("poses.jsonl");
    let pattern = ["--signal", &worker.signal, "--test-pattern", "512x384@30"];
    let more = ["--max-frames", "60", "-o", &jsonl];
    let client = Client::start(&[&pattern[..], &more].concat());
    assert_eq!(port.read(2), "01");
    drop(port);
    client.wait().success();
    let lines = std::fs::read_to_string(&jsonl).unwrap();
    assert_eq!(lines.lines().count(), 60);
    worker.logs("the output light of the rules was not switched", 1);
    let (code, log) = worker.interrupt();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(" times: "), "how often is said: {log}");
}

/// Of the worker's own tracks, and of a client whose rules are another file: both act, each once.
#[test]
fn rules_of_worker_and_client_act_side_by_side() {
    let (place, at_worker, at_client) = (Place::new(), socket(), socket());
    let file = |name: &str, to: &std::net::UdpSocket| {
        let text = format!(
            "[output.log]\nto = \"udp://{}\"\n[rule.{name}]\nwhen = {{ present = \"nose\" }}\n\
             animal = \"track_0\"\ndo = \"log\"\n",
            to.local_addr().unwrap()
        );
        place.write(&format!("{name}.toml"), text.as_bytes())
    };
    let (of_worker, of_client) = (file("w", &at_worker), file("c", &at_client));
    let worker = worker(&of_worker, &["-t", "--max-tracks", "1"]);
    let video = text(&demo("video.mp4"));
    let args = ["--signal", &worker.signal, "--stream", &video, "-o", "-"];
    Client::run(&[&args[..], &["--rules", &of_client]].concat()).success();
    for (socket, name) in [(&at_worker, "w"), (&at_client, "c")] {
        for edge in ["enter", "leave"] {
            let event: Value = serde_json::from_slice(&datagram(socket)).unwrap();
            assert_eq!(
                (&event["rule"], &event["edge"], &event["animal"]),
                (&name.into(), &edge.into(), &"track_0".into()),
                "{event}"
            );
        }
    }
    assert_eq!(worker.interrupt().0, Some(130));
    for socket in [at_worker, at_client] {
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut [0; 16]).is_err(), "there were two events");
    }
}

#[test]
fn what_a_worker_cannot_do_is_refused_before_a_client_comes() {
    let place = Place::new();
    let file = |text: &str| place.write("rules.toml", text.as_bytes());
    let refused = |rules: &str, more: &[&str], code: i32, words: &[&str]| {
        let output = Command::new(binary("sleap-worker"))
            .args(["--listen", "127.0.0.1:0", "--rules", rules])
            .args(more)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        for words in words {
            assert!(error.contains(words), "{words}: {error}");
        }
        assert_eq!(output.status.code(), Some(code), "{error}");
    };
    let demo = model();
    let bottom_up = text(&crate::tracking::models().join("bottomup"));
    let plain = file("[rule.r]\nwhen = { present = true }\n");
    refused(&plain, &[], 2, &["--rules needs --model"]);
    let model = ["--model", &demo];
    let rules = file("[rule.r]\nwhen = { presnt = true }\n");
    refused(&rules, &model, 2, &["line 2", "did you mean present?"]);
    let rules = file("[rule.r]\nwhen = { present = true }\npose = \"ahead\"\n");
    refused(
        &rules,
        &model,
        2,
        &["only the client computes", "sleap-stream --rules"],
    );
    let rules = file("[rule.r]\nwhen = { present = \"noze\" }\n");
    refused(
        &rules,
        &model,
        1,
        &["no node \"noze\"", "did you mean nose?"],
    );
    let rules = file("[rule.r]\nwhen = { present = true }\nanimal = \"track_0\"\n");
    let model = ["--model", &bottom_up];
    refused(
        &rules,
        &model,
        1,
        &["line 1: [rule.r]", "which animal is which", "--tracking"],
    );
    let taken = place.write("e.csv", b"precious\n");
    let plain = file("[rule.r]\nwhen = { present = true }\n");
    let model = ["--model", &demo, "--events", &taken];
    refused(&plain, &model, 1, &["e.csv", "no file of events"]);
    assert_eq!(std::fs::read(&taken).unwrap(), b"precious\n");
}
