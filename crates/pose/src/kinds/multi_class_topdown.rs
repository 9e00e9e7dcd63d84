//! Multi-class top-down models: top-down, and an identity for each crop.
//!
//! Outputs: those of a top-down model and `class_logits` `[B, I, C]`. The valid slots are matched
//! one to one with the identities at the greatest total probability; slots without an identity are
//! dropped. One instance per identity with any point; its score is the sum of the values.
//!
//! The graph's `class_logits` are probabilities already, its head ends in a softmax. sleap-nn takes
//! a softmax of them once more before it matches, which can decide a close match of three or more
//! identities, so it is taken here too.

use assignment::Assignment;

use super::{Capacity, Decode, Identities, PostprocessOptions, topdown::Crops};
use crate::{
    outputs::{FrameOutputs, OutputTensors, RequiredOutput, TensorError},
    prediction::Instance,
    preprocess::InputFit,
};

/// The post-processing of multi-class top-down models.
#[derive(Debug)]
pub(crate) struct MultiClassTopDown {
    nodes: usize,
    settings: PostprocessOptions,
    identities: Identities,
    assignment: Assignment,
    filled: Vec<usize>,
    costs: Vec<f64>,
    /// I, once a batch was checked.
    slots: usize,
}

impl MultiClassTopDown {
    /// For `nodes` nodes.
    pub(crate) fn new(nodes: usize, settings: PostprocessOptions, identities: Identities) -> Self {
        Self {
            nodes,
            settings,
            identities,
            assignment: Assignment::default(),
            filled: Vec::new(),
            costs: Vec::new(),
            slots: 0,
        }
    }
}

impl Decode for MultiClassTopDown {
    fn outputs(&self) -> &'static [RequiredOutput] {
        const {
            &[
                RequiredOutput::f32("centroids", 3),
                RequiredOutput::f32("centroid_vals", 2),
                RequiredOutput::bool("instance_valid", 2),
                RequiredOutput::f32("peaks", 4),
                RequiredOutput::f32("peak_vals", 3),
                RequiredOutput::f32("class_logits", 3),
            ]
        }
    }

    fn check(&mut self, tensors: &OutputTensors) -> Result<(), TensorError> {
        self.slots = Crops::check(tensors, self.nodes)?;
        self.identities
            .set_count(tensors.length("class_logits", 2)?);
        tensors.expect("class_logits", &[self.slots, self.identities.count()])
    }

    fn capacity(&self) -> Capacity {
        Capacity::Crops {
            slots: self.slots,
            identities: Some(self.identities.count()),
        }
    }

    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &InputFit,
    ) -> Result<Vec<Instance>, TensorError> {
        let crops = Crops::read(frame, self.nodes)?;
        Ok(self.instances(&crops, frame.f32("class_logits")?, fit))
    }
}

impl MultiClassTopDown {
    /// The instances of a frame with `logits` `[I, C]`, in the order of the identities.
    pub(super) fn instances(
        &mut self,
        crops: &Crops<'_>,
        logits: &[f32],
        fit: &InputFit,
    ) -> Vec<Instance> {
        let classes = self.identities.count();
        let threshold = self.settings.peak_threshold;
        let filled = crops.slots.filled(threshold, self.settings.max_instances);
        self.filled.clear();
        self.filled.extend(filled);
        self.costs.clear();
        for &slot in &self.filled {
            let logits = &logits[slot * classes..][..classes];
            self.costs.extend(softmax(logits).map(|n| -f64::from(n)));
        }
        let pairs = self
            .assignment
            .solve(&self.costs, self.filled.len(), classes);
        let instance = |class: usize| {
            let row = pairs.iter().position(|pair| *pair == Some(class))?;
            let mut instance = crops.instance(self.filled[row], threshold, fit)?;
            instance.track = Some(self.identities.name(class));
            Some(instance)
        };
        (0..classes).filter_map(instance).collect()
    }
}

fn softmax(logits: &[f32]) -> impl Iterator<Item = f32> + '_ {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponential = move |&logit: &f32| (logit - largest).exp();
    let sum: f32 = logits.iter().map(exponential).sum();
    logits.iter().map(move |logit| exponential(logit) / sum)
}

#[cfg(test)]
mod tests {
    use super::super::slots::CentroidSlots;
    use super::{super::testing::fit_of_two, *};

    /// One node; slot 3 is empty.
    const CROPS: Crops<'static> = Crops {
        slots: CentroidSlots {
            centroids: &[0.0; 8],
            values: &[0.9, 0.8, 0.7, -1e9],
            valid: &[true, true, true, false],
        },
        peaks: &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 0.0, 0.0],
        values: &[0.5, 0.6, 0.7, 0.0],
        nodes: 1,
    };

    fn found(crops: &Crops<'_>, max_instances: usize, logits: &[f32]) -> Vec<Instance> {
        let settings = PostprocessOptions {
            max_instances,
            ..PostprocessOptions::default()
        };
        let names = ["female", "male"].map(str::to_owned).to_vec();
        let mut identities = Identities::new(Some(names));
        identities.set_count(logits.len() / crops.slots.valid.len());
        let mut model = MultiClassTopDown::new(1, settings, identities);
        model.instances(crops, logits, &fit_of_two())
    }

    fn summary(instances: &[Instance]) -> Vec<(&str, f32)> {
        let of = |instance: &Instance| instance.points[0].map(|[x, _]| x).expect("a point");
        instances
            .iter()
            .map(|instance| (instance.track.as_deref().expect("a track"), of(instance)))
            .collect()
    }

    #[test]
    fn crops_go_to_their_identities_and_the_rest_is_dropped() {
        // Slots 0 and 2 are surely male and female; the empty slot would be surer.
        let logits = [0.1, 0.9, 0.6, 0.4, 0.9, 0.1, 1.0, 0.0];
        let instances = found(&CROPS, usize::MAX, &logits);
        assert_eq!(summary(&instances), [("female", 6.0), ("male", 2.0)]);
        assert_eq!((instances[0].score, instances[1].score), (0.7, 0.5));
    }

    #[test]
    fn the_maximum_counts_crops_before_they_are_matched() {
        let logits = [0.1, 0.9, 0.6, 0.4, 0.9, 0.1, 1.0, 0.0];
        let instances = found(&CROPS, 2, &logits);
        assert_eq!(summary(&instances), [("female", 4.0), ("male", 2.0)]);
        let instances = found(&CROPS, 1, &logits);
        assert_eq!(summary(&instances), [("male", 2.0)]);
    }

    #[test]
    fn a_crop_without_points_keeps_its_identity_from_others() {
        let crops = Crops {
            peaks: &[f32::NAN, f32::NAN, 2.0, 2.0, 3.0, 3.0, 0.0, 0.0],
            ..CROPS
        };
        let logits = [0.1, 0.9, 0.2, 0.8, 0.9, 0.1, 1.0, 0.0];
        let instances = found(&crops, usize::MAX, &logits);
        assert_eq!(summary(&instances), [("female", 6.0)]);
    }

    #[test]
    fn close_matches_are_decided_after_a_softmax() {
        // As they come, slots 0 and 1 are best as classes 0 and 2 (0.61 + 0.30) and nearly as good
        // as classes 1 and 0 (0.20 + 0.70); after the softmax it is the other way around.
        let mut logits = vec![0.61, 0.20, 0.19, 0.70, 0.0, 0.30];
        logits.resize(12, 0.0);
        let instances = found(&CROPS, 2, &logits);
        assert_eq!(summary(&instances), [("female", 4.0), ("male", 2.0)]);
    }

    #[test]
    fn probabilities_sum_to_one_and_keep_their_order() {
        let probabilities: Vec<_> = softmax(&[1.0, 3.0, 2.0]).collect();
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((probabilities[1] / probabilities[2] - 1_f32.exp()).abs() < 1e-5);
        assert!(softmax(&[1e30, 0.0]).eq([1.0, 0.0]));
    }
}
