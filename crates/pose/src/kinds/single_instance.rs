//! Single-instance models: the best place for each node in the whole frame.
//!
//! Outputs: `peaks` `[B, N, 2]` (x, y; NaN below the threshold of the export) and `peak_vals`
//! `[B, N]`.

use super::Decode;
use crate::{
    prediction::Instance,
    preprocess::Fit,
    session::{Element, Outlet, SessionError, Tensors},
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
                element: Element::F32,
            },
            Outlet {
                name: "peak_vals",
                rank: 2,
                element: Element::F32,
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
fn instance(peaks: &[f32], values: &[f32], threshold: f32, fit: &Fit) -> Option<Instance> {
    let points: Vec<_> = peaks
        .chunks_exact(2)
        .zip(values)
        .map(|(xy, &value)| {
            let found = xy[0].is_finite() && xy[1].is_finite() && value >= threshold;
            found.then(|| fit.to_frame([xy[0], xy[1]]))
        })
        .collect();
    if points.iter().all(Option::is_none) {
        return None;
    }
    Some(Instance {
        points,
        confidence: values.to_vec(),
        score: values.iter().filter(|value| !value.is_nan()).sum(),
        track: None,
    })
}
