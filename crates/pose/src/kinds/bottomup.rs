//! Bottom-up models: all peaks of all nodes, and scores of the lines between them.
//!
//! Outputs: `peaks` `[B, N, k, 2]`, `peak_vals` and `peak_mask` `[B, N, k]`, `line_scores` and
//! `candidate_mask` `[B, E, k * k]`. The graph leaves `input_scale` in its points: they are divided
//! by it. One instance per group (see [`super::grouping`]); its score is the sum of its lines'.
//! Peaks without a line are dropped.

use super::{
    Capacity, Decode, PostprocessOptions,
    grouping::{Grouper, LineScores, PeakGroup},
};
use crate::{
    outputs::{FrameOutputs, OutputTensors, RequiredOutput, TensorError},
    prediction::Instance,
    preprocess::InputFit,
};

/// The post-processing of bottom-up models.
#[derive(Debug)]
pub(crate) struct BottomUp {
    nodes: usize,
    settings: PostprocessOptions,
    input_scale: f32,
    grouper: Grouper,
    /// k, once a batch was checked.
    slots: usize,
}

impl BottomUp {
    /// For a skeleton of `nodes` nodes; none if its edges have no root to begin with.
    pub(crate) fn new(
        nodes: usize,
        edges: &[[u32; 2]],
        input_scale: f32,
        settings: PostprocessOptions,
    ) -> Option<Self> {
        let (peak, line) = (settings.peak_threshold, settings.min_line_scores);
        Some(Self {
            nodes,
            grouper: Grouper::new(nodes, edges, peak, line)?,
            settings,
            input_scale,
            slots: 0,
        })
    }
}

impl Decode for BottomUp {
    fn outputs(&self) -> &'static [RequiredOutput] {
        const {
            &[
                RequiredOutput::f32("peaks", 4),
                RequiredOutput::f32("peak_vals", 3),
                RequiredOutput::bool("peak_mask", 3),
                RequiredOutput::f32("line_scores", 3),
                RequiredOutput::bool("candidate_mask", 3),
            ]
        }
    }

    fn check(&mut self, tensors: &OutputTensors) -> Result<(), TensorError> {
        self.slots = tensors.length("peak_mask", 2)?;
        let peaks = [self.nodes, self.slots];
        tensors.expect("peak_mask", &peaks)?;
        tensors.expect("peak_vals", &peaks)?;
        tensors.expect("peaks", &[self.nodes, self.slots, 2])?;
        let lines = [self.grouper.edges(), self.slots * self.slots];
        tensors.expect("line_scores", &lines)?;
        tensors.expect("candidate_mask", &lines)
    }

    fn capacity(&self) -> Capacity {
        Capacity::Peaks {
            slots: self.slots,
            identities: None,
        }
    }

    fn decode(
        &mut self,
        frame: &FrameOutputs<'_>,
        fit: &InputFit,
    ) -> Result<Vec<Instance>, TensorError> {
        let lines = LineScores {
            values: frame.f32("peak_vals")?,
            mask: frame.bool("peak_mask")?,
            scores: frame.f32("line_scores")?,
            candidates: frame.bool("candidate_mask")?,
            slots: self.slots,
        };
        Ok(self.instances(frame.f32("peaks")?, &lines, fit))
    }
}

impl BottomUp {
    /// The instances of a frame with `peaks` `[N, k, 2]`.
    pub(super) fn instances(
        &mut self,
        peaks: &[f32],
        lines: &LineScores<'_>,
        fit: &InputFit,
    ) -> Vec<Instance> {
        let Self {
            grouper,
            settings,
            input_scale,
            nodes,
            ..
        } = self;
        let fewest = fewest_points(settings.min_instance_peaks, *nodes);
        let mut instances: Vec<_> = grouper
            .group(lines)
            .filter(|group| group.slots.iter().flatten().count() as f32 >= fewest)
            .map(|group| instance(&group, peaks, lines, *input_scale, fit))
            .collect();
        if instances.len() > settings.max_instances {
            instances.sort_by(|a, b| b.score.total_cmp(&a.score));
            instances.truncate(settings.max_instances);
        }
        instances
    }
}

/// `min_instance_peaks` as a number of points.
fn fewest_points(setting: f32, nodes: usize) -> f32 {
    if setting <= 1.0 {
        (setting * nodes as f32).floor()
    } else {
        setting
    }
}

fn instance(
    group: &PeakGroup<'_>,
    peaks: &[f32],
    lines: &LineScores<'_>,
    input_scale: f32,
    fit: &InputFit,
) -> Instance {
    let nodes = group.slots.len();
    let mut instance = Instance {
        points: Vec::with_capacity(nodes),
        confidence: Vec::with_capacity(nodes),
        score: group.score,
        track: None,
    };
    for (node, slot) in group.slots.iter().enumerate() {
        let at = slot.map(|slot| node * lines.slots + slot);
        let point = |at: usize| [peaks[2 * at], peaks[2 * at + 1]].map(|n| n / input_scale);
        let found = |[x, y]: &[f32; 2]| x.is_finite() && y.is_finite();
        let point = at.map(point).filter(found);
        instance.points.push(point.map(|point| fit.to_frame(point)));
        let confidence = at.map_or(f32::NAN, |at| lines.values[at]);
        instance.confidence.push(confidence);
    }
    instance
}

#[cfg(test)]
mod tests {
    use super::{super::testing::fit_of_two, *};

    /// Three nodes in a chain, two slots a node: animal A in the first slots, B in the second.
    const PEAKS: [f32; 12] = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 6.0];
    const CHAIN: [[u32; 2]; 2] = [[0, 1], [1, 2]];
    const LINES: LineScores<'static> = LineScores {
        values: &[0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
        mask: &[true; 6],
        scores: &[0.5, 0.1, 0.1, 0.9, 0.5, 0.1, 0.1, 0.9],
        candidates: &[true; 8],
        slots: 2,
    };

    fn found(
        settings: PostprocessOptions,
        input_scale: f32,
        lines: &LineScores<'_>,
    ) -> Vec<Instance> {
        let mut model = BottomUp::new(3, &CHAIN, input_scale, settings).expect("a root");
        model.instances(&PEAKS, lines, &fit_of_two())
    }

    #[test]
    fn groups_are_instances_with_the_sum_of_their_lines_for_a_score() {
        let found = found(PostprocessOptions::default(), 1.0, &LINES);
        assert_eq!(found.len(), 2);
        let points = [[2.0; 2], [6.0; 2], [10.0; 2]].map(Some);
        assert_eq!(found[0].points, points);
        assert_eq!(found[0].confidence, [0.9, 0.7, 0.5]);
        assert_eq!((found[0].score, found[1].score), (1.0, 1.8));
    }

    #[test]
    fn the_input_scale_is_divided_out() {
        let found = found(PostprocessOptions::default(), 0.5, &LINES);
        assert_eq!(found[0].points[0], Some([4.0, 4.0]));
    }

    #[test]
    fn missing_nodes_and_lone_peaks() {
        // No last node in slot 0, and only a weak line to A's second: A is one lone peak then.
        let lines = LineScores {
            mask: &[true, true, true, true, false, true],
            scores: &[0.2, 0.1, 0.1, 0.9, 0.5, 0.1, 0.1, 0.9],
            ..LINES
        };
        let found = found(PostprocessOptions::default(), 1.0, &lines);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].points[0], Some([4.0, 4.0]));

        let lines = LineScores {
            mask: &[true, true, true, true, false, true],
            ..LINES
        };
        let found = super::tests::found(PostprocessOptions::default(), 1.0, &lines);
        assert_eq!(found[0].points[2], None);
        assert!(found[0].confidence[2].is_nan());
    }

    #[test]
    fn the_best_are_kept_when_there_are_too_many() {
        let most = |max_instances| PostprocessOptions {
            max_instances,
            ..PostprocessOptions::default()
        };
        let best = found(most(1), 1.0, &LINES);
        assert_eq!(best.len(), 1);
        assert_eq!(best[0].score, 1.8);
        // Enough room: the order stays.
        assert_eq!(found(most(2), 1.0, &LINES)[0].score, 1.0);
    }

    #[test]
    fn small_instances_are_dropped_by_number_or_share() {
        let lines = LineScores {
            mask: &[true, true, true, true, false, true],
            ..LINES
        };
        for (min_instance_peaks, left) in [
            (0.0, 2),
            (0.9, 2), // 2.7 of 3 nodes, rounded down
            (1.0, 1),
            (2.0, 2),
            (3.0, 1),
            (4.0, 0),
        ] {
            let settings = PostprocessOptions {
                min_instance_peaks,
                ..PostprocessOptions::default()
            };
            let found = found(settings, 1.0, &lines);
            assert_eq!(found.len(), left, "{min_instance_peaks}");
        }
    }
}
