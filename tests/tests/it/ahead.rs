//! `--predict-ahead` and `--smooth`: poses that are true at the moment of their use.

use e2e::{Client, MovingMouse, Worker, demo, text};
use serde_json::Value;

/// A mouse that moves: carrying its poses on leaves half of their error at most, at 60 ms of age.
#[test]
fn poses_that_are_carried_on_are_truer_when_they_are_used() {
    for (name, mouse) in [
        (
            "the demonstration's model",
            MovingMouse::of_the_demonstration(),
        ),
        ("30 frames a second", MovingMouse::noisy(30.0, 3, 40.0, 0.7)),
        (
            "100 frames a second",
            MovingMouse::noisy(100.0, 5, 20.0, 0.7),
        ),
    ] {
        let [soon, at_60, late] = [0.03, 0.06, 0.1].map(|age| mouse.errors(age));
        assert!(at_60.ratio() <= 0.5, "{name}: {at_60:?}");
        assert!(
            soon.ratio() < 0.9 && late.ratio() <= 0.5,
            "{name}: {soon:?} {late:?}"
        );
        assert!(at_60.within > 0.75, "{name}: {at_60:?}");
    }
}

#[test]
fn poses_that_are_computed_stand_beside_the_measured_ones() {
    let worker = Worker::start(&["--model", &text(&demo("model"))]);
    let video = text(&demo("video.mp4"));
    let args = [
        "--signal",
        &worker.signal,
        "--stream",
        &video,
        "--fps",
        "100",
        "-o",
        "-",
    ];
    let options = [
        "--predict-ahead",
        "age",
        "--actuator-delay",
        "8",
        "--smooth",
    ];
    let lines = Client::run(&[&args[..], &options].concat())
        .success()
        .predictions();
    assert_eq!(lines.len(), 240);
    for line in &lines {
        let by_ms = line["ahead"]["by_ms"].as_f64().expect("a time");
        let age_ms = line["latency_us"].as_f64().unwrap() / 1e3;
        assert!((by_ms - (age_ms + 8.0).min(1000.0)).abs() < 1e-6, "{line}");
        let nodes = |key: &str| line[key]["instances"][0].as_array().unwrap().len();
        assert_eq!((nodes("ahead"), nodes("smooth")), (5, 5));
        assert_eq!(line["ahead"]["sd"][0].as_array().unwrap().len(), 5);
    }
    let moved = |line: &Value| line["ahead"]["instances"] != line["instances"];
    assert!(lines.iter().filter(|line| moved(line)).count() > 200);
    Client::run(&[
        "--test-pattern",
        "--predict-ahead",
        "60",
        "--actuator-delay",
        "8",
    ])
    .failed(2, &["--predict-ahead age"]);
}
