//! The kinds beside sleap-nn's own layers for exports: `tests/vectors/kinds.json`, which
//! `tests/vectors/make_kinds.py` writes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    bottomup::BottomUp, grouping::LineScores, multi_class_bottomup::ClassPeaks,
    slots::CentroidSlots, topdown::Crops, *,
};
use crate::frame::FrameView;

#[derive(Deserialize)]
struct Case {
    kind: String,
    nodes: usize,
    #[serde(default)]
    classes: usize,
    #[serde(default)]
    edges: Vec<[u32; 2]>,
    peak_threshold: Option<f32>,
    max_instances: Option<usize>,
    min_line_scores: Option<f32>,
    min_instance_peaks: Option<f32>,
    input_scale: Option<f32>,
    outputs: BTreeMap<String, Output>,
    instances: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Output {
    Booleans(Vec<bool>),
    Numbers(Vec<Option<f32>>),
}

#[derive(Deserialize)]
struct Expected {
    points: Vec<Option<[f32; 2]>>,
    confidence: Vec<Option<f32>>,
    score: f32,
    class: Option<usize>,
}

/// A case's outputs by name.
struct CaseOutputs {
    numbers: BTreeMap<String, Vec<f32>>,
    booleans: BTreeMap<String, Vec<bool>>,
}

impl CaseOutputs {
    fn of(case: &Case) -> Self {
        let (mut numbers, mut booleans) = (BTreeMap::new(), BTreeMap::new());
        for (name, output) in &case.outputs {
            match output {
                Output::Booleans(values) => {
                    booleans.insert(name.clone(), values.clone());
                }
                Output::Numbers(values) => {
                    let values = values.iter().map(|value| value.unwrap_or(f32::NAN));
                    numbers.insert(name.clone(), values.collect());
                }
            }
        }
        Self { numbers, booleans }
    }

    fn slots(&self) -> CentroidSlots<'_> {
        CentroidSlots {
            centroids: &self.numbers["centroids"],
            values: &self.numbers["centroid_vals"],
            valid: &self.booleans["instance_valid"],
        }
    }

    fn crops(&self, nodes: usize) -> Crops<'_> {
        Crops {
            slots: self.slots(),
            peaks: &self.numbers["peaks"],
            values: &self.numbers["peak_vals"],
            nodes,
        }
    }
}

fn instances(case: &Case, fit: &InputFit) -> Vec<Instance> {
    let defaults = PostprocessOptions::default();
    let settings = PostprocessOptions {
        peak_threshold: case.peak_threshold.unwrap_or(defaults.peak_threshold),
        max_instances: case.max_instances.unwrap_or(defaults.max_instances),
        min_line_scores: case.min_line_scores.unwrap_or(defaults.min_line_scores),
        min_instance_peaks: case.min_instance_peaks.unwrap_or(0.0),
    };
    let outputs = CaseOutputs::of(case);
    let mut identities = Identities::new(None);
    identities.set_count(case.classes);
    match case.kind.parse().expect("a kind") {
        ModelKind::Centroid => centroid::instances(outputs.slots(), &settings, fit),
        ModelKind::TopDown => topdown::instances(&outputs.crops(case.nodes), &settings, fit),
        ModelKind::MultiClassTopDown => {
            let logits = &outputs.numbers["class_logits"];
            MultiClassTopDown::new(case.nodes, settings, identities).instances(
                &outputs.crops(case.nodes),
                logits,
                fit,
            )
        }
        ModelKind::MultiClassBottomUp => {
            let mask = &outputs.booleans["peak_mask"];
            let peaks = ClassPeaks {
                points: &outputs.numbers["peaks"],
                values: &outputs.numbers["peak_vals"],
                mask,
                probabilities: &outputs.numbers["class_probs"],
                slots: mask.len() / case.nodes,
            };
            MultiClassBottomUp::new(case.nodes, settings, identities).instances(&peaks, fit)
        }
        ModelKind::BottomUp => {
            let mask = &outputs.booleans["peak_mask"];
            let lines = LineScores {
                values: &outputs.numbers["peak_vals"],
                mask,
                scores: &outputs.numbers["line_scores"],
                candidates: &outputs.booleans["candidate_mask"],
                slots: mask.len() / case.nodes,
            };
            let scale = case.input_scale.expect("a scale");
            BottomUp::new(case.nodes, &case.edges, scale, settings)
                .expect("a root")
                .instances(&outputs.numbers["peaks"], &lines, fit)
        }
        ModelKind::SingleInstance => unreachable!("not among the vectors"),
    }
}

fn assert_equal(ours: &Instance, expected: &Expected, label: &str) {
    assert_eq!(ours.points, expected.points, "{label}");
    assert_eq!(ours.confidence.len(), expected.confidence.len(), "{label}");
    for (ours, expected) in ours.confidence.iter().zip(&expected.confidence) {
        // A point that was not found has the value 0 or none at all.
        let same = expected.map_or(ours.is_nan(), |expected| *ours == expected);
        assert!(same, "{label}: {ours} is not {expected:?}");
    }
    assert!((ours.score - expected.score).abs() < 1e-5, "{label}");
    let track = expected.class.map(|class| format!("class_{class}"));
    assert_eq!(ours.track, track, "{label}");
}

#[test]
fn sleap_nn_makes_the_same_instances() {
    let text = include_str!("../../tests/vectors/kinds.json");
    let cases: Vec<Case> = serde_json::from_str(text).expect("vectors");
    let frame = FrameView::new(2, 2, 1, &[0; 4]).expect("a frame");
    let fit = InputFit::new(&frame, [2, 2]);
    let mut compared = BTreeMap::<_, usize>::new();
    for (index, case) in cases.iter().enumerate() {
        let label = format!("case {index}, {}", case.kind);
        let ours = instances(case, &fit);
        assert_eq!(ours.len(), case.instances.len(), "{label}");
        for (ours, expected) in ours.iter().zip(&case.instances) {
            assert_equal(ours, expected, &label);
        }
        *compared.entry(&case.kind[..]).or_default() += ours.len();
    }
    assert_eq!(compared.len(), 5);
    assert!(compared.values().all(|&count| count >= 10), "{compared:?}");
}
