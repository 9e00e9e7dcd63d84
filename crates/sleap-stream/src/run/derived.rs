//! Poses that are given beside the measured ones.

use protocol::{AheadPoses, DerivedPoses, FrameId, Prediction, SmoothPoses};
use tracking::{DerivedInstances, Nodes, PosePredictor, PoseSmoother};

use crate::config::{AheadTime, Config};

/// Computes poses from those of successive frames.
pub(crate) struct PoseDeriver {
    predictor: Option<(PosePredictor, AheadTime)>,
    smoother: Option<PoseSmoother>,
    newest: Option<FrameId>,
}

impl PoseDeriver {
    /// What the options name; `None` where that is nothing.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        if config.ahead.is_none() && config.smooth.is_none() {
            return None;
        }
        Some(Self {
            predictor: config.ahead.map(|by| (PosePredictor::default(), by)),
            smoother: config.smooth.map(PoseSmoother::new),
            newest: None,
        })
    }

    /// The poses beside those of a frame. `captured_us`: when it was captured; `age_us`: how old its poses
    /// are by now. A frame that comes after a newer one has none.
    pub(crate) fn frame(
        &mut self,
        prediction: &Prediction,
        captured_us: Option<u64>,
        age_us: u64,
    ) -> DerivedPoses {
        let is_late = self
            .newest
            .is_some_and(|newest| prediction.frame_id <= newest);
        let Some(captured_us) = captured_us.filter(|_| !is_late) else {
            return DerivedPoses::default();
        };
        self.newest = Some(prediction.frame_id);
        let time_s = captured_us as f64 / 1e6;
        let keys = keys(prediction);
        let instances: Vec<Nodes> = prediction.instances.iter().map(|it| nodes(it)).collect();
        let ahead = self.predictor.as_mut().map(|(predictor, by)| {
            let by_s = by.seconds(age_us).min(tracking::MAX_AHEAD_S);
            ahead(predictor.frame(time_s, &keys, &instances, by_s), by_s)
        });
        let smooth = self
            .smoother
            .as_mut()
            .map(|smoother| smooth(smoother.frame(time_s, &keys, &instances)));
        DerivedPoses {
            ahead,
            smooth,
            ..DerivedPoses::default()
        }
    }
}

/// Which animal each instance is: by its track, or the only one.
fn keys(prediction: &Prediction) -> Vec<Option<String>> {
    match (prediction.tracks.is_empty(), prediction.instances.len()) {
        (true, 1) => vec![Some(String::new())],
        (true, count) => vec![None; count],
        (false, _) => prediction.tracks.clone(),
    }
}

fn nodes(points: &[Option<[f32; 2]>]) -> Nodes {
    let node = |point: &Option<[f32; 2]>| point.map_or([f64::NAN; 2], |xy| xy.map(f64::from));
    points.iter().map(node).collect()
}

fn ahead(derived: DerivedInstances, by_s: f64) -> AheadPoses {
    let sd = |row: &Vec<Option<f64>>| row.iter().map(|sd| sd.map(|sd| sd as f32)).collect();
    AheadPoses {
        by_ms: by_s * 1e3,
        instances: points(&derived),
        sd: derived.sd.iter().map(sd).collect(),
        bridged: bridged(derived),
    }
}

fn smooth(derived: DerivedInstances) -> SmoothPoses {
    SmoothPoses {
        instances: points(&derived),
        bridged: bridged(derived),
    }
}

fn points(derived: &DerivedInstances) -> Vec<Vec<Option<[f32; 2]>>> {
    let finite = |xy: &[f32; 2]| xy.iter().all(|value| value.is_finite());
    let narrow = |point: &Option<[f64; 2]>| {
        let narrowed = point.map(|xy| xy.map(|value| value as f32));
        narrowed.filter(finite)
    };
    let rows = derived.points.iter();
    rows.map(|row| row.iter().map(narrow).collect()).collect()
}

/// Empty where nothing is bridged.
fn bridged(derived: DerivedInstances) -> Vec<Vec<bool>> {
    match derived.has_bridged() {
        true => derived.bridged,
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn deriver(ahead: AheadTime) -> PoseDeriver {
        PoseDeriver {
            predictor: Some((PosePredictor::default(), ahead)),
            smoother: None,
            newest: None,
        }
    }

    fn frame(deriver: &mut PoseDeriver, frame_id: FrameId, x: f32) -> DerivedPoses {
        let prediction = Prediction {
            frame_id,
            instances: vec![vec![Some([x, 5.0])]],
            ..Prediction::default()
        };
        deriver.frame(
            &prediction,
            Some(1_700_000_000_000_000 + frame_id * 20_000),
            40_000,
        )
    }

    #[test]
    fn a_pose_is_carried_on_by_its_age_and_the_delay_of_what_acts() {
        let delay = Duration::from_millis(10);
        let mut deriver = deriver(AheadTime::Age { delay });
        let mut last = DerivedPoses::default();
        for frame_id in 0..40 {
            last = frame(&mut deriver, frame_id, 2.0 * frame_id as f32);
        }
        let ahead = last.ahead.unwrap();
        assert!((ahead.by_ms - 50.0).abs() < 1e-6);
        let [x, _] = ahead.instances[0][0].unwrap();
        assert!((x - 83.0).abs() < 0.3, "{x}");
        assert!(ahead.bridged.is_empty() && last.smooth.is_none());
    }

    #[test]
    fn a_frame_that_comes_late_has_none() {
        let mut deriver = deriver(AheadTime::Fixed(Duration::from_millis(60)));
        assert!(frame(&mut deriver, 5, 1.0).ahead.is_some());
        assert!(frame(&mut deriver, 4, 1.0).ahead.is_none());
        let untimed = Prediction {
            frame_id: 6,
            ..Prediction::default()
        };
        assert!(deriver.frame(&untimed, None, 0).ahead.is_none());
    }
}
