//! Two animals that cross and hide, whose true identities are known: the whole way from pictures to files.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::{Client, Place, Worker, signal_server, sleap_io_reads, text};
use serde_json::Value;
use vision::Image;
use vision::png;
use vision::synthetic::{Config, MouseSkeleton, Renderer};

use crate::label_files::assert_same;
use crate::tracking::model;

/// An animal of the synthetic scene walks through the middle of the picture soon after this frame.
const SEED: u64 = 2;
const START: u64 = 62;
const FRAMES: u64 = 150;
/// The other animal is its mirror image, so many frames ahead.
const AHEAD: u64 = 5;
/// Frames in which the first animal is not seen.
const HIDDEN: std::ops::Range<u64> = 85..105;

/// `[frame][animal]`: where the middle of each animal truly is.
type Truth = Vec<[[f32; 2]; 2]>;

/// One animal in its arena, or the arena alone.
fn renderer(animals: u32) -> Renderer {
    Renderer::new(&Config {
        width: 256,
        height: 192,
        fps: 30.0,
        seed: SEED,
        animals,
        ..Config::default()
    })
}

/// Writes the pictures, and returns what streams them, and the truth.
fn scene(place: &Place) -> (String, Truth) {
    let (animal, arena) = (renderer(1), renderer(0));
    let mut truth = Vec::new();
    for number in 0..FRAMES {
        let (first, ahead) = (START + number, START + number + AHEAD);
        let ground = arena.frame(first).0;
        let seen = match HIDDEN.contains(&number) {
            true => ground.clone(),
            false => animal.frame(first).0,
        };
        let other = animal.frame(ahead).0;
        let picture = place.path(&format!("{number:04}.png"));
        png::write(picture, &both(&ground, &seen, &other), false).unwrap();
        let middle_of = |index| middle(&animal.points(index, MouseSkeleton::Fifteen)[0]);
        let [x, y] = middle_of(ahead);
        truth.push([middle_of(first), [255.0 - x, y]]);
    }
    (text(&place.path("%04d.png")), truth)
}

/// An animal, and the mirror image of another, on one ground: of both what differs more from it.
fn both(ground: &Image, one: &Image, other: &Image) -> Image {
    let width = ground.width as usize;
    let change = |image: &Image, at: usize| i16::from(image.data[at]) - i16::from(ground.data[at]);
    let pixel = |at: usize| {
        let mirrored = at / width * width + (width - 1 - at % width);
        let (one, other) = (change(one, at), change(other, mirrored));
        let largest = if other.abs() > one.abs() { other } else { one };
        (i16::from(ground.data[at]) + largest).clamp(0, 255) as u8
    };
    let pixels: Vec<u8> = (0..ground.data.len()).map(pixel).collect();
    Image::new(ground.width, ground.height, 1, pixels).unwrap()
}

fn middle(points: &[[f32; 2]]) -> [f32; 2] {
    [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f32>() / points.len() as f32)
}

fn distance(one: [f32; 2], other: [f32; 2]) -> f32 {
    (one[0] - other[0]).hypot(one[1] - other[1])
}

/// The tracks of a prediction, and which animal each truly is.
fn found(prediction: &Value, truth: &[[f32; 2]; 2]) -> Vec<(String, usize)> {
    let instances = prediction["instances"].as_array().unwrap();
    let animal = |(index, points): (usize, &Value)| {
        let points: Vec<[f32; 2]> = points
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|point| Some([point[0].as_f64()? as f32, point[1].as_f64()? as f32]))
            .collect();
        let at = middle(&points);
        let nearest = (0..truth.len())
            .min_by(|a, b| distance(truth[*a], at).total_cmp(&distance(truth[*b], at)))
            .unwrap();
        let track = prediction["tracks"][index].as_str()?;
        Some((track.to_owned(), nearest))
    };
    instances.iter().enumerate().filter_map(animal).collect()
}

/// The scene has what it is for.
#[track_caller]
fn assert_crosses_and_hides(predictions: &[Value], truth: &Truth) {
    let apart = truth.iter().map(|[one, other]| distance(*one, *other));
    let nearest = apart.fold(f32::INFINITY, f32::min);
    assert!(nearest < 10.0, "the animals come no nearer than {nearest}");
    let tracked: Vec<usize> = predictions
        .iter()
        .map(|prediction| prediction["tracks"].as_array().unwrap().iter())
        .map(|tracks| tracks.filter(|track| track.is_string()).count())
        .collect();
    let hidden = &tracked[HIDDEN.start as usize..HIDDEN.end as usize];
    let alone = hidden.iter().filter(|count| **count == 1).count();
    assert!(alone > 15, "no animal hides: {tracked:?}");
    assert_eq!((tracked[0], tracked.last()), (2, Some(&2)), "{tracked:?}");
}

#[track_caller]
fn assert_each_keeps_its_track(predictions: &[Value], truth: &Truth) {
    let mut of_animal = [0, 1].map(|_| BTreeMap::<String, usize>::new());
    for (prediction, truth) in predictions.iter().zip(truth) {
        for (track, animal) in found(prediction, truth) {
            *of_animal[animal].entry(track).or_default() += 1;
        }
    }
    let main = of_animal
        .each_ref()
        .map(|tracks| tracks.iter().max_by_key(|(_, count)| **count).unwrap());
    assert_ne!(main[0].0, main[1].0, "{of_animal:?}");
    let (kept, all) = (
        main[0].1 + main[1].1,
        of_animal.iter().flat_map(BTreeMap::values).sum::<usize>(),
    );
    assert!(kept * 20 >= all * 19, "{kept} of {all}: {of_animal:?}");
    assert!(all > 250, "{of_animal:?}");
}

#[test]
fn animals_that_cross_and_hide_keep_their_tracks_when_the_worker_is_killed() {
    let (place, meeting) = (Place::new(), signal_server());
    let (source, truth) = scene(&place);
    let mut worker = Worker::start_at(&meeting.signal, &["--model", &model()]);
    let outputs = ["disturbed.slp", "whole.slp"].map(|name| place.text(name));
    let stream = ["--signal", &meeting.signal, "--stream", &source];
    let tracking = ["-t", "--max-tracks", "2", "-o", "-"];
    let run = |slp| [&stream[..], &tracking, &["-o", slp]].concat();
    let mut client = Client::start(&[&run(&outputs[0])[..], &["--fps", "60"]].concat());
    let mut seen: Vec<Value> = (0..40)
        .map(|_| client.line().expect("predictions come"))
        .collect();
    worker.kill();
    client.logs("the connection to the worker is lost", 1);
    worker = Worker::start_at(&meeting.signal, &["--model", &model()]);
    seen.extend(client.wait().success().predictions());
    let undisturbed = Client::run(&run(&outputs[1])).success().predictions();
    drop(worker);
    assert_crosses_and_hides(&undisturbed, &truth);
    assert_each_keeps_its_track(&undisturbed, &truth);
    let tracks = |predictions: &[Value]| -> Vec<Value> {
        let of = |prediction: &Value| prediction["tracks"].clone();
        predictions.iter().map(of).collect()
    };
    assert_eq!(tracks(&seen), tracks(&undisturbed));
    for (slp, lines) in outputs.iter().zip([&seen, &undisturbed]) {
        let labels = &sleap_io_reads(&[Path::new(slp)])[0];
        let nodes = labels["nodes"].as_array().unwrap();
        for (row, line) in lines.iter().enumerate() {
            assert_same(&labels["frames"][row], line, nodes);
        }
    }
}
