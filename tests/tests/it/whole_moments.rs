//! Cameras of one client that send more than the worker has room for: moments are left out whole.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{Client, Worker, demo, events, text};
use serde_json::Value;

/// Time between two frames of the patterns, microseconds.
const INTERVAL: u64 = 10_000;

fn number(line: &Value, key: &str) -> u64 {
    line[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} of {line}"))
}

/// However fast the machine is: a moment is sent in part only where a camera could send nothing for too long.
#[test]
fn cameras_leave_out_the_same_moments() {
    let model = text(&demo("model"));
    let worker = Worker::start(&["--model", &model, "--threads", "1"]);
    let rig = [
        "--test-pattern",
        "512x384@100+0",
        "--test-pattern",
        "512x384@100+3",
    ];
    let args = ["--signal", &worker.signal, "-o", "-", "--json"];
    let mut client = Client::start(&[&args[..], &rig].concat());
    let mut moments = BTreeMap::<u64, BTreeSet<String>>::new();
    let mut whole = 0;
    // So many results of both cameras in one moment.
    while whole < 60 {
        let line = client.line().expect("a prediction");
        if line.get("moment").is_none() {
            continue;
        }
        let interval = number(&line, "captured_us") / INTERVAL;
        let cameras = moments.entry(interval).or_default();
        cameras.insert(line["camera"].to_string());
        whole += usize::from(cameras.len() == 2);
    }
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    // Predictions have standard output for themselves.
    let said = run
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let said: Vec<Value> = said.collect();
    let event = events(&said, "moments")[0];
    let (in_part, alone) = (number(event, "sent_in_part"), number(event, "sent_alone"));
    assert!(in_part <= alone, "{event}");
    assert!(number(event, "complete") >= 60, "{event}");
}
