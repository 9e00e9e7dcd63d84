//! sleap-nn's own predictions on the same frames, with the same models.

use crate::common;

use std::path::Path;

use common::{
    path,
    reference::{Difference, Reference, pictures, predict},
};
use pose::{Model, Options};

/// sleap-nn's numbers are rounded to five or six digits in the files.
const PIXELS: f32 = 1e-3;
const SCORE: f32 = 1e-4;

fn compare(model: &Path, frames: &Path, reference: &Path, batch: usize) -> Difference {
    let options = Options {
        max_batch: Some(batch),
        ..Options::default()
    };
    let mut model = Model::load(model, &options).expect("a model");
    let reference = Reference::read(reference);
    let mut pictures = pictures(frames, usize::MAX);
    pictures.retain(|(number, _)| reference.has(*number));
    assert!(pictures.len() >= 10, "{} frames", pictures.len());
    let ours = predict(&mut model, &pictures, batch);
    assert_eq!(ours.len(), pictures.len());
    let numbers = pictures.iter().map(|(number, _)| *number);
    reference.compare(numbers.zip(&ours))
}

fn assert_equal(difference: Difference, points: usize) {
    assert!(difference.points >= points, "{difference:?}");
    assert_eq!(difference.only_one_side, 0, "{difference:?}");
    assert!(difference.pixels <= PIXELS, "{difference:?}");
    assert!(difference.score <= SCORE, "{difference:?}");
}

/// Frames of 512x384 for a model of 256x192: colour, size, network and scaling back all count.
#[test]
fn the_demo_model_on_frames_of_twice_its_size() {
    let demo = path("../../examples/demo");
    for batch in [1, 4, 64] {
        let difference = compare(
            &demo.join("model"),
            &demo.join("frames"),
            &demo.join("sleap_nn.json"),
            batch,
        );
        assert_equal(difference, 40);
    }
}

/// Compares a model that `sleap-nn export` wrote, where it lies beside the repository.
fn compare_exported(kind: &str, frames: &str, points: usize) {
    let models = path("../../../shared/models");
    let model = models.join(kind);
    if !model.is_dir() {
        eprintln!("skipped: no exported models beside the repository");
        return;
    }
    let difference = compare(
        &model,
        &models.join("frames").join(frames),
        &model.join("ground_truth.json"),
        4,
    );
    println!("{kind}: {difference:?}");
    assert_equal(difference, points);
}

#[test]
fn exported_single_instance() {
    compare_exported("single_instance", "small_robot", 70);
}

#[test]
fn exported_centroid() {
    compare_exported("centroid", "centered_pair_small", 100);
}

#[test]
fn exported_topdown() {
    compare_exported("topdown", "centered_pair_small", 150);
}

#[test]
fn exported_bottomup() {
    compare_exported("bottomup", "centered_pair_small", 80);
}

/// sleap-nn 0.3.5 divides these points by the input scale once more than it should; in the
/// reference they are corrected (see `kinds::multi_class_bottomup`).
#[test]
fn exported_multi_class_bottomup() {
    compare_exported("multi_class_bottomup", "centered_pair_small", 150);
}

/// This model finds next to nothing, and sleap-nn no instance in these frames: that nothing is
/// found here either is all that it shows. `kinds::vectors` has instances of this kind.
#[test]
fn exported_multi_class_topdown() {
    compare_exported("multi_class_topdown_combined", "centered_pair_small", 0);
}

/// The comparison itself can fail: another frame's predictions are no match.
#[test]
fn predictions_of_other_frames_differ() {
    let demo = path("../../examples/demo");
    let mut model = Model::load(&demo.join("model"), &Options::default()).expect("a model");
    let pictures = pictures(&demo.join("frames"), 4);
    let ours = predict(&mut model, &pictures, 4);
    let shifted = pictures
        .iter()
        .map(|(number, _)| *number)
        .zip(ours.iter().rev());
    let difference = Reference::read(&demo.join("sleap_nn.json")).compare(shifted);
    assert!(
        difference.pixels > 1.0 && difference.score > SCORE,
        "{difference:?}"
    );
}
