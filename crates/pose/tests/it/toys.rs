//! Whole models, from frames to points, on toys that answer with the brightest pixel of each
//! channel.

use crate::common;

use std::path::PathBuf;

use common::{Picture, assert_nearly, batched, path};
use pose::{Device, FramePrediction, Model, ModelKind, Options, RunsOn};

const WIDTH: u32 = 16;
const HEIGHT: u32 = 12;

fn load(name: &str) -> Model {
    load_with(name, &batched())
}

fn load_with(name: &str, options: &Options) -> Model {
    let dir: PathBuf = path("tests/toys").join(name);
    Model::load(&dir, options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Black with one dot of the given colour.
fn dot(width: u32, height: u32, at: [u32; 2], pixel: &[u8]) -> Picture {
    let mut data = vec![0; (width * height) as usize * pixel.len()];
    let start = (at[1] * width + at[0]) as usize * pixel.len();
    data[start..start + pixel.len()].copy_from_slice(pixel);
    Picture {
        width,
        height,
        channels: u8::try_from(pixel.len()).expect("a pixel"),
        data,
    }
}

/// A black frame with a white square around a point.
fn square(width: u32, height: u32, at: [u32; 2], radius: u32) -> Picture {
    let inside = |index: u32| {
        let (x, y) = (index % width, index / width);
        x.abs_diff(at[0]) <= radius && y.abs_diff(at[1]) <= radius
    };
    Picture {
        width,
        height,
        channels: 1,
        data: (0..width * height)
            .map(|index| u8::from(inside(index)) * 255)
            .collect(),
    }
}

fn predict(model: &mut Model, pictures: &[Picture]) -> Vec<FramePrediction> {
    let frames: Vec<_> = pictures.iter().map(Picture::view).collect();
    model.predict(&frames).expect("a prediction")
}

#[test]
fn the_metadata_and_the_configuration_tell_what_the_model_is() {
    let gray = load("gray");
    let info = gray.info();
    assert_eq!(info.name, "toy_gray");
    assert_eq!(info.kind, ModelKind::SingleInstance);
    assert_eq!((info.input.width, info.input.height), (WIDTH, HEIGHT));
    assert_eq!(info.input.channels, 1);
    assert_eq!(info.skeleton.nodes, ["light"]);
    assert!(info.skeleton.edges.is_empty());

    // Size and edges come from the configuration inside the ONNX file.
    let rgb = load("rgb");
    let info = rgb.info();
    assert_eq!((info.input.width, info.input.height), (WIDTH, HEIGHT));
    assert_eq!(info.input.channels, 3);
    assert_eq!(info.skeleton.name, "colours");
    assert_eq!(info.skeleton.edges, [[0, 2]]);
}

#[test]
fn answers_belong_to_their_frames() {
    let mut model = load("gray");
    let places: Vec<[u32; 2]> = (0..WIDTH).map(|x| [x, (x * 5 + 3) % HEIGHT]).collect();
    let pictures: Vec<_> = places
        .iter()
        .map(|&at| dot(WIDTH, HEIGHT, at, &[255]))
        .collect();
    for batch in [1, 3, 16] {
        let answers: Vec<_> = pictures
            .chunks(batch)
            .flat_map(|pictures| predict(&mut model, pictures))
            .collect();
        for (answer, at) in answers.iter().zip(&places) {
            let points = &answer.instances[0].points;
            assert_eq!(
                points[..],
                [Some(at.map(|n| n as f32))],
                "batches of {batch}"
            );
        }
        assert_eq!(answers.len(), places.len());
    }
}

#[test]
fn frames_of_several_sizes_and_colours_share_a_call() {
    let mut model = load("gray");
    let pictures = [
        dot(WIDTH, HEIGHT, [3, 4], &[255]),
        dot(WIDTH, HEIGHT, [5, 6], &[255, 255, 255]),
        square(160, 120, [85, 45], 5),
        dot(WIDTH, HEIGHT, [7, 8], &[255, 255, 255, 0]),
    ];
    let answers = predict(&mut model, &pictures);
    let points: Vec<_> = answers
        .iter()
        .map(|answer| answer.instances[0].points[0])
        .collect();
    assert_eq!(points[0], Some([3.0, 4.0]));
    assert_eq!(points[1], Some([5.0, 6.0]));
    assert_eq!(points[2], Some([80.0, 40.0]));
    assert_eq!(points[3], Some([7.0, 8.0]));
}

#[test]
fn red_green_and_blue_reach_their_planes() {
    let mut model = load("rgb");
    let mut picture = dot(WIDTH, HEIGHT, [1, 2], &[0, 0, 255]);
    for (at, channel) in [([3, 4], 1), ([5, 6], 0)] {
        picture.data[(at[1] * WIDTH as usize + at[0]) * 3 + channel] = 255;
    }
    let answers = predict(&mut model, &[picture, dot(WIDTH, HEIGHT, [9, 9], &[255])]);
    let [red, green, blue] = answers[0].instances[0].points[..] else {
        panic!("three points");
    };
    assert_eq!(red, Some([1.0, 2.0]));
    assert_eq!(green, Some([3.0, 4.0]));
    assert_eq!(blue, Some([5.0, 6.0]));
    assert_eq!(answers[1].instances[0].points, [Some([9.0, 9.0]); 3]);
}

#[test]
fn points_come_back_in_the_frame_s_own_pixels_whatever_its_size() {
    let mut model = load("gray");
    for (width, height) in [
        (32, 24),
        (160, 120),
        (61, 47),
        (120, 160),
        (200, 40),
        (40, 200),
        (8, 6),
        (5, 9),
        (16, 3),
        (1920, 1080),
    ] {
        let at = [width * 5 / 8, height * 3 / 8];
        let scale = (WIDTH as f32 / width as f32).min(HEIGHT as f32 / height as f32);
        let radius = (0.6 / scale) as u32;
        let answers = predict(&mut model, &[square(width, height, at, radius)]);
        let point = answers[0].instances[0].points[0].expect("a bright square");
        for axis in 0..2 {
            let off = (point[axis] - at[axis] as f32).abs();
            assert!(
                off <= 2.0 / scale,
                "{point:?} for {at:?} in {width}x{height}"
            );
        }
    }
}

#[test]
fn slivers_and_single_pixels_give_points_inside_the_frame() {
    let mut model = load("gray");
    for (width, height) in [(1, 1), (1, 2), (3, 1), (1, 500), (500, 1), (4000, 2)] {
        let white = Picture {
            width,
            height,
            channels: 1,
            data: vec![255; (width * height) as usize],
        };
        let answers = predict(&mut model, &[white]);
        let [x, y] = answers[0].instances[0].points[0].expect("white");
        assert!((0.0..width as f32).contains(&x), "x {x} of {width}");
        assert!((0.0..height as f32).contains(&y), "y {y} of {height}");
    }
}

#[test]
fn nothing_found_is_no_instance_and_something_found_keeps_all_nodes() {
    let mut model = load("rgb");
    let black = dot(WIDTH, HEIGHT, [0, 0], &[0, 0, 0]);
    let green = dot(WIDTH, HEIGHT, [4, 4], &[0, 204, 20]);
    let answers = predict(&mut model, &[black, green]);
    assert!(answers[0].instances.is_empty());
    let instance = &answers[1].instances[0];
    assert_eq!(instance.points, [None, Some([4.0, 4.0]), None]);
    assert_nearly(&instance.confidence, &[0.0, 0.8, 0.0]);
    assert!((instance.score - 0.8).abs() < 1e-6);
    assert_eq!(instance.track, None);
}

#[test]
fn a_stricter_threshold_drops_points_and_then_the_instance() {
    let mut model = load_with(
        "rgb",
        &Options {
            peak_threshold: Some(0.5),
            ..batched()
        },
    );
    let both = dot(WIDTH, HEIGHT, [4, 4], &[0, 102, 204]);
    let dim = dot(WIDTH, HEIGHT, [4, 4], &[0, 102, 102]);
    let answers = predict(&mut model, &[both, dim]);
    assert_eq!(
        answers[0].instances[0].points,
        [Some([4.0, 4.0]), None, None]
    );
    assert!(answers[1].instances.is_empty());
}

#[test]
fn no_frames_no_answers() {
    assert_eq!(load("gray").predict(&[]).expect("nothing to do"), []);
}

#[test]
fn every_answer_is_timed() {
    let mut model = load("gray");
    let answers = predict(
        &mut model,
        &[square(640, 480, [9, 9], 2), square(64, 48, [9, 9], 2)],
    );
    for answer in &answers {
        assert!(!answer.timing.inference.is_zero() && !answer.timing.preprocess.is_zero());
    }
    if model.info().max_batch > 1 {
        assert_eq!(answers[0].timing.inference, answers[1].timing.inference);
    }
}

#[test]
fn the_device_says_what_runs() {
    let options = Options {
        device: Device::Cpu,
        threads: Some(1),
        ..Options::default()
    };
    let model = load_with("gray", &options);
    let info = model.info();
    assert_eq!(
        (info.runs_on.clone(), info.max_batch),
        (RunsOn::Devices(Device::Cpu.into()), 1)
    );
    assert_eq!(info.passed_over, None);
    let [cpu] = &info.placement.providers[..] else {
        panic!("one provider runs it: {}", info.placement);
    };
    assert_eq!(cpu.provider, "CPUExecutionProvider");
    assert!(cpu.nodes >= 10, "{}", info.placement);
    assert!(cpu.operators.iter().any(|operator| operator == "ArgMax"));
    assert_eq!(cpu.nodes, info.placement.nodes());
}

/// On a machine with CUDA there is no reason to give, and nothing to test.
#[test]
fn auto_on_the_cpu_says_why_no_gpu_is_used() {
    let model = load("gray");
    let info = model.info();
    assert_eq!(info.passed_over.is_some(), info.runs_on.are_cpu());
    if let Some(reason) = &info.passed_over {
        assert!(reason.to_string().contains("CUDA"), "{reason}");
    }
}

#[test]
fn exports_of_16_bit_floats_run_whether_their_outputs_are_too() {
    for (name, coarse) in [("half_inside", false), ("half_outputs", true)] {
        let mut model = load(name);
        let notes = model.info().notes.join("\n");
        assert_eq!(notes.contains("float16"), coarse, "{name}: {notes}");
        let places = [[3, 4], [15, 11], [0, 0]];
        let pictures = places.map(|at| dot(WIDTH, HEIGHT, at, &[204]));
        let answers = predict(&mut model, &pictures);
        for (answer, at) in answers.iter().zip(places) {
            let instance = &answer.instances[0];
            assert_eq!(instance.points, [Some(at.map(|n| n as f32))], "{name}");
            assert!((instance.confidence[0] - 0.8).abs() < 1e-3, "{name}");
        }
    }
}
