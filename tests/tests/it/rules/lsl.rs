//! Lab Streaming Layer.

use super::*;

/// Poses and events as streams of Lab Streaming Layer, read by its own library. All events are offered once, those of rules
/// without an output and those whose output is the same stream.
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
             [rule.r{stripe}]\nwhen = {{ node = \"nose\", in = \"s{stripe}\" }}\n{}",
            left + 16,
            if stripe % 2 == 0 {
                "do = \"log\"\n"
            } else {
                ""
            }
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
    let written: Vec<String> = csv
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{} {}", cells[2], cells[3])
        })
        .collect();
    let offered: Vec<&str> = events
        .iter()
        .map(|event| event["values"][0].as_str().unwrap())
        .collect();
    assert!(
        written.windows(offered.len()).any(|some| some == offered),
        "{offered:?} are not events in a row of\n{csv}"
    );
}
