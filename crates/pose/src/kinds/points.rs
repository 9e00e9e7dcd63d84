//! From the best place of each node to an instance.

use crate::{prediction::Instance, preprocess::InputFit};

/// One instance of `peaks` `[N, 2]` (x, y; NaN where the graph found nothing) and `values` `[N]`,
/// or none where no node was found.
///
/// A value below `threshold` counts as zero, as in a graph that was exported with that threshold.
/// The score is the sum of the values.
pub(super) fn instance(
    peaks: &[f32],
    values: &[f32],
    threshold: f32,
    fit: &InputFit,
) -> Option<Instance> {
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
    use super::{super::testing::fit_of_two as fit, *};

    const NAN: f32 = f32::NAN;
    const ANY: f32 = f32::NEG_INFINITY;

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
