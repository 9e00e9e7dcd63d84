//! What is switched, and what is left on: nothing.

use super::*;

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
