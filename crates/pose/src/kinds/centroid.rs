//! Centroid models: one anchor point an animal.
//!
//! Outputs: `centroids` `[B, I, 2]`, `centroid_vals` `[B, I]` and `instance_valid` `[B, I]`. One
//! instance per valid slot, with the centroid as its only point and the centroid's value as its
//! score. sleap-nn gives a skeleton of one node too, whatever the skeleton of the training is.

use super::{Capacity, Decode, PostprocessOptions, slots::CentroidSlots};
use crate::{
    outputs::{FrameOutputs, OutputTensors, RequiredOutput, TensorError},
    prediction::Instance,
    preprocess::InputFit,
};

/// The post-processing of centroid models.
#[derive(Debug)]
pub(crate) struct Centroid {
    settings: PostprocessOptions,
    /// I, once a batch was checked.
    slots: usize,
}

impl Centroid {
    /// With the threshold and the maximum of `settings`.
    pub(crate) fn new(settings: PostprocessOptions) -> Self {
        Self { settings, slots: 0 }
    }
}

impl Decode for Centroid {
    fn outputs(&self) -> &'static [RequiredOutput] {
        const {
            &[
                RequiredOutput::f32("centroids", 3),
                RequiredOutput::f32("centroid_vals", 2),
                RequiredOutput::bool("instance_valid", 2),
            ]
        }
    }

    fn check(&mut self, tensors: &OutputTensors) -> Result<(), TensorError> {
        self.slots = CentroidSlots::check(tensors)?;
        Ok(())
    }

    fn capacity(&self) -> Capacity {
        Capacity::Centroids { slots: self.slots }
    }

    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &InputFit,
    ) -> Result<Vec<Instance>, TensorError> {
        let slots = CentroidSlots::read(frame)?;
        Ok(instances(slots, &self.settings, fit))
    }
}

pub(super) fn instances(
    slots: CentroidSlots<'_>,
    settings: &PostprocessOptions,
    fit: &InputFit,
) -> Vec<Instance> {
    let instance = |slot: usize| {
        let [x, y] = [slots.centroids[2 * slot], slots.centroids[2 * slot + 1]];
        let value = slots.values[slot];
        (x.is_finite() && y.is_finite()).then(|| Instance {
            points: vec![Some(fit.to_frame([x, y]))],
            confidence: vec![value],
            score: value,
            track: None,
        })
    };
    slots
        .filled(settings.peak_threshold, settings.max_instances)
        .filter_map(instance)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::testing::fit_of_two, *};

    #[test]
    fn every_filled_slot_is_an_instance_of_one_point() {
        let slots = CentroidSlots {
            centroids: &[1.0, 2.0, 3.0, 4.0, f32::NAN, 1.0, 0.0, 0.0],
            values: &[0.9, 0.5, 0.4, -1e9],
            valid: &[true, true, true, false],
        };
        let found = instances(slots, &PostprocessOptions::default(), &fit_of_two());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].points, [Some([2.0, 4.0])]);
        assert_eq!(
            (found[0].score, &found[0].confidence[..]),
            (0.9, &[0.9][..])
        );
        assert_eq!(found[1].points, [Some([6.0, 8.0])]);

        let strict = PostprocessOptions {
            peak_threshold: 0.5,
            ..PostprocessOptions::default()
        };
        assert_eq!(instances(slots, &strict, &fit_of_two()), found[..1]);
        let one = PostprocessOptions {
            max_instances: 1,
            ..PostprocessOptions::default()
        };
        assert_eq!(instances(slots, &one, &fit_of_two()), found[..1]);
    }
}
