//! Models that mean harm.

use std::path::Path;

use e2e::{
    Client, HOSTILE, Place, Worker, assert_harmless, assert_shown_harmlessly, demo, scrape, text,
};
use serde_json::Value;

use super::{PATTERN, doctor, lines_of_json};

/// The demo's model under hostile names.
fn hostile_model(dir: &Path) {
    for file in ["model.onnx", "training_config.yaml"] {
        std::fs::copy(demo("model").join(file), dir.join(file)).unwrap();
    }
    let metadata = std::fs::read(demo("model/export_metadata.json")).unwrap();
    let mut metadata: Value = serde_json::from_slice(&metadata).unwrap();
    metadata["model_name"] = HOSTILE.into();
    for (index, name) in metadata["node_names"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .enumerate()
    {
        *name = format!("{HOSTILE}{index}").into();
    }
    std::fs::write(dir.join("export_metadata.json"), metadata.to_string()).unwrap();
}

#[test]
fn a_models_names_are_shown_harmlessly_and_kept_as_they_are() {
    let place = Place::new();
    hostile_model(place.dir());
    let model = text(place.dir());
    let args = ["--model", &model, "--device", "cpu"];
    assert_shown_harmlessly(&doctor("sleap-worker", &args));
    let mut worker = Worker::start(&[&args[..], &["--metrics", "127.0.0.1:0", "-v"]].concat());
    let url = worker.stdout_line();
    let samples = scrape(url.strip_prefix("metrics: ").expect("a URL"));
    let is_the_model = |name: &String| name.contains(&format!("name=\"{HOSTILE}\""));
    assert!(samples.keys().any(is_the_model), "{samples:?}");
    let client = [
        "--signal",
        &worker.signal,
        "--json",
        "-o",
        &place.text("a.csv"),
    ];
    let run = Client::run(&[&client[..], &PATTERN].concat()).success();
    let events = lines_of_json(&run.stdout);
    assert_eq!(events[0]["nodes"][1], format!("{HOSTILE}1"));
    assert_eq!(events[0]["model"]["name"], HOSTILE);
    let (_, log) = worker.interrupt();
    assert_shown_harmlessly(&log);
    // What such a file says of itself where it cannot be used.
    std::fs::write(
        place.path("export_metadata.json"),
        format!("{{\"model_type\": {:?}}}", HOSTILE),
    )
    .unwrap();
    assert_harmless(&doctor("sleap-worker", &args));
}
