//! Single-instance models: the best place for each node in the whole frame.
//!
//! Outputs: `peaks` `[B, N, 2]` (x, y; NaN below the threshold of the export) and `peak_vals`
//! `[B, N]`.

use super::Decode;
use crate::{
    prediction::Instance,
    preprocess::Fit,
    session::{Outlet, SessionError, Tensors},
};

/// The post-processing of single-instance models.
#[derive(Debug)]
pub(crate) struct SingleInstance {
    nodes: usize,
    peak_threshold: f32,
}

impl SingleInstance {
    /// For `nodes` nodes, dropping points whose value is below `peak_threshold`.
    pub(crate) fn new(nodes: usize, peak_threshold: Option<f32>) -> Self {
        Self {
            nodes,
            peak_threshold: peak_threshold.unwrap_or(f32::NEG_INFINITY),
        }
    }
}

impl Decode for SingleInstance {
    fn outputs(&self) -> &'static [Outlet] {
        &[
            Outlet {
                name: "peaks",
                rank: 3,
            },
            Outlet {
                name: "peak_vals",
                rank: 2,
            },
        ]
    }

    fn check(&self, tensors: &Tensors<'_>) -> Result<(), SessionError> {
        let batch = tensors.batch();
        tensors.expect("peaks", &[batch, self.nodes, 2])?;
        tensors.expect("peak_vals", &[batch, self.nodes])
    }

    fn decode(
        &self,
        tensors: &Tensors<'_>,
        index: usize,
        fit: &Fit,
    ) -> Result<Vec<Instance>, SessionError> {
        let peaks = tensors.f32("peaks")?;
        let values = tensors.f32("peak_vals")?;
        let peaks = &peaks[index * self.nodes * 2..][..self.nodes * 2];
        let values = &values[index * self.nodes..][..self.nodes];
        Ok(instance(peaks, values, self.peak_threshold, fit)
            .into_iter()
            .collect())
    }
}

/// One instance, or none where no node was found.
///
/// A value below `threshold` counts as zero, as in a graph that was exported with that threshold.
fn instance(peaks: &[f32], values: &[f32], threshold: f32, fit: &Fit) -> Option<Instance> {
    let mut points = Vec::with_capacity(values.len());
    let mut confidence = values.to_vec();
    for (xy, value) in peaks.chunks_exact(2).zip(&mut confidence) {
        if *value < threshold {
            *value = 0.0;
            points.push(None);
            continue;
        }
        let found = xy[0].is_finite() && xy[1].is_finite();
        points.push(found.then(|| fit.to_frame([xy[0], xy[1]])));
    }
    if points.iter().all(Option::is_none) {
        return None;
    }
    Some(Instance {
        points,
        score: confidence.iter().filter(|value| !value.is_nan()).sum(),
        confidence,
        track: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameView;

    const NAN: f32 = f32::NAN;
    const ANY: f32 = f32::NEG_INFINITY;

    /// Twice as large as the model's input.
    fn fit() -> Fit {
        let frame = FrameView::new(4, 4, 1, &[0; 16]).expect("a frame");
        Fit::new(&frame, [2, 2])
    }

    #[test]
    fn points_are_in_the_frame_s_pixels_and_the_score_is_the_sum() {
        let found = instance(&[1.0, 0.5, 0.0, 2.0], &[0.9, 0.3], ANY, &fit()).expect("an animal");
        assert_eq!(found.points, [Some([2.0, 1.0]), Some([0.0, 4.0])]);
        assert_eq!(found.confidence, [0.9, 0.3]);
        assert!((found.score - 1.2).abs() < 1e-6);
    }

    #[test]
    fn a_missing_node_keeps_its_place() {
        let found = instance(&[NAN, NAN, 1.0, 1.0], &[0.0, 0.8], ANY, &fit()).expect("an animal");
        assert_eq!(found.points, [None, Some([2.0, 2.0])]);
        assert_eq!(found.score, 0.8);
    }

    #[test]
    fn no_node_is_no_instance() {
        assert_eq!(instance(&[NAN; 4], &[0.1, 0.1], ANY, &fit()), None);
        assert_eq!(instance(&[f32::INFINITY, 0.0], &[0.9], ANY, &fit()), None);
    }

    #[test]
    fn values_that_are_no_numbers_do_not_spoil_the_score() {
        let found = instance(&[1.0, 1.0, 1.0, 1.0], &[0.5, NAN], ANY, &fit()).expect("an animal");
        assert_eq!(found.score, 0.5);
        assert!(found.confidence[1].is_nan());
    }

    #[test]
    fn values_below_the_threshold_count_for_nothing() {
        let peaks = [1.0, 1.0, 1.0, 1.0];
        let found = instance(&peaks, &[0.5, 0.49], 0.5, &fit()).expect("an animal");
        assert_eq!(found.points, [Some([2.0, 2.0]), None]);
        assert_eq!(found.confidence, [0.5, 0.0]);
        assert_eq!(found.score, 0.5);
        assert_eq!(instance(&peaks, &[0.5, 0.49], 0.6, &fit()), None);
    }
}
