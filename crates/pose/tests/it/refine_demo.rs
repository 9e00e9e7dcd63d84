//! Refinement against the true places of the demonstration's animal.
//!
//! The demonstration model refines its points itself, in its graph. Cut out of a copy, that gives
//! an export whose points are on the grid of 4 pixels, as sleap-nn writes them.

use crate::common;

use std::{fs, path::Path};

use common::{
    batched, path,
    reference::{pictures, predict},
};
use pose::{Model, Options, Refine};
use serde::Deserialize;

/// By frame, animal and node: x, y.
#[derive(Deserialize)]
struct Truth {
    frames: Vec<Vec<Vec<[f32; 2]>>>,
}

/// The demonstration model without the refinement in its graph.
fn on_the_grid() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for file in ["export_metadata.json", "training_config.yaml"] {
        let from = path("../../examples/demo/model").join(file);
        fs::copy(from, dir.path().join(file)).expect("copied");
    }
    let model = path("../../examples/demo/model/model.onnx");
    let mut graph = fs::read(model).expect("the demonstration");
    // cells + offsets -> '/Add_4_output_0' -> * stride: the last takes the cells alone.
    let (refined, cells) = (b"/Add_4_output_0", b"/Where_output_0");
    assert_eq!(refined.len(), cells.len());
    let places = graph.windows(refined.len()).enumerate();
    let places: Vec<_> = places
        .filter(|(_, name)| name == refined)
        .map(|(at, _)| at)
        .collect();
    let &[_made, used] = &places[..] else {
        panic!("the demonstration's graph is another: {places:?}");
    };
    graph[used..][..cells.len()].copy_from_slice(cells);
    fs::write(dir.path().join("model.onnx"), graph).expect("written");
    dir
}

/// The points of all frames with their numbers.
fn points(model: &Path, refine: Option<Refine>) -> Vec<(u32, Vec<[f32; 2]>)> {
    let options = Options {
        refine,
        ..batched()
    };
    let mut model = Model::load(model, &options).expect("a model");
    let pictures = pictures(&path("../../examples/demo/frames"), usize::MAX);
    let answers = predict(&mut model, &pictures, 4);
    let points = answers.iter().map(|answer| {
        let points = answer.instances[0].points.iter();
        points.map(|point| point.expect("found")).collect()
    });
    pictures
        .iter()
        .map(|(number, _)| *number)
        .zip(points)
        .collect()
}

/// The median distance from the truth, in the video's pixels.
fn median_error(model: &Path, refine: Option<Refine>) -> f32 {
    let text = fs::read_to_string(path("../../examples/demo/truth.json")).expect("the truth");
    let truth: Truth = serde_json::from_str(&text).expect("the truth");
    let mut errors = Vec::new();
    for (number, points) in points(model, refine) {
        let truth = &truth.frames[number as usize][0];
        assert_eq!(points.len(), truth.len());
        errors.extend(
            points
                .iter()
                .zip(truth)
                .map(|(p, t)| (p[0] - t[0]).hypot(p[1] - t[1])),
        );
    }
    assert!(errors.len() >= 50);
    errors.sort_by(f32::total_cmp);
    errors[errors.len() / 2]
}

/// In the video's pixels, two of which are one of the model's: cells are 8 of them apart.
#[test]
fn refined_points_are_nearer_to_the_truth() {
    let model = on_the_grid();
    let of = |refine| median_error(model.path(), refine);
    let (grid, integral, parabola) = (
        of(None),
        of(Some(Refine::Integral)),
        of(Some(Refine::Parabola)),
    );
    println!("median error: grid {grid}, integral {integral}, parabola {parabola}");
    assert!((2.0..4.0).contains(&grid), "{grid}");
    assert!(integral < 0.7 * grid, "{integral}");
    assert!(parabola < 0.3 * grid, "{parabola}");
    assert!(parabola < 0.9, "{parabola}");
}

/// The graph's own refinement is the same parabola, implemented independently.
#[test]
fn the_parabola_is_that_of_the_demonstration_s_graph() {
    let demo = path("../../examples/demo/model");
    let theirs = points(&demo, None);
    for model in [&demo, on_the_grid().path()] {
        for (ours, theirs) in points(model, Some(Refine::Parabola)).iter().zip(&theirs) {
            for (ours, theirs) in ours.1.iter().flatten().zip(theirs.1.iter().flatten()) {
                assert!((ours - theirs).abs() < 1e-2, "{ours} {theirs}");
            }
        }
    }
}
