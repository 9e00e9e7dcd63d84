//! Points between the cells of the confidence maps, on sleap-nn's own graphs
//! (`tests/toys/make_refine.py`) around maps whose peaks are where the frame's colours are.

use crate::common;

use std::{fs, path::Path};

use common::{Picture, batched, path};
use pose::{
    GraphError, Instance, LoadError, Model, Options, PredictError, Prepared, Refine, RefineError,
    SessionError,
};

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;
const CROP: f32 = 24.0;

/// Red, green and blue: x, y.
type Animal = [[f32; 2]; 3];

const ONE: [Animal; 1] = [[[17.3, 12.6], [26.9, 21.2], [36.2, 30.7]]];
/// Beside each other, so that lines between them do not run down to the right.
const TWO: [Animal; 2] = [
    [[30.7, 8.4], [34.1, 12.7], [38.3, 16.9]],
    [[12.2, 26.6], [16.9, 30.3], [20.6, 35.7]],
];

const KINDS: [&str; 7] = [
    "single_instance",
    "single_instance_scaled",
    "centroid",
    "topdown",
    "bottomup",
    "multi_class_bottomup",
    "multi_class_topdown_combined",
];

fn toy(name: &str) -> std::path::PathBuf {
    path("tests/toys/refine").join(name)
}

fn load(dir: &Path, refine: Option<Refine>) -> Result<Model, LoadError> {
    let options = Options {
        refine,
        ..batched()
    };
    Model::load(dir, &options)
}

fn loaded(name: &str, refine: Option<Refine>) -> Model {
    let model = load(&toy(name), refine).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(model.info().refine, refine);
    model
}

fn predict(model: &mut Model, pictures: &[Picture]) -> Vec<Vec<Instance>> {
    let frames: Vec<_> = pictures.iter().map(Picture::view).collect();
    let answers = model.predict(&frames).expect("a prediction");
    answers.into_iter().map(|answer| answer.instances).collect()
}

fn instances(name: &str, refine: Option<Refine>, pictures: &[Picture]) -> Vec<Vec<Instance>> {
    predict(&mut loaded(name, refine), pictures)
}

/// Coloured Gaussians on black; `dark` is a node that is left out.
fn frame(animals: &[Animal], dark: Option<usize>) -> Picture {
    let value = |index: usize, node: usize| {
        let (x, y) = (index as u32 % WIDTH, index as u32 / WIDTH);
        let light = |animal: &Animal| {
            let [dx, dy] = [x as f32 - animal[node][0], y as f32 - animal[node][1]];
            250.0 * (-(dx * dx + dy * dy) / (2.0 * 4.0 * 4.0)).exp()
        };
        let bright = animals.iter().map(light).fold(0.0, f32::max);
        if dark == Some(node) {
            0
        } else {
            bright.round() as u8
        }
    };
    let pixels = (0..(WIDTH * HEIGHT) as usize).flat_map(|i| [2, 1, 0].map(|node| value(i, node)));
    Picture {
        width: WIDTH,
        height: HEIGHT,
        channels: 3,
        data: pixels.collect(),
    }
}

/// What a toy can find.
fn animals(name: &str) -> &'static [Animal] {
    match name {
        "single_instance" | "single_instance_scaled" | "multi_class_bottomup" => &ONE,
        _ => &TWO,
    }
}

/// Where a toy, with nothing lost on the grid, has the points of an animal.
fn expected(name: &str, animal: &Animal) -> Vec<[f32; 2]> {
    if name == "centroid" {
        return vec![animal[2]];
    }
    // Networks that get a scaled frame count its pixels from the middle of the first.
    let shift = match name {
        "single_instance_scaled" | "multi_class_bottomup" | "multi_class_topdown_combined" => -0.5,
        _ => 0.0,
    };
    let point = |point: &[f32; 2]| {
        let place = |axis: usize| {
            if !name.contains("topdown") {
                return point[axis] + shift;
            }
            // Crops lie around the centroid's cell. The graph spreads their pixels a little.
            let side = [WIDTH, HEIGHT][axis] as f32;
            let centre = (animal[2][axis] / 2.0).round() * 2.0;
            let spread = (side - 1.0) / side * CROP / (CROP - 1.0);
            let in_crop = (point[axis] - centre) / spread + (CROP - 1.0) / 2.0;
            in_crop + shift + centre - CROP / 2.0
        };
        [place(0), place(1)]
    };
    animal.iter().map(point).collect()
}

/// The distances along x and y, from the least to the greatest.
fn errors(name: &str, instances: &[Instance]) -> Vec<f32> {
    let animals = animals(name);
    assert_eq!(instances.len(), animals.len(), "{name}");
    let mut errors = Vec::new();
    for animal in animals {
        let expected = expected(name, animal);
        let of_animal = |instance: &&Instance| {
            let point = instance.points[0].expect("found");
            (0..2).all(|axis| (point[axis] - expected[0][axis]).abs() < 5.0)
        };
        let instance = instances.iter().find(of_animal).expect("the animal");
        for (ours, expected) in instance.points.iter().zip(&expected) {
            let ours = ours.expect("found");
            errors.extend((0..2).map(|axis| (ours[axis] - expected[axis]).abs()));
        }
    }
    errors.sort_by(f32::total_cmp);
    errors
}

#[test]
fn points_of_every_kind_are_where_the_colours_are() {
    for name in KINDS {
        let of = |refine| {
            let frame = frame(animals(name), None);
            let errors = errors(name, &instances(name, refine, &[frame])[0]);
            (errors[errors.len() / 2], errors[errors.len() - 1])
        };
        let (grid, integral, parabola) = (
            of(None),
            of(Some(Refine::Integral)),
            of(Some(Refine::Parabola)),
        );
        println!("{name}: median, largest: {grid:?}, integral {integral:?}, parabola {parabola:?}");
        assert!(grid.0 > 0.2 && grid.1 > 0.5, "{name}: {grid:?}");
        assert!(integral.0 < 0.9 * grid.0, "{name}: {integral:?} {grid:?}");
        assert!(parabola.1 < 0.1, "{name}: {parabola:?}");
    }
}

#[test]
fn nothing_but_the_points_changes() {
    for name in KINDS {
        for refine in [Refine::Integral, Refine::Parabola] {
            let pictures = [frame(animals(name), None), frame(animals(name), Some(0))];
            let before = instances(name, None, &pictures);
            let after = instances(name, Some(refine), &pictures);
            for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
                let rest = |instance: &Instance| {
                    let Instance {
                        confidence,
                        score,
                        track,
                        ..
                    } = instance;
                    format!("{confidence:?} {score} {track:?}")
                };
                assert_eq!(rest(after), rest(before), "{name}");
                let there = |instance: &Instance| -> Vec<bool> {
                    instance.points.iter().map(Option::is_some).collect()
                };
                assert_eq!(there(after), there(before), "{name}");
            }
            let count =
                |frames: &[Vec<Instance>]| -> Vec<usize> { frames.iter().map(Vec::len).collect() };
            assert_eq!(count(&after), count(&before), "{name}");
        }
    }
}

#[test]
fn answers_belong_to_their_frames_in_batches_too() {
    for name in KINDS {
        let moved = |by: f32| -> Vec<Animal> {
            let shift = |animal: &Animal| animal.map(|point| point.map(|n| n + by));
            animals(name).iter().map(shift).collect()
        };
        let pictures = [0.0, 0.7, 1.9, 3.1].map(|by| frame(&moved(by), None));
        let mut model = loaded(name, Some(Refine::Parabola));
        let together = predict(&mut model, &pictures);
        for (picture, together) in pictures.into_iter().zip(together) {
            assert_eq!(predict(&mut model, &[picture])[0], together, "{name}");
            assert!(!together.is_empty(), "{name}");
        }
    }
}

#[test]
fn frames_without_an_animal_have_none() {
    for name in KINDS {
        let found = instances(name, Some(Refine::Parabola), &[frame(&[], None)]);
        assert_eq!(found, [[]], "{name}");
    }
}

/// A copy of a toy, its metadata changed.
fn changed(name: &str, field: &str, value: serde_json::Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(toy(name)).expect("a toy") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), dir.path().join(entry.file_name())).expect("copied");
    }
    let path = dir.path().join("export_metadata.json");
    let text = fs::read_to_string(&path).expect("metadata");
    let mut metadata: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    metadata[field] = value;
    fs::write(path, metadata.to_string()).expect("written");
    dir
}

fn refused(dir: &Path) -> LoadError {
    load(dir, Some(Refine::Parabola)).expect_err("cannot be refined")
}

#[test]
fn weights_beside_the_graph_are_found() {
    let dir = changed("single_instance_scaled", "model_name", "copy".into());
    assert!(load(dir.path(), Some(Refine::Parabola)).is_ok());
    fs::remove_file(dir.path().join("model.onnx.data")).expect("it is outside");
    for refine in [None, Some(Refine::Parabola)] {
        let error = load(dir.path(), refine).expect_err("no weights");
        assert!(matches!(
            error,
            LoadError::Session(SessionError::Graph { .. })
        ));
    }
}

#[test]
fn graphs_without_maps_are_refused_and_run_unrefined() {
    for kind in common::kind_toys::KINDS {
        let dir = path("tests/toys").join(kind);
        let error = refused(&dir);
        assert!(
            matches!(error, LoadError::Graph(GraphError::NoMaps { .. })),
            "{error}"
        );
        assert!(error.to_string().contains("cannot be refined"), "{error}");
        assert!(load(&dir, None).is_ok());
    }
}

#[test]
fn metadata_that_says_too_little_is_refused() {
    for (name, field) in [
        ("single_instance", "output_stride"),
        ("topdown", "crop_size"),
    ] {
        let dir = changed(name, field, serde_json::Value::Null);
        let error = refused(dir.path());
        assert!(
            matches!(error, LoadError::Refine(RefineError::Metadata { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(field), "{error}");
        assert!(load(dir.path(), None).is_ok());
    }
}

#[test]
fn maps_of_another_size_than_the_metadata_s_are_refused() {
    for (name, field, value) in [
        ("single_instance", "output_stride", 4.into()),
        ("bottomup", "input_scale", 0.5.into()),
        ("centroid", "output_stride", 1.into()),
        ("topdown", "crop_size", [11, 24].into()),
    ] {
        let dir = changed(name, field, value);
        let error = refused(dir.path());
        let maps = matches!(error, LoadError::Refine(RefineError::Maps { .. }));
        assert!(maps, "{name}: {error}");
    }
}

#[test]
fn points_that_are_not_on_the_grid_of_the_maps_are_an_error() {
    // As many cells, but the points are then half as far apart as they are.
    let dir = changed("bottomup", "input_scale", 0.5.into());
    let path = dir.path().join("export_metadata.json");
    let text = fs::read_to_string(&path).expect("metadata");
    fs::write(
        path,
        text.replace("\"output_stride\":2", "\"output_stride\":1"),
    )
    .expect("written");
    let mut model = load(dir.path(), Some(Refine::Parabola)).expect("maps of this size");
    let (two, black) = (frame(&TWO, None), frame(&[], None));
    let error = model.predict(&[two.view()]).expect_err("points elsewhere");
    let PredictError::Refine(RefineError::Grid { unit, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(unit, 1.0);
    // A frame without points has nothing that is wrong, whatever frames are in its batch.
    let mut stages = model.into_stages();
    let prepared = [&black, &two, &black].map(|picture| {
        let mut prepared = Prepared::default();
        stages.preparer.prepare(&picture.view(), &mut prepared);
        prepared
    });
    let mut answers = Vec::new();
    for batch in prepared.chunks(stages.info.max_batch) {
        let outputs = stages.runner.run(batch.iter()).expect("a run");
        let finished = stages.finisher.finish(batch.iter(), &outputs);
        answers.extend(finished.expect("outputs of this kind's shapes"));
    }
    assert_eq!([0, 1, 2].map(|at| answers[at].is_ok()), [true, false, true]);
}

/// Real exports, where they lie beside the repository: points move, and by half a cell at most.
#[test]
fn exported_models_can_be_refined() {
    let models = path("../../../shared/models");
    for (kind, frames, cell) in [
        ("single_instance", "small_robot", 8.0),
        ("centroid", "centered_pair_small", 4.0),
        ("topdown", "centered_pair_small", 2.0),
        ("bottomup", "centered_pair_small", 4.0),
        ("multi_class_bottomup", "centered_pair_small", 8.0),
        ("multi_class_topdown_combined", "centered_pair_small", 2.0),
    ] {
        if !models.join(kind).is_dir() {
            eprintln!("skipped: no exported models beside the repository");
            return;
        }
        let pictures = common::reference::pictures(&models.join("frames").join(frames), 6);
        let points = |refine| -> Vec<[f32; 2]> {
            let mut model = load(&models.join(kind), refine).expect("a model");
            let answers = common::reference::predict(&mut model, &pictures, 3);
            let instances = answers.iter().flat_map(|answer| &answer.instances);
            instances
                .flat_map(|instance| &instance.points)
                .flatten()
                .copied()
                .collect()
        };
        let (before, after) = (points(None), points(Some(Refine::Parabola)));
        assert_eq!(before.len(), after.len(), "{kind}");
        let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        let pairs = before.iter().flatten().zip(after.iter().flatten());
        let farthest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!(
            "{kind}: {moved} of {} points moved, by {farthest} px at most",
            before.len()
        );
        assert!(moved * 10 >= before.len() * 9, "{kind}");
        assert!(farthest <= cell / 2.0 + 1e-3, "{kind}: {farthest}");
    }
}
