//! `sleap-worker --refine`: points nearer to where they are.

use std::fs::File;
use std::path::Path;

use e2e::{Client, Worker};
use serde_json::Value;

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

/// The middles of a red, a green and a blue light: x, y.
const LIGHTS: [[f64; 2]; 3] = [[17.3, 12.6], [26.9, 21.2], [36.2, 30.7]];

/// Writes the lights as a numbered image.
fn write_frame(dir: &Path) {
    let light = |index: u32, [x, y]: [f64; 2]| {
        let (dx, dy) = (f64::from(index % WIDTH) - x, f64::from(index / WIDTH) - y);
        (250.0 * (-(dx * dx + dy * dy) / 32.0).exp()).round() as u8
    };
    let pixels: Vec<u8> = (0..WIDTH * HEIGHT)
        .flat_map(|index| LIGHTS.map(|at| light(index, at)))
        .collect();
    let file = File::create(dir.join("frame_0000.png")).unwrap();
    let mut encoder = png::Encoder::new(file, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
}

/// How far the three points of the frame are from the lights, and the worker's log.
fn distances(frames: &Path, refine: &[&str]) -> (Vec<f64>, String) {
    let toy = "crates/pose/tests/toys/refine/single_instance";
    let model = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join(toy);
    let worker = Worker::start(&[&["--model", model.to_str().unwrap()], refine].concat());
    let source = frames.join("frame_%04d.png");
    let source = [
        "--signal",
        &worker.signal,
        "--stream",
        source.to_str().unwrap(),
        "-o",
        "-",
    ];
    let predictions = Client::run(&source).success().predictions();
    let [prediction] = &predictions[..] else {
        panic!("{predictions:?}");
    };
    let point = |value: &Value| [0, 1].map(|axis| value[axis].as_f64().unwrap());
    let points = prediction["instances"][0].as_array().unwrap();
    let far = points
        .iter()
        .map(point)
        .zip(LIGHTS)
        .map(|(p, light)| (p[0] - light[0]).hypot(p[1] - light[1]));
    (far.collect(), worker.interrupt().1)
}

#[test]
fn refined_points_are_nearer_to_the_truth_than_those_on_the_grid() {
    let dir = tempfile::tempdir().unwrap();
    write_frame(dir.path());
    let (grid, log) = distances(dir.path(), &[]);
    assert_eq!(grid.len(), 3);
    assert!(grid.iter().all(|&far| far > 0.3), "{grid:?}");
    assert!(!log.contains("refine="), "{log}");
    let (parabola, log) = distances(dir.path(), &["--refine"]);
    assert!(parabola.iter().all(|&far| far < 0.05), "{parabola:?}");
    assert!(log.contains("refine=parabola"), "{log}");
    let (integral, log) = distances(dir.path(), &["--refine", "integral"]);
    for ((integral, parabola), grid) in integral.iter().zip(&parabola).zip(&grid) {
        assert!(parabola < integral && integral < grid, "{integral} {grid}");
    }
    assert!(log.contains("refine=integral"), "{log}");
}

#[test]
fn a_model_that_cannot_be_refined_is_refused_with_a_reason() {
    let toy = "crates/pose/tests/toys/topdown";
    let model = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join(toy);
    let worker = std::process::Command::new(e2e::binary("sleap-worker"))
        .args(["--refine", "--listen", "127.0.0.1:0", "--model"])
        .arg(model)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&worker.stderr);
    assert_eq!(worker.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("this export cannot be refined"), "{stderr}");
}
