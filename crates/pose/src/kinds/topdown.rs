//! Top-down models: centroids, then the nodes in a crop around each.
//!
//! Outputs: those of a centroid model and `peaks` `[B, I, N, 2]` (in the frame, not in the crop;
//! NaN below the threshold of the export) and `peak_vals` `[B, I, N]`. One instance per valid slot
//! with any point; its score is the sum of the values.

use super::{Capacity, Decode, PostprocessOptions, points, slots::CentroidSlots};
use crate::{
    outputs::{FrameOutputs, OutputTensors, RequiredOutput, TensorError},
    prediction::Instance,
    preprocess::InputFit,
};

/// The post-processing of top-down models.
#[derive(Debug)]
pub(crate) struct TopDown {
    nodes: usize,
    settings: PostprocessOptions,
    /// I, once a batch was checked.
    slots: usize,
}

impl TopDown {
    /// For `nodes` nodes, with the threshold and the maximum of `settings`.
    pub(crate) fn new(nodes: usize, settings: PostprocessOptions) -> Self {
        Self {
            nodes,
            settings,
            slots: 0,
        }
    }
}

impl Decode for TopDown {
    fn outputs(&self) -> &'static [RequiredOutput] {
        const {
            &[
                RequiredOutput::f32("centroids", 3),
                RequiredOutput::f32("centroid_vals", 2),
                RequiredOutput::bool("instance_valid", 2),
                RequiredOutput::f32("peaks", 4),
                RequiredOutput::f32("peak_vals", 3),
            ]
        }
    }

    fn check(&mut self, tensors: &OutputTensors) -> Result<(), TensorError> {
        self.slots = Crops::check(tensors, self.nodes)?;
        Ok(())
    }

    fn capacity(&self) -> Capacity {
        Capacity::Crops {
            slots: self.slots,
            identities: None,
        }
    }

    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &InputFit,
    ) -> Result<Vec<Instance>, TensorError> {
        let crops = Crops::read(frame, self.nodes)?;
        Ok(instances(&crops, &self.settings, fit))
    }
}

/// One frame's crops.
#[derive(Debug)]
pub(super) struct Crops<'a> {
    pub(super) slots: CentroidSlots<'a>,
    /// `[I, N, 2]`.
    pub(super) peaks: &'a [f32],
    /// `[I, N]`.
    pub(super) values: &'a [f32],
    /// N.
    pub(super) nodes: usize,
}

impl<'a> Crops<'a> {
    /// A frame of a checked batch.
    pub(super) fn read(frame: &FrameOutputs<'a>, nodes: usize) -> Result<Self, TensorError> {
        Ok(Self {
            slots: CentroidSlots::read(frame)?,
            peaks: frame.f32("peaks")?,
            values: frame.f32("peak_vals")?,
            nodes,
        })
    }

    /// Checks the outputs' shapes and gives the number of slots.
    pub(super) fn check(tensors: &OutputTensors, nodes: usize) -> Result<usize, TensorError> {
        let slots = CentroidSlots::check(tensors)?;
        tensors.expect("peaks", &[slots, nodes, 2])?;
        tensors.expect("peak_vals", &[slots, nodes])?;
        Ok(slots)
    }

    /// The instance in `slot`, if it has any point.
    pub(super) fn instance(&self, slot: usize, threshold: f32, fit: &InputFit) -> Option<Instance> {
        let peaks = &self.peaks[slot * self.nodes * 2..][..self.nodes * 2];
        let values = &self.values[slot * self.nodes..][..self.nodes];
        points::instance(peaks, values, threshold, fit)
    }
}

pub(super) fn instances(
    crops: &Crops<'_>,
    settings: &PostprocessOptions,
    fit: &InputFit,
) -> Vec<Instance> {
    let threshold = settings.peak_threshold;
    crops
        .slots
        .filled(threshold, settings.max_instances)
        .filter_map(|slot| crops.instance(slot, threshold, fit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::testing::fit_of_two, *};

    const NAN: f32 = f32::NAN;

    /// Slot 0 has one of two points, slot 1 none, slot 2 both, slot 3 is empty.
    const CROPS: Crops<'static> = Crops {
        slots: CentroidSlots {
            centroids: &[0.0; 8],
            values: &[0.9, 0.8, 0.7, -1e9],
            valid: &[true, true, true, false],
        },
        peaks: &[
            1.0, 2.0, NAN, NAN, NAN, NAN, NAN, NAN, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0, 0.0, 0.0,
        ],
        values: &[0.5, 0.0, 0.0, 0.0, 0.6, 0.3, 0.0, 0.0],
        nodes: 2,
    };

    fn found(settings: &PostprocessOptions) -> Vec<Instance> {
        instances(&CROPS, settings, &fit_of_two())
    }

    #[test]
    fn filled_slots_with_points_are_instances() {
        let found = found(&PostprocessOptions::default());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].points, [Some([2.0, 4.0]), None]);
        assert_eq!(found[0].score, 0.5);
        assert_eq!(found[1].points, [Some([6.0, 8.0]), Some([10.0, 12.0])]);
        assert!((found[1].score - 0.9).abs() < 1e-6);
    }

    #[test]
    fn the_maximum_counts_crops_as_sleap_nn_does() {
        let most = |max_instances| PostprocessOptions {
            max_instances,
            ..PostprocessOptions::default()
        };
        // The second crop has no point: it takes its place all the same.
        assert_eq!(found(&most(2)).len(), 1);
        assert_eq!(found(&most(3)).len(), 2);
    }

    #[test]
    fn the_threshold_is_for_centroids_and_for_points() {
        let above = |peak_threshold| PostprocessOptions {
            peak_threshold,
            ..PostprocessOptions::default()
        };
        let strict = found(&above(0.4));
        assert_eq!(strict[1].points, [Some([6.0, 8.0]), None]);
        assert_eq!(found(&above(0.75)), []);
    }
}
