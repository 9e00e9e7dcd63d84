//! One track of boxes.

use std::collections::BTreeMap;

use crate::mot::boxes::{Box4, center};
use crate::mot::detections::BoxDetection;
use crate::mot::kalman::BoxState;
use crate::mot::options::KalmanKind;

/// What a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrackPhase {
    /// Without a number so far.
    Tentative,
    /// Seen in the last frame.
    Confirmed,
    /// With a number, and not seen in the last frame.
    Lost,
}

/// The state at the first step of a gap, and that step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrozenState {
    pub(crate) state: BoxState,
    pub(crate) step: i64,
}

/// One track.
#[derive(Debug, Clone)]
pub(crate) struct MotTrack {
    pub(crate) phase: TrackPhase,
    pub(crate) state: BoxState,
    /// The first frame, and the last one with a detection.
    pub(crate) start_frame: i64,
    pub(crate) last_frame: i64,
    /// The step of the last detection.
    pub(crate) step: i64,
    /// The last detection.
    pub(crate) last: BoxDetection,
    /// The filter's centre when it was taken.
    pub(crate) center_at_update: [f64; 2],
    pub(crate) hits: u32,
    pub(crate) hit_streak: u32,
    pub(crate) steps_since_update: u32,
    /// The boxes of the last steps; `ocsort` alone keeps them.
    pub(crate) observations: BTreeMap<i64, Box4>,
    /// The box of the last match; `None` until there was one.
    pub(crate) last_observation: Option<Box4>,
    /// Direction of motion: y and x, of length 1 or 0.
    pub(crate) direction: Option<[f64; 2]>,
    pub(crate) frozen: Option<FrozenState>,
    /// The number.
    pub(crate) public_id: Option<u32>,
    /// Its detections so far, where they get the number once it has one.
    pub(crate) members: Vec<Member>,
}

/// A detection of a track that has no number yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// Frames that were tracked before its own.
    pub(crate) frame: usize,
    pub(crate) detection: usize,
    pub(crate) score: f64,
}

impl MotTrack {
    /// A track that begins with a detection.
    pub(crate) fn begin(
        detection: &BoxDetection,
        kalman: KalmanKind,
        frame: i64,
        step: i64,
        hits: u32,
    ) -> Self {
        let state = kalman.initiate(&detection.bounds);
        Self {
            phase: TrackPhase::Tentative,
            center_at_update: [state.mean[0], state.mean[1]],
            state,
            start_frame: frame,
            last_frame: frame,
            step,
            last: detection.clone(),
            hits,
            hit_streak: hits,
            steps_since_update: 0,
            observations: BTreeMap::new(),
            last_observation: None,
            direction: None,
            frozen: None,
            public_id: None,
            members: Vec::new(),
        }
    }

    /// The box some steps ago, the farthest of the last `delta_t` that there is.
    pub(crate) fn previous_box(&self, step: i64, delta_t: u32) -> Option<Box4> {
        let ago = (1..=i64::from(delta_t)).rev();
        ago.filter_map(|ago| self.observations.get(&(step - ago)).copied())
            .next()
            .or(self.last_observation)
    }

    /// Keeps a box and the direction to it.
    pub(crate) fn remember(&mut self, bounds: Box4, step: i64, delta_t: u32) {
        if self.last_observation.is_some()
            && let Some(previous) = self.previous_box(step, delta_t)
        {
            self.direction = Some(direction(center(&previous), center(&bounds)));
        }
        self.observations.insert(step, bounds);
        while self.observations.len() > 2 * delta_t as usize + 1 {
            self.observations.pop_first();
        }
    }
}

/// From one point to another: y and x, of length 1, or 0 where the points are equal.
pub(crate) fn direction(from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = dy.hypot(dx);
    if length.is_finite() && length > 0.0 {
        [dy / length, dx / length]
    } else {
        [0.0, 0.0]
    }
}
