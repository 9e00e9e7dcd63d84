//! Every kind from frames to instances, on toys.

use crate::common;

use common::kind_toys::{
    A, B, CENTROIDS, CROPS, HEIGHT, KINDS, LINES, PEAKS, WIDTH, frame, load, load_with, plain,
    points, predict, tracks, two_animals,
};
use common::{assert_nearly, batched};
use pose::{Instance, ModelKind, Options};

#[test]
fn every_toy_says_what_it_is() {
    for kind in ModelKind::ALL {
        if kind == ModelKind::SingleInstance {
            continue;
        }
        let model = load(kind.name());
        let info = model.info();
        assert_eq!(info.kind, kind);
        let nodes = &info.skeleton.nodes;
        if kind == ModelKind::Centroid {
            assert_eq!(nodes[..], ["centroid"]);
        } else {
            assert_eq!(nodes[..], ["head", "thorax", "tail"]);
        }
    }
}

#[test]
fn centroids_are_instances_of_one_point() {
    let mut model = load("centroid");
    let answers = predict(&mut model, &[frame(&CENTROIDS)]);
    let [first, second] = &answers[0].instances[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(points(first), [[10.0, 20.0]]);
    assert_eq!((first.score, first.track.clone()), (0.9, None));
    assert_eq!(points(second), [[30.0, 40.0]]);
}

#[test]
fn crops_are_instances_in_the_frame() {
    let mut model = load("topdown");
    let answers = predict(&mut model, &[frame(&[&CENTROIDS[..], &CROPS].concat())]);
    let [first, second] = &answers[0].instances[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(points(first), [[11.0, 12.0], [13.0, 14.0], [15.0, 16.0]]);
    assert!((first.score - 1.8).abs() < 1e-6);
    assert_eq!(points(second), [[-1.0; 2], [-1.0; 2], [25.0, 26.0]]);
}

#[test]
fn identities_name_the_crops_and_come_in_their_order() {
    let mut model = load("multi_class_topdown_combined");
    // The first crop is the male's.
    let classes: &[u8] = &[10, 90, 70, 30, 100, 0];
    let parts = [&CENTROIDS[..], &CROPS, &[classes]].concat();
    let answers = predict(&mut model, &[frame(&parts)]);
    assert_eq!(tracks(&answers[0]), [Some("female"), Some("male")]);
    assert_eq!(points(&answers[0].instances[0])[2], [25.0, 26.0]);
    assert_eq!(points(&answers[0].instances[1])[2], [15.0, 16.0]);
}

#[test]
fn peaks_are_grouped_by_their_lines_and_scaled_to_the_frame() {
    let mut model = load("bottomup");
    let parts = [&PEAKS[..], &LINES].concat();
    let answers = predict(&mut model, &[frame(&parts)]);
    let [a, b] = &answers[0].instances[..] else {
        panic!("{answers:?}");
    };
    // The metadata's input_scale of 0.5 is still in the graph's points.
    assert_eq!((points(a), points(b)), (A.to_vec(), B.to_vec()));
    assert_nearly(&a.confidence, &[0.9, 0.7, 0.4]);
    assert!((a.score - 1.8).abs() < 1e-6 && (b.score - 1.4).abs() < 1e-6);
}

#[test]
fn weak_lines_are_cut_and_small_instances_dropped_as_asked() {
    let parts = [&PEAKS[..], &LINES].concat();
    let cut = Options {
        min_line_scores: 0.7,
        ..batched()
    };
    let answers = predict(&mut load_with("bottomup", &cut), &[frame(&parts)]);
    assert_eq!(points(&answers[0].instances[1])[2], [-1.0; 2]);
    let whole = Options {
        min_instance_peaks: 3.0,
        ..cut
    };
    let answers = predict(&mut load_with("bottomup", &whole), &[frame(&parts)]);
    assert_eq!(answers[0].instances.len(), 1);
}

#[test]
fn peaks_are_grouped_by_identity_and_not_scaled_twice() {
    let mut model = load("multi_class_bottomup");
    // Heads: slot 0 female. Thoraxes: slot 0 female. Tails: slot 1 female.
    let classes: &[u8] = &[80, 20, 30, 70, 90, 10, 40, 60, 10, 90, 90, 10];
    let parts = [&PEAKS[..], &[classes]].concat();
    let answers = predict(&mut model, &[frame(&parts)]);
    assert_eq!(tracks(&answers[0]), [Some("female"), Some("male")]);
    let half = |points: [[f32; 2]; 3]| points.map(|point| point.map(|n| n / 2.0)).to_vec();
    assert_eq!(points(&answers[0].instances[0]), half(A));
    assert_eq!(points(&answers[0].instances[1]), half(B));
    assert!((answers[0].instances[0].score - 2.0).abs() < 1e-6);
}

#[test]
fn answers_belong_to_their_frames() {
    for kind in KINDS {
        let mut model = load(kind);
        let full = frame(&two_animals(kind));
        let one = predict(&mut model, &[full])[0].instances.clone();
        assert_eq!(one.len(), 2, "{kind}");
        // Full and empty frames in turn, and full ones that differ in one coordinate.
        let pictures: Vec<_> = (0..12_u8)
            .map(|number| {
                let mut picture = frame(&two_animals(kind));
                if number % 3 == 0 {
                    picture.data.fill(0);
                } else {
                    // The first point: in top-down after centroids and crops' values.
                    let x = if kind.contains("topdown") { 21 } else { 0 };
                    picture.data[x] = number;
                }
                picture
            })
            .collect();
        let alone: Vec<_> = pictures
            .chunks(1)
            .map(|picture| predict(&mut model, picture)[0].instances.clone())
            .collect();
        assert!(alone.iter().step_by(3).all(Vec::is_empty), "{kind}");
        assert_eq!(alone[1].len(), 2, "{kind}");
        assert_ne!(same_bits(&alone[1]), same_bits(&alone[2]), "{kind}");
        for batch in [2, 5, 12] {
            let together = pictures
                .chunks(batch)
                .flat_map(|pictures| predict(&mut model, pictures));
            for (number, (ours, alone)) in together.zip(&alone).enumerate() {
                assert_eq!(
                    same_bits(&ours.instances),
                    same_bits(alone),
                    "{kind}, frame {number} in batches of {batch}"
                );
            }
        }
    }
}

/// Instances in a form in which a missing value equals a missing value.
fn same_bits(instances: &[Instance]) -> String {
    format!("{instances:?}")
}

#[test]
fn points_come_back_in_the_frame_s_own_pixels() {
    // A frame of one brightness is the same for the model in every size, but for the black below
    // where it is wider than the model: the toys do not look there.
    for kind in KINDS {
        let mut model = load(kind);
        let exact = predict(&mut model, &[plain(WIDTH, HEIGHT, 150)]);
        let exact = &exact[0].instances;
        assert!(!exact.is_empty(), "{kind}");
        for (width, height, factor) in [(64, 48, 4.0), (32, 12, 2.0), (8, 6, 0.5)] {
            let other = predict(&mut model, &[plain(width, height, 150)]);
            let other = &other[0].instances;
            assert_eq!(other.len(), exact.len(), "{kind} {width}x{height}");
            for (exact, other) in exact.iter().zip(other) {
                for (exact, other) in exact.points.iter().zip(&other.points) {
                    let expected = exact.map(|point| point.map(|n| n * factor));
                    assert_eq!(*other, expected, "{kind} {width}x{height}");
                }
            }
        }
    }
}
