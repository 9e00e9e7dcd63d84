//! The tables of JSON events and of metrics, beside what the programs write.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use e2e::{Client, TestNvml, Worker, demo};
use serde_json::Value;

use super::page::{self, Page, cells, code, root};

const CLIENT: &str = "crates/sleap-stream/README.md";
const WORKER: &str = "crates/sleap-worker/README.md";

type Names = BTreeSet<String>;

fn names(words: Vec<&str>) -> Names {
    words.into_iter().map(str::to_owned).collect()
}

/// The rows of a table of events: the fields of each.
#[track_caller]
fn events(mark: &str) -> BTreeMap<String, Names> {
    let page = Page::read(CLIENT);
    let rows = page.between(mark).lines().skip(2).map(cells);
    rows.map(|row| (code(row[0])[0].to_owned(), names(code(row[2]))))
        .collect()
}

/// Compares each event of a run with its row.
#[track_caller]
fn check_events(documented: &BTreeMap<String, Names>, lines: &str, expected: &[&str]) {
    let mut seen = Names::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON lines");
        let mut fields: Names = event.as_object().unwrap().keys().cloned().collect();
        assert!(fields.remove("event") && fields.remove("time"), "{event}");
        let name = event["event"].as_str().expect("a name");
        let Some(row) = documented.get(name) else {
            panic!("{CLIENT} lacks the event `{name}`");
        };
        assert_eq!(*row, fields, "{CLIENT}: `{name}`");
        seen.insert(name.to_owned());
    }
    for name in expected {
        assert!(seen.contains(*name), "no `{name}` in {seen:?}");
    }
}

#[test]
fn events_of_a_stream_are_those_of_the_page() {
    let worker = Worker::start(&[]);
    let documented = events("events");
    // Longer than a second, after which progress is reported.
    let pattern = ["--test-pattern", "64x48@30", "--max-frames", "45", "--json"];
    let run = Client::run(&[&["--signal", &worker.signal], &pattern[..]].concat());
    check_events(
        &documented,
        &run.stdout,
        &["connected", "progress", "summary"],
    );
    let lines = Client::run(&[&["--signal", "ws://127.0.0.1:9"], &pattern[..]].concat());
    check_events(&documented, &lines.stdout, &["error"]);
}

#[test]
fn events_of_a_file_are_those_of_the_page() {
    let dir = tempfile::tempdir().unwrap();
    // A folder of its own: a worker that has the file already is sent nothing.
    let uploads = dir.path().join("uploads").display().to_string();
    let model = demo("model").display().to_string();
    let args = [
        "--model",
        &model,
        "--device",
        "cpu",
        "--upload-dir",
        &uploads,
    ];
    let worker = Worker::start(&args);
    let video = demo("video.mp4").display().to_string();
    let output = dir.path().join("poses.slp").display().to_string();
    let run = Client::send_file(&worker.signal, &[&video, "--json", "-o", &output]).wait();
    // A small file is read before its `checksum` is reported.
    let expected = ["connected", "upload", "inference", "summary"];
    check_events(&events("file events"), &run.stdout, &expected);
}

/// Events that no run above brings about are compared with the code alone.
#[test]
fn the_page_names_every_event_of_the_code() {
    let mut source = String::new();
    page::walk(&root().join("crates/sleap-stream/src"), &mut |path| {
        source.push_str(&page::text(path));
    });
    let written = |call: &str| -> Names {
        let calls = source.split(call).skip(1);
        let literals = calls.filter_map(|rest| rest.trim_start().strip_prefix('"'));
        literals
            .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
            .collect()
    };
    let in_code: Names = written(".write(")
        .union(&written(".event("))
        .cloned()
        .collect();
    assert!(in_code.len() >= 10, "too few events: {in_code:?}");
    let mut documented: Names = events("events").into_keys().collect();
    documented.extend(events("file events").into_keys());
    let unknown: Vec<_> = in_code.difference(&documented).collect();
    assert!(unknown.is_empty(), "{CLIENT} lacks {unknown:?}");
    let invented = |name: &&String| !source.contains(&format!("\"{name}\""));
    let invented: Vec<_> = documented.iter().filter(invented).collect();
    assert!(invented.is_empty(), "not in the code: {invented:?}");
}

/// All that a worker with a model and GPUs counts during a stream, in Prometheus' text format.
fn scrape() -> String {
    let model = demo("model");
    let model = model.to_str().unwrap();
    let addresses = ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let args = [&addresses[..], &["--model", model, "--device", "cpu"]].concat();
    let nvml = TestNvml::build();
    let mut worker = Worker::start_with(&args, |command| nvml.use_in(command));
    let pattern = ["--test-pattern", "64x48@30", "-o", "-"];
    let mut client = Client::start(&[&["--signal", &worker.signal], &pattern[..]].concat());
    client.line().expect("a prediction");
    let line = worker.stdout_line();
    let address = line.strip_prefix("metrics: http://").expect("a URL");
    let (address, _) = address.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A metric's kind, its labels, and the values of a label that has fixed ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) kind: String,
    pub(super) labels: Names,
    values: Names,
}

/// Labels whose values the worker lists at its start.
const LISTED: [&str; 3] = ["reason", "outcome", "step"];

fn served(text: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let lines = text.lines().map(|line| line.replace("sleap_worker_", ""));
    for line in lines {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|it| it.split_once(' '))
        {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        }
        let Some((name, rest)) = line.split_once('{') else {
            continue;
        };
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| {
                metrics
                    .contains_key(name.strip_suffix(end)?)
                    .then(|| name.strip_suffix(end))?
            })
            .unwrap_or(name);
        let Some(metric) = metrics.get_mut(name) else {
            continue;
        };
        for label in rest.split_once('}').unwrap_or_default().0.split("\",") {
            let (label, value) = label.split_once("=\"").unwrap_or_default();
            if label != "le" {
                metric.labels.insert(label.to_owned());
            }
            if LISTED.contains(&label) {
                metric.values.insert(value.trim_end_matches('"').to_owned());
            }
        }
    }
    metrics
}

/// The metrics of the page, which are those that the worker serves.
pub(super) fn documented() -> BTreeMap<String, Metric> {
    let page = Page::read(WORKER);
    let rows = page.between("metrics").lines().skip(2).map(cells);
    rows.map(|row| {
        let name = code(row[0])[0];
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let labels = labels.trim_end_matches('}').split(',');
        let labels: Names = labels
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
        let is_listed = LISTED.iter().any(|label| labels.contains(*label));
        let values = match is_listed {
            true => names(code(row[2])),
            false => Names::new(),
        };
        let kind = row[1].to_owned();
        (
            name.to_owned(),
            Metric {
                kind,
                labels,
                values,
            },
        )
    })
    .collect()
}

#[test]
fn metrics_are_those_of_the_page() {
    let (served, documented) = (served(&scrape()), documented());
    let absent: Vec<_> = served
        .keys()
        .filter(|it| !documented.contains_key(*it))
        .collect();
    assert!(absent.is_empty(), "{WORKER} lacks {absent:?}");
    for (name, metric) in &documented {
        assert_eq!(served.get(name), Some(metric), "{WORKER}: `{name}`");
    }
}
