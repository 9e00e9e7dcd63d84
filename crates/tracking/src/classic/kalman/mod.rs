//! Where each track is expected: a constant-velocity Kalman filter for each, fitted to its first
//! frames.
//!
//! Until [`KalmanOptions::init_frame_count`] frames have been seen, detections are compared with
//! earlier ones as they are; then with the last pose of each track, moved towards the prediction.

mod filter;
mod fit;
mod inverse;
mod pose;

use std::collections::HashMap;

use crate::classic::candidates::{Candidates, Observed, TrackId};
use crate::classic::features::Feature;
use crate::classic::options::{Features, KalmanOptions};
use filter::{Belief, PointFilter};
use pose::TrackedNodes;

/// The filters of all tracks.
pub(crate) struct KalmanMotion {
    options: KalmanOptions,
    tracks: HashMap<TrackId, History>,
    nodes: Option<TrackedNodes>,
    n_nodes: Option<usize>,
    frames_seen: usize,
}

/// What is known of one track.
#[derive(Default)]
struct History {
    /// The last detections, the oldest first.
    observed: Vec<Observed>,
    fitted: Option<Fitted>,
    /// Detections up to this frame are not used to fit the filter again.
    reset_frame: Option<i64>,
}

/// A filter and its state.
struct Fitted {
    filter: PointFilter,
    belief: Belief,
    corrected_frame: i64,
    /// The last frame whose detection was near enough.
    seen_frame: i64,
    velocity_cap: f64,
    gate: f64,
}

impl KalmanMotion {
    pub(crate) fn new(options: KalmanOptions) -> Self {
        Self {
            options,
            tracks: HashMap::new(),
            nodes: None,
            n_nodes: None,
            frames_seen: 0,
        }
    }

    /// Takes the newest detection of each track.
    pub(crate) fn observe(&mut self, candidates: &Candidates) {
        let kept = self.options.init_frame_count.max(MIN_FIT_FRAMES);
        let tracks = candidates.tracks();
        self.tracks.retain(|track, _| tracks.contains(track));
        for track in tracks {
            let newest = candidates
                .of_track(track)
                .into_iter()
                .reduce(|newest, other| {
                    if other.frame > newest.frame {
                        other
                    } else {
                        newest
                    }
                });
            let Some(newest) = newest else { continue };
            let observed = &mut self.tracks.entry(track).or_default().observed;
            if observed
                .last()
                .is_some_and(|last| last.frame >= newest.frame)
            {
                continue;
            }
            self.n_nodes.get_or_insert(newest.points.len());
            if observed.len() == kept {
                observed.remove(0);
            }
            observed.push(newest);
        }
    }

    /// What the detections of a frame are compared with, track by track.
    pub(crate) fn candidates(
        &mut self,
        frame: i64,
        candidates: &Candidates,
        features: Features,
    ) -> Vec<Vec<Observed>> {
        if self.nodes.is_none() {
            self.frames_seen += 1;
            if self.frames_seen >= self.options.init_frame_count {
                let nodes = TrackedNodes::new(&self.options, self.n_nodes.unwrap_or(0));
                for history in self.tracks.values_mut().filter(|_| !nodes.is_empty()) {
                    history.fit(&nodes, &self.options);
                }
                self.nodes = Some(nodes);
            }
        }
        let tracks = candidates.tracks();
        let Some(nodes) = &self.nodes else {
            return tracks
                .into_iter()
                .map(|track| candidates.of_track(track))
                .collect();
        };
        for history in self.tracks.values_mut() {
            history.reset_if_stale(frame, self.options.reset_gap_size);
            history.correct(nodes);
            if history.fitted.is_none()
                && !nodes.is_empty()
                && history.fresh().len() >= self.options.init_frame_count
            {
                history.fit(nodes, &self.options);
            }
        }
        let expected = |track: TrackId| {
            let history = self.tracks.get(&track)?;
            history.expected(frame, nodes, &self.options, features)
        };
        let of_track = |track| match expected(track) {
            Some(expected) => vec![expected],
            None => candidates.of_track(track),
        };
        tracks.into_iter().map(of_track).collect()
    }
}

/// Frames without a gap that a filter is fitted to, at least.
const MIN_FIT_FRAMES: usize = 3;

impl History {
    /// The detections of successive frames since the last reset, the oldest first.
    fn fresh(&self) -> &[Observed] {
        let usable =
            |observed: &Observed| self.reset_frame.is_none_or(|reset| observed.frame > reset);
        let mut begin = self.observed.len();
        for index in (0..self.observed.len()).rev() {
            let follows = self
                .observed
                .get(index + 1)
                .is_none_or(|next| next.frame - self.observed[index].frame == 1);
            if !follows || !usable(&self.observed[index]) {
                break;
            }
            begin = index;
        }
        &self.observed[begin..]
    }

    /// Fits a filter where there are detections enough.
    fn fit(&mut self, nodes: &TrackedNodes, options: &KalmanOptions) {
        let fresh = self.fresh();
        if fresh.len() < MIN_FIT_FRAMES {
            return;
        }
        let window = &fresh[fresh.len().saturating_sub(options.init_frame_count)..];
        let step = nodes.mean_step(window);
        let velocity_cap = (options.velocity_cap_mult * step).max(options.min_velocity_cap_px);
        let rows: Vec<_> = window
            .iter()
            .map(|o| nodes.measurement(&o.points))
            .collect();
        let last = window.last().map_or(0, |observed| observed.frame);
        self.fitted = fit::fit(&rows, velocity_cap).map(|(filter, belief)| Fitted {
            filter,
            belief,
            corrected_frame: last,
            seen_frame: last,
            velocity_cap,
            gate: (options.gate_step_mult * step).max(options.min_gate_px),
        });
    }

    fn reset_if_stale(&mut self, frame: i64, gap: i64) {
        if self
            .fitted
            .as_ref()
            .is_some_and(|fitted| frame - fitted.seen_frame > gap)
        {
            self.fitted = None;
            self.reset_frame = Some(frame);
        }
    }

    /// Takes the detections since the last correction into the filter.
    fn correct(&mut self, nodes: &TrackedNodes) {
        let Some(fitted) = &mut self.fitted else {
            return;
        };
        for observed in &self.observed {
            if observed.frame > fitted.corrected_frame && !fitted.correct(observed, nodes) {
                break;
            }
        }
    }

    /// The last pose, moved towards the prediction; `None` where the track has no filter.
    fn expected(
        &self,
        frame: i64,
        nodes: &TrackedNodes,
        options: &KalmanOptions,
        features: Features,
    ) -> Option<Observed> {
        let (fitted, last) = (self.fitted.as_ref()?, self.observed.last()?);
        let steps = (frame - fitted.corrected_frame).clamp(1, MAX_STEPS);
        let belief = fitted.ahead(&fitted.belief, steps)?;
        let points = nodes.moved(&last.points, &belief.points(), options.prediction_blend);
        Some(Observed {
            feature: Feature::of(&points, features).into(),
            points: points.into(),
            ..last.clone()
        })
    }
}

/// Frames that are predicted one by one: a track is reset long before.
const MAX_STEPS: i64 = 1000;

impl Fitted {
    /// The belief some frames later; `None` where it is no longer finite.
    fn ahead(&self, belief: &Belief, steps: i64) -> Option<Belief> {
        let mut belief = belief.clone();
        for _ in 0..steps {
            belief = self.filter.predict(&belief);
            belief.cap_velocity(self.velocity_cap);
        }
        belief.is_finite().then_some(belief)
    }

    /// Takes one detection; `false` where that is not possible.
    fn correct(&mut self, observed: &Observed, nodes: &TrackedNodes) -> bool {
        let gap = (observed.frame - self.corrected_frame).clamp(1, MAX_STEPS);
        let Some(before) = self.ahead(&self.belief, gap - 1) else {
            return false;
        };
        let predicted = self.filter.predict(&before);
        let far = nodes.distance(&predicted.points(), &observed.points) > self.gate;
        let mut belief = if far {
            predicted
        } else {
            self.filter
                .correct(&predicted, &nodes.measurement(&observed.points))
        };
        if !belief.is_finite() {
            return false;
        }
        belief.cap_velocity(self.velocity_cap);
        self.belief = belief;
        self.corrected_frame = observed.frame;
        if !far {
            self.seen_frame = observed.frame;
        }
        true
    }
}
