use std::time::Duration;

use protocol::CaptureClock;
use vision::cameras::StampEdge;

use super::*;

fn returned(network: u64, inference: u64) -> ReturnedFrame {
    ReturnedFrame {
        latency: Latency {
            network,
            inference,
            ..Latency::default()
        },
        round_trip: Duration::from_millis(1),
        waited: Duration::from_millis(1),
        taken: Instant::now(),
        scale: None,
        picture: None,
        captured_us: None,
        clock: CaptureClock::Arrival,
        recorded: None,
        moment: None,
    }
}

fn shown(summary: &str, name: &str) -> Vec<f64> {
    let line = summary.lines().find(|line| line.contains(name));
    line.unwrap_or_else(|| panic!("no {name} in {summary}"))
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

#[test]
fn summary_shows_percentiles_of_each_part_and_of_the_age() {
    let mut report = RunReport::new(Instant::now());
    for ms in 1..=100 {
        report.returned(&returned(ms * 1000, 20_000));
    }
    let summary = report.summary().join("\n");
    for (name, expected) in [
        ("network", [50.0, 95.0, 99.0]),
        ("inference", [20.0, 20.0, 20.0]),
        ("age of pose", [70.0, 115.0, 119.0]),
        ("round trip", [1.0, 1.0, 1.0]),
    ] {
        let shown = shown(&summary, name);
        let close = shown
            .iter()
            .zip(expected)
            .all(|(is, should)| (is - should).abs() < 0.2);
        assert!(close && shown.len() == 3, "{summary}");
    }
    let object = report.to_json();
    assert_eq!(
        shown(&summary, "network")[1],
        (object["latency_ms"]["network"]["p95"].as_f64().unwrap() * 10.0).round() / 10.0
    );
    assert!(object["latency_ms"]["decode"].is_null());
    assert!((object["age_ms"]["p50"].as_f64().unwrap() - 70.0).abs() < 0.2);
    assert!(!summary.contains("failed"), "only what happened is listed");
    assert!(!summary.contains("decode"), "only what took time is listed");
}

#[test]
fn summary_leaves_out_parts_of_the_latency_that_are_shown_as_zero() {
    let mut report = RunReport::new(Instant::now());
    for _ in 0..100 {
        report.returned(&returned(40, 60));
    }
    let summary = report.summary().join("\n");
    assert!(
        !summary.contains("network") && summary.contains("inference"),
        "{summary}"
    );
    assert!(report.to_json()["latency_ms"]["network"]["p50"].is_number());
}

#[test]
fn summary_names_each_file_and_what_is_in_it() {
    let mut report = RunReport::new(Instant::now());
    let saved = |path: &str, frames, poses| SavedFile {
        path: path.to_owned(),
        frames,
        poses,
    };
    report.saved = vec![
        saved("day1.slp", 240, Some(1)),
        saved("day1.mkv", 241, None),
        saved("last.png", 1, None),
    ];
    let summary = report.summary();
    assert_eq!(
        summary[summary.len() - 3..],
        [
            "saved         day1.slp   1 pose in 240 frames",
            "saved         day1.mkv   241 frames",
            "saved         last.png   1 frame"
        ]
    );
    let object = report.to_json();
    assert_eq!(object["saved"][0]["poses"], 1);
    assert!(object["saved"][1]["poses"].is_null());
}

#[test]
fn summary_without_results_shows_no_latency() {
    let report = RunReport::new(Instant::now());
    assert!(!report.summary().join("\n").contains("latency"));
    assert!(report.to_json()["age_ms"].is_null());
}

#[test]
fn summary_names_the_clocks_of_the_capture_times() {
    let mut report = RunReport::new(Instant::now());
    report.returned(&returned(1, 1));
    assert!(!report.summary().join("\n").contains("clock"));
    let of_driver = || ReturnedFrame {
        clock: CaptureClock::Driver,
        ..returned(1, 1)
    };
    report.returned(&of_driver());
    report.returned(&of_driver());
    report.stamped = Some(StampEdge::Start);
    let summary = report.summary().join("\n");
    assert!(
        summary.contains("clock         driver (start of exposure) 2, arrival 1"),
        "{summary}"
    );
    assert_eq!(
        report.to_json()["clocks"],
        serde_json::json!({"driver": 2, "arrival": 1})
    );
    let mut report = RunReport::new(Instant::now());
    report.returned(&of_driver());
    let summary = report.summary();
    assert!(summary.iter().any(|line| line == "clock         driver"));
}
