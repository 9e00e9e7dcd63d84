//! Thresholds, the maximum of instances and the notes, for every kind on toys.

use crate::common;

use common::{
    batched,
    kind_toys::{KINDS, frame, load_with, predict, two_animals},
    path,
};
use pose::{LoadError, Model, Options};

fn at_most(most: usize) -> Options {
    Options {
        max_instances: Some(most),
        ..batched()
    }
}

#[test]
fn the_best_are_kept_and_more_than_the_export_holds_is_an_error() {
    for kind in KINDS {
        let picture = frame(&two_animals(kind));
        let mut one = load_with(kind, &at_most(1));
        let answers = predict(&mut one, std::slice::from_ref(&picture));
        assert_eq!(answers[0].instances.len(), 1, "{kind}");
        let mut two = load_with(kind, &at_most(2));
        assert_eq!(
            predict(&mut two, &[picture])[0].instances.len(),
            2,
            "{kind}"
        );
    }
    for (kind, holds, option) in [
        ("centroid", 3, "--max-instances 9"),
        ("topdown", 3, "--max-instances 9"),
        ("bottomup", 2, "--max-peaks-per-node 9"),
    ] {
        let error = Model::load(&path("tests/toys").join(kind), &at_most(9)).expect_err(kind);
        assert!(
            matches!(error, LoadError::MaxInstances { asked: 9, holds: h, .. } if h == holds),
            "{error:?}"
        );
        let message = error.to_string();
        assert!(message.contains(option) && message.contains("export the model again"));
    }
    // Two identities are two identities in every export.
    for kind in ["multi_class_bottomup", "multi_class_topdown_combined"] {
        let notes = load_with(kind, &at_most(9)).info().notes.join("\n");
        assert!(notes.contains("2 animals"), "{notes}");
    }
}

#[test]
fn notes_tell_of_time_that_is_wasted_and_of_options_without_effect() {
    let notes = |kind, options: &Options| load_with(kind, options).info().notes.clone();
    assert!(notes("topdown", &at_most(3)).is_empty());
    assert!(notes("topdown", &batched()).is_empty());
    let wasted = notes("topdown", &at_most(1));
    assert!(wasted[0].contains("3 crops") && wasted[0].contains("--max-instances 1"));
    // Three crops for two identities, whatever is asked.
    let wasted = notes("multi_class_topdown_combined", &batched());
    assert!(wasted[0].contains("3 crops") && wasted[0].contains("--max-instances 2"));
    let lower = Options {
        peak_threshold: Some(0.1),
        ..batched()
    };
    assert!(notes("bottomup", &lower)[0].contains("no effect"));
}

#[test]
fn a_stricter_threshold_holds_for_every_kind() {
    // Above every score of the frames.
    let options = Options {
        peak_threshold: Some(0.95),
        ..batched()
    };
    for kind in KINDS {
        let mut model = load_with(kind, &options);
        let answers = predict(&mut model, &[frame(&two_animals(kind))]);
        assert!(answers[0].instances.is_empty(), "{kind}");
    }
}
