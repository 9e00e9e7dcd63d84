//! Toys of every kind but single-instance, whose frames define what the graph gives
//! (`tests/toys/make_kinds.py`).

use pose::{FramePrediction, Instance, Model, Options};

use super::{Picture, batched, path};

pub const WIDTH: u32 = 16;
pub const HEIGHT: u32 = 12;

pub fn load(kind: &str) -> Model {
    load_with(kind, &batched())
}

pub fn load_with(kind: &str, options: &Options) -> Model {
    Model::load(&path("tests/toys").join(kind), options)
        .unwrap_or_else(|error| panic!("{kind}: {error}"))
}

/// A frame whose first pixels are the parts, one after the other.
pub fn frame(parts: &[&[u8]]) -> Picture {
    let mut data = parts.concat();
    data.resize((WIDTH * HEIGHT) as usize, 0);
    Picture {
        width: WIDTH,
        height: HEIGHT,
        channels: 1,
        data,
    }
}

/// A frame of one brightness and any size.
pub fn plain(width: u32, height: u32, value: u8) -> Picture {
    Picture {
        width,
        height,
        channels: 1,
        data: vec![value; (width * height) as usize],
    }
}

pub fn predict(model: &mut Model, pictures: &[Picture]) -> Vec<FramePrediction> {
    let frames: Vec<_> = pictures.iter().map(Picture::view).collect();
    model.predict(&frames).expect("a prediction")
}

/// Points as x, y pairs; a node that was not found is -1, -1.
pub fn points(instance: &Instance) -> Vec<[f32; 2]> {
    let point = |point: &Option<[f32; 2]>| point.unwrap_or([-1.0; 2]);
    instance.points.iter().map(point).collect()
}

pub fn tracks(prediction: &FramePrediction) -> Vec<Option<&str>> {
    let instances = prediction.instances.iter();
    instances
        .map(|instance| instance.track.as_deref())
        .collect()
}

/// Three centroids: two in use.
pub const CENTROIDS: [&[u8]; 3] = [&[10, 20, 30, 40, 50, 60], &[90, 80, 10], &[1, 1, 0]];

/// The crops of those: all nodes; only the last; (nothing).
pub const CROPS: [&[u8]; 2] = [
    &[50, 60, 70, 10, 0, 80, 0, 0, 0],
    &[
        11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26, 0, 0, 0, 0, 0, 0,
    ],
];

/// Two animals of three nodes, two slots a node; animal A is in slots 0, 0, 1 and B in 1, 1, 0.
pub const PEAKS: [&[u8]; 3] = [
    &[2, 4, 102, 104, 6, 8, 106, 108, 110, 112, 10, 12],
    &[90, 80, 70, 60, 50, 40],
    &[1, 1, 1, 1, 1, 1],
];

/// Lines of those: 0.9 within A and 0.8, 0.6 within B, else -0.5.
pub const LINES: [&[u8]; 2] = [&[190, 50, 50, 180, 50, 190, 160, 50], &[1; 8]];

pub const A: [[f32; 2]; 3] = [[4.0, 8.0], [12.0, 16.0], [20.0, 24.0]];
pub const B: [[f32; 2]; 3] = [[204.0, 208.0], [212.0, 216.0], [220.0, 224.0]];

/// The whole of each toy's pixels with two animals, and how many instances they are.
pub fn two_animals(kind: &str) -> Vec<&'static [u8]> {
    match kind {
        "centroid" => CENTROIDS.to_vec(),
        "topdown" => [&CENTROIDS[..], &CROPS].concat(),
        "bottomup" => [&PEAKS[..], &LINES].concat(),
        "multi_class_bottomup" => [
            &PEAKS[..],
            &[&[80, 20, 30, 70, 90, 10, 40, 60, 10, 90, 90, 10]],
        ]
        .concat(),
        _ => [&CENTROIDS[..], &CROPS, &[&[10, 90, 70, 30, 100, 0]]].concat(),
    }
}

pub const KINDS: [&str; 5] = [
    "centroid",
    "topdown",
    "bottomup",
    "multi_class_bottomup",
    "multi_class_topdown_combined",
];
