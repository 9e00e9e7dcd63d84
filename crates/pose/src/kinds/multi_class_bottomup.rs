//! Multi-class bottom-up models: all peaks of all nodes, and to which identity each belongs.
//!
//! Outputs: `peaks` `[B, N, k, 2]`, `peak_vals` and `peak_mask` `[B, N, k]`, `class_probs`
//! `[B, N, k, C]`. For each node the peaks are matched one to one with the identities at the
//! greatest total probability; a match counts only where it is the peak's own best identity. One
//! instance per identity with any point; its score is the sum of the values. Over the maximum of
//! instances those with the highest scores stay.
//!
//! The points are in the frame as they come: unlike bottom-up graphs these divide by their
//! `input_scale` themselves. sleap-nn 0.3.5 divides once more when it runs such an export, so that
//! its points lie 1 / `input_scale` times too far out.

use assignment::Assignment;

use super::{Capacity, Decode, Identities, PostprocessOptions};
use crate::{
    outputs::{FrameOutputs, OutputTensors, RequiredOutput, TensorError},
    prediction::Instance,
    preprocess::InputFit,
};

/// The post-processing of multi-class bottom-up models.
#[derive(Debug)]
pub(crate) struct MultiClassBottomUp {
    nodes: usize,
    settings: PostprocessOptions,
    identities: Identities,
    assignment: Assignment,
    /// The slots of one node that hold a peak.
    filled: Vec<usize>,
    costs: Vec<f64>,
    /// `[C, N]`: the slot of each identity's nodes.
    members: Vec<Option<usize>>,
    /// k, once a batch was checked.
    slots: usize,
}

impl MultiClassBottomUp {
    /// For `nodes` nodes.
    pub(crate) fn new(nodes: usize, settings: PostprocessOptions, identities: Identities) -> Self {
        Self {
            nodes,
            settings,
            identities,
            assignment: Assignment::default(),
            filled: Vec::new(),
            costs: Vec::new(),
            members: Vec::new(),
            slots: 0,
        }
    }
}

impl Decode for MultiClassBottomUp {
    fn outputs(&self) -> &'static [RequiredOutput] {
        const {
            &[
                RequiredOutput::f32("peaks", 4),
                RequiredOutput::f32("peak_vals", 3),
                RequiredOutput::bool("peak_mask", 3),
                RequiredOutput::f32("class_probs", 4),
            ]
        }
    }

    fn check(&mut self, tensors: &OutputTensors) -> Result<(), TensorError> {
        self.slots = tensors.length("peak_mask", 2)?;
        self.identities.set_count(tensors.length("class_probs", 3)?);
        let peaks = [self.nodes, self.slots];
        tensors.expect("peak_mask", &peaks)?;
        tensors.expect("peak_vals", &peaks)?;
        tensors.expect("peaks", &[self.nodes, self.slots, 2])?;
        let classes = [self.nodes, self.slots, self.identities.count()];
        tensors.expect("class_probs", &classes)
    }

    fn capacity(&self) -> Capacity {
        Capacity::Peaks {
            slots: self.slots,
            identities: Some(self.identities.count()),
        }
    }

    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &InputFit,
    ) -> Result<Vec<Instance>, TensorError> {
        let peaks = ClassPeaks {
            points: frame.f32("peaks")?,
            values: frame.f32("peak_vals")?,
            mask: frame.bool("peak_mask")?,
            probabilities: frame.f32("class_probs")?,
            slots: self.slots,
        };
        Ok(self.instances(&peaks, fit))
    }
}

/// One frame's peaks.
#[derive(Debug)]
pub(super) struct ClassPeaks<'a> {
    /// `[N, k, 2]`.
    pub(super) points: &'a [f32],
    /// `[N, k]`.
    pub(super) values: &'a [f32],
    /// `[N, k]`: whether there is a peak in the slot.
    pub(super) mask: &'a [bool],
    /// `[N, k, C]`.
    pub(super) probabilities: &'a [f32],
    /// k.
    pub(super) slots: usize,
}

impl MultiClassBottomUp {
    /// The instances of a frame, in the order of the identities.
    pub(super) fn instances(&mut self, peaks: &ClassPeaks<'_>, fit: &InputFit) -> Vec<Instance> {
        self.members.clear();
        self.members
            .resize(self.identities.count() * self.nodes, None);
        for node in 0..self.nodes {
            self.match_node(node, peaks);
        }
        let mut instances: Vec<_> = self
            .members
            .chunks_exact(self.nodes)
            .enumerate()
            .filter_map(|(class, slots)| {
                let track = Some(self.identities.name(class));
                let mut instance = instance(slots, peaks, fit)?;
                instance.track = track;
                Some(instance)
            })
            .collect();
        self.drop_weakest(&mut instances);
        instances
    }

    /// Gives the peaks of a node to the identities.
    fn match_node(&mut self, node: usize, peaks: &ClassPeaks<'_>) {
        let (k, classes) = (peaks.slots, self.identities.count());
        let threshold = self.settings.peak_threshold;
        let filled = |slot: &usize| {
            let at = node * k + slot;
            peaks.mask[at] && peaks.values[at] > threshold
        };
        self.filled.clear();
        self.filled.extend((0..k).filter(filled));
        let probabilities =
            |slot: usize| &peaks.probabilities[(node * k + slot) * classes..][..classes];
        self.costs.clear();
        for &slot in &self.filled {
            let costs = probabilities(slot).iter().map(|&n| -f64::from(n));
            self.costs.extend(costs);
        }
        let pairs = self
            .assignment
            .solve(&self.costs, self.filled.len(), classes);
        for (&slot, class) in self.filled.iter().zip(pairs) {
            let Some(class) = *class else { continue };
            let own = probabilities(slot);
            if own.iter().all(|&other| other <= own[class]) {
                self.members[class * self.nodes + node] = Some(slot);
            }
        }
    }

    /// Keeps the best instances, in their order.
    fn drop_weakest(&self, instances: &mut Vec<Instance>) {
        while instances.len() > self.settings.max_instances {
            let weakest = instances
                .iter()
                .enumerate()
                .min_by(|(_, a), (_, b)| a.score.total_cmp(&b.score));
            let Some((weakest, _)) = weakest else { return };
            instances.remove(weakest);
        }
    }
}

/// The instance of the peaks in `slots` `[N]`, if there is any.
fn instance(slots: &[Option<usize>], peaks: &ClassPeaks<'_>, fit: &InputFit) -> Option<Instance> {
    let mut instance = Instance {
        points: Vec::with_capacity(slots.len()),
        confidence: Vec::with_capacity(slots.len()),
        ..Instance::default()
    };
    for (node, slot) in slots.iter().enumerate() {
        let at = slot.map(|slot| node * peaks.slots + slot);
        let point = |at: usize| [peaks.points[2 * at], peaks.points[2 * at + 1]];
        let found = |[x, y]: &[f32; 2]| x.is_finite() && y.is_finite();
        let point = at.map(point).filter(found);
        instance.points.push(point.map(|point| fit.to_frame(point)));
        let value = at.map(|at| peaks.values[at]);
        instance.confidence.push(value.unwrap_or(f32::NAN));
        instance.score += value.unwrap_or(0.0);
    }
    let any = instance.points.iter().any(Option::is_some);
    any.then_some(instance)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::fit_of_two, *};

    /// Two nodes, two slots a node.
    const POINTS: [f32; 8] = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0];
    const VALUES: [f32; 4] = [0.9, 0.8, 0.7, 0.6];

    fn model(max_instances: usize, peak_threshold: f32) -> MultiClassBottomUp {
        let settings = PostprocessOptions {
            max_instances,
            peak_threshold,
            ..PostprocessOptions::default()
        };
        let names = ["female", "male"].map(str::to_owned).to_vec();
        let mut identities = Identities::new(Some(names));
        identities.set_count(2);
        MultiClassBottomUp::new(2, settings, identities)
    }

    fn found(model: &mut MultiClassBottomUp, probabilities: &[f32; 8]) -> Vec<Instance> {
        let peaks = ClassPeaks {
            points: &POINTS,
            values: &VALUES,
            mask: &[true; 4],
            probabilities,
            slots: 2,
        };
        model.instances(&peaks, &fit_of_two())
    }

    #[test]
    fn peaks_go_to_their_identities() {
        // Node 0: slot 0 is the male. Node 1: slot 0 is the female.
        let probabilities = [0.1, 0.9, 0.8, 0.2, 0.7, 0.3, 0.4, 0.6];
        let found = found(&mut model(usize::MAX, 0.2), &probabilities);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].track.as_deref(), Some("female"));
        assert_eq!(found[0].points, [Some([4.0, 4.0]), Some([6.0, 6.0])]);
        assert_eq!(found[0].confidence, [0.8, 0.7]);
        assert_eq!(found[0].score, 1.5);
        assert_eq!(found[1].track.as_deref(), Some("male"));
        assert_eq!(found[1].points, [Some([2.0, 2.0]), Some([8.0, 8.0])]);
    }

    #[test]
    fn a_peak_that_did_not_get_its_own_best_identity_is_dropped() {
        // Both peaks of node 0 are rather the male: one gets it, the other nothing.
        let probabilities = [0.1, 0.9, 0.3, 0.7, 0.0, 1.0, 0.0, 1.0];
        let found = found(&mut model(usize::MAX, 0.2), &probabilities);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].track.as_deref(), Some("male"));
        assert_eq!(found[0].points[0], Some([2.0, 2.0]));
    }

    #[test]
    fn the_threshold_comes_before_the_matching() {
        // Without the 0.6 the female has no second node.
        let probabilities = [0.1, 0.9, 0.8, 0.2, 0.3, 0.7, 0.9, 0.1];
        let found = found(&mut model(usize::MAX, 0.6), &probabilities);
        assert_eq!(found[0].points, [Some([4.0, 4.0]), None]);
        assert!(found[0].confidence[1].is_nan());
        assert_eq!(found[0].score, 0.8);
    }

    #[test]
    fn the_best_are_kept_when_there_are_too_many() {
        let probabilities = [0.1, 0.9, 0.8, 0.2, 0.7, 0.3, 0.4, 0.6];
        let all = found(&mut model(2, 0.2), &probabilities);
        assert_eq!(all.len(), 2);
        // Without the 0.6 the scores are 1.5 and 0.9.
        let one = found(&mut model(1, 0.65), &probabilities);
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].track.as_deref(), Some("female"));
    }
}
