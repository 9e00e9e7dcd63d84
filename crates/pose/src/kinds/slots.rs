//! The centroids that centroid and top-down graphs find, best first.

use crate::outputs::{FrameOutputs, OutputTensors, TensorError};

/// One frame's centroid slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct CentroidSlots<'a> {
    /// `[I, 2]`: x, y.
    pub(super) centroids: &'a [f32],
    /// `[I]`, in descending order, because the graph sorts them.
    pub(super) values: &'a [f32],
    /// `[I]`: whether the slot holds a centroid.
    pub(super) valid: &'a [bool],
}

impl<'a> CentroidSlots<'a> {
    /// A frame of a checked batch.
    pub(super) fn read(frame: &FrameOutputs<'a>) -> Result<Self, TensorError> {
        Ok(Self {
            centroids: frame.f32("centroids")?,
            values: frame.f32("centroid_vals")?,
            valid: frame.bool("instance_valid")?,
        })
    }

    /// Checks the outputs' shapes and gives the number of slots.
    pub(super) fn check(tensors: &OutputTensors) -> Result<usize, TensorError> {
        let slots = tensors.length("instance_valid", 1)?;
        tensors.expect("instance_valid", &[slots])?;
        tensors.expect("centroids", &[slots, 2])?;
        tensors.expect("centroid_vals", &[slots])?;
        Ok(slots)
    }

    /// The slots with an animal: those above `threshold`, the best `most` of them.
    pub(super) fn filled(self, threshold: f32, most: usize) -> impl Iterator<Item = usize> + 'a {
        let filled = move |slot: &usize| self.valid[*slot] && self.values[*slot] > threshold;
        (0..self.valid.len()).filter(filled).take(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_valid_slots_above_the_threshold_are_filled() {
        let slots = CentroidSlots {
            centroids: &[0.0; 10],
            values: &[0.9, 0.8, 0.5, 0.4, -1e9],
            valid: &[true, false, true, true, false],
        };
        for (threshold, most, filled) in [
            (f32::NEG_INFINITY, usize::MAX, &[0, 2, 3][..]),
            (f32::NEG_INFINITY, 2, &[0, 2]),
            (f32::NEG_INFINITY, 0, &[]),
            // The threshold itself is not above it.
            (0.4, usize::MAX, &[0, 2]),
            (0.6, usize::MAX, &[0]),
            (0.9, usize::MAX, &[]),
        ] {
            let found: Vec<_> = slots.filled(threshold, most).collect();
            assert_eq!(found, filled, "{threshold} {most}");
        }
    }
}
