//! Where the synthetic animals really are, and how close predictions come.

use std::{collections::BTreeMap, fs, path::Path};

use pose::{FramePrediction, Instance};
use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    nodes: Vec<String>,
    edges: Vec<[u32; 2]>,
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    frame_idx: u32,
    animals: Vec<Animal>,
}

/// The points of one animal, pixels.
type Animal = Vec<[f32; 2]>;

/// The true points by frame number.
pub struct Truth {
    pub nodes: Vec<String>,
    /// Indices into `nodes`.
    pub edges: Vec<[u32; 2]>,
    animals: BTreeMap<u32, Vec<Animal>>,
}

/// How near predictions come to the truth.
#[derive(Debug, Default)]
pub struct Accuracy {
    pub frames: usize,
    /// Frames with as many instances as animals.
    pub counted: usize,
    /// Distances of found points from the true ones, pixels.
    pub errors: Vec<f32>,
    /// Points of paired animals that were not found.
    pub missing: usize,
    /// Paired instances with an identity, and those where it is the animal's.
    pub identities: [usize; 2],
}

impl Truth {
    pub fn read(path: &Path) -> Self {
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let document: Document = serde_json::from_str(&text).expect("the true points");
        let animals = document.frames.into_iter();
        Self {
            nodes: document.nodes,
            edges: document.edges,
            animals: animals
                .map(|frame| (frame.frame_idx, frame.animals))
                .collect(),
        }
    }

    /// Judges predictions of the named nodes. The names of the identities are in the order of the
    /// animals.
    pub fn judge<'a>(
        &self,
        nodes: &[String],
        identities: &[&str],
        predictions: impl IntoIterator<Item = (u32, &'a FramePrediction)>,
    ) -> Accuracy {
        let index = |name| self.nodes.iter().position(|node| node == name);
        let nodes: Vec<_> = nodes
            .iter()
            .map(|name| index(name).expect("a node"))
            .collect();
        let mut accuracy = Accuracy::default();
        for (number, prediction) in predictions {
            let animals = &self.animals[&number];
            accuracy.frames += 1;
            accuracy.counted += usize::from(animals.len() == prediction.instances.len());
            for (found, animal) in pairs(&nodes, &prediction.instances, animals) {
                accuracy.instance(&nodes, found, &animals[animal]);
                if let Some(track) = &found.track {
                    accuracy.identities[0] += 1;
                    accuracy.identities[1] += usize::from(track == identities[animal]);
                }
            }
        }
        accuracy
    }
}

impl Accuracy {
    fn instance(&mut self, nodes: &[usize], found: &Instance, animal: &Animal) {
        for (&node, point) in nodes.iter().zip(&found.points) {
            match point {
                Some(point) => self.errors.push(apart(*point, animal[node])),
                None => self.missing += 1,
            }
        }
    }

    /// Half of the found points are nearer to the truth, pixels.
    pub fn median(&self) -> f32 {
        let mut errors = self.errors.clone();
        errors.sort_by(f32::total_cmp);
        errors[errors.len() / 2]
    }
}

/// Pairs instances with animals, the nearest first.
fn pairs<'a>(
    nodes: &[usize],
    found: &'a [Instance],
    animals: &[Animal],
) -> Vec<(&'a Instance, usize)> {
    let mut all = Vec::new();
    for (i, instance) in found.iter().enumerate() {
        for (j, animal) in animals.iter().enumerate() {
            let points = nodes.iter().zip(&instance.points);
            let errors = points.filter_map(|(&node, point)| Some(apart((*point)?, animal[node])));
            let (sum, count) =
                errors.fold((0.0, 0.0), |(sum, count), error| (sum + error, count + 1.0));
            all.push((sum / count, i, j));
        }
    }
    all.sort_by(|a: &(f32, usize, usize), b| a.0.total_cmp(&b.0));
    let mut paired: Vec<(usize, usize)> = Vec::new();
    for (_, i, j) in all {
        if paired.iter().all(|&(a, b)| a != i && b != j) {
            paired.push((i, j));
        }
    }
    paired.into_iter().map(|(i, j)| (&found[i], j)).collect()
}

fn apart([ax, ay]: [f32; 2], [bx, by]: [f32; 2]) -> f32 {
    (ax - bx).hypot(ay - by)
}
