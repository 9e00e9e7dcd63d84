//! Centroid models: one anchor point an animal.
//!
//! Outputs: `centroids` `[B, I, 2]`, `centroid_vals` `[B, I]` and `instance_valid` `[B, I]`. One
//! instance per valid slot, with the centroid as its only point and the centroid's value as its
//! score. sleap-nn too answers with a skeleton of one node, whatever the skeleton of the training.

use super::{Capacity, Decode, Settings, slots::Slots};
use crate::{
    outputs::{FrameOutputs, OutputError, OutputSpec, Tensors},
    prediction::Instance,
    preprocess::Fit,
};

/// The post-processing of centroid models.
#[derive(Debug)]
pub(crate) struct Centroid {
    settings: Settings,
    /// I, once a batch was checked.
    slots: usize,
}

impl Centroid {
    /// With the threshold and the maximum of `settings`.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, slots: 0 }
    }
}

impl Decode for Centroid {
    fn outputs(&self) -> &'static [OutputSpec] {
        const {
            &[
                OutputSpec::f32("centroids", 3),
                OutputSpec::f32("centroid_vals", 2),
                OutputSpec::bool("instance_valid", 2),
            ]
        }
    }

    fn check(&mut self, tensors: &Tensors) -> Result<(), OutputError> {
        self.slots = Slots::check(tensors)?;
        Ok(())
    }

    fn capacity(&self) -> Capacity {
        Capacity::Centroids { slots: self.slots }
    }

    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &Fit,
    ) -> Result<Vec<Instance>, OutputError> {
        let slots = Slots::read(frame)?;
        Ok(instances(slots, &self.settings, fit))
    }
}

pub(super) fn instances(slots: Slots<'_>, settings: &Settings, fit: &Fit) -> Vec<Instance> {
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
        let slots = Slots {
            centroids: &[1.0, 2.0, 3.0, 4.0, f32::NAN, 1.0, 0.0, 0.0],
            values: &[0.9, 0.5, 0.4, -1e9],
            valid: &[true, true, true, false],
        };
        let found = instances(slots, &Settings::default(), &fit_of_two());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].points, [Some([2.0, 4.0])]);
        assert_eq!(
            (found[0].score, &found[0].confidence[..]),
            (0.9, &[0.9][..])
        );
        assert_eq!(found[1].points, [Some([6.0, 8.0])]);

        let strict = Settings {
            peak_threshold: 0.5,
            ..Settings::default()
        };
        assert_eq!(instances(slots, &strict, &fit_of_two()), found[..1]);
        let one = Settings {
            max_instances: 1,
            ..Settings::default()
        };
        assert_eq!(instances(slots, &one, &fit_of_two()), found[..1]);
    }
}
