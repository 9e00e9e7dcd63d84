//! The steps of a frame.

use crate::detection::{Assignments, Detection, TrackAssignment};
use crate::mot::associate::Association;
use crate::mot::calibration::Calibration;
use crate::mot::detections::BoxDetection;
use crate::mot::options::{KalmanKind, MotKind, MotOptions};
use crate::mot::stride::Stride;
use crate::mot::track::{FrozenState, Member, MotTrack, TrackPhase};
use crate::mot::tracks::MotTracks;
use crate::mot::{bytetrack, ocsort, replay, sort};

/// A tracker of boxes.
pub(crate) struct MotTracker {
    all: MotTracks,
    next_id: u32,
    last_frame: Option<i64>,
    stride: Stride,
    /// Frames that were tracked.
    frames: usize,
    /// Detections that get a number later than their frame, in a whole video.
    late: Option<Vec<LateAssignment>>,
}

/// The track of a detection of an earlier frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LateAssignment {
    /// Frames that were tracked before its own.
    pub(crate) frame: usize,
    pub(crate) detection: usize,
    pub(crate) track: TrackAssignment,
}

/// Tracks that are kept at most: more can only come from a model that invents animals.
const MAX_TRACKS: usize = 2048;

impl MotTracker {
    /// The options have been checked.
    pub(crate) fn new(options: MotOptions) -> Self {
        Self {
            stride: Stride::new(options.time_base),
            all: MotTracks::new(options),
            next_id: 0,
            last_frame: None,
            frames: 0,
            late: None,
        }
    }

    /// For the frames of a whole video: a track's first detections get its number too.
    pub(crate) fn of_video(calibration: &Calibration) -> Self {
        Self {
            stride: calibration.stride.clone(),
            late: Some(Vec::new()),
            ..Self::new(calibration.options.clone())
        }
    }

    /// What detections of earlier frames got since the last call.
    pub(crate) fn take_late(&mut self) -> Vec<LateAssignment> {
        self.late.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The tracks of the detections of a frame.
    pub(crate) fn track(&mut self, frame: i64, detections: &[Detection]) -> Assignments {
        let size = self.all.body_size();
        let detections: Vec<_> = detections
            .iter()
            .map(|d| BoxDetection::of(d, &self.all.options, size))
            .collect();
        let ordered = self.last_frame.is_none_or(|last| frame > last);
        let steps = self.advance(frame);
        let given = self.all.options.body_size.is_some();
        self.all.body.observe(&detections, given, ordered, steps);
        let association = if detections.is_empty() {
            Association::default()
        } else {
            self.all.resolve_similarity(&detections);
            self.associate(frame, &detections)
        };
        let mut matched = self.apply(&association, frame, &detections);
        self.begin_tracks(&association, frame, &detections, &mut matched);
        self.confirm();
        let confirmed = |track: usize| {
            let track = &self.all.tracks[track];
            (track.phase == TrackPhase::Confirmed).then_some(track.public_id)?
        };
        let assignments = matched.into_iter().map(|matched| {
            let (track, score) = matched?;
            let track = confirmed(track)?;
            Some(TrackAssignment { track, score })
        });
        let assignments: Assignments = assignments.collect();
        self.end_tracks(&association);
        self.frames += 1;
        assignments
    }

    fn associate(&self, frame: i64, detections: &[BoxDetection]) -> Association {
        match self.all.options.kind {
            MotKind::Sort => sort::associate(&self.all, detections),
            MotKind::ByteTrack => bytetrack::associate(&self.all, frame, detections),
            MotKind::OcSort => ocsort::associate(&self.all, detections),
        }
    }

    /// Whether a track without a number ends when it is not seen.
    fn tentative_dies(&self) -> bool {
        self.all.options.kind == MotKind::ByteTrack
    }

    /// Predicts all tracks up to a frame; the number of steps since the last one.
    fn advance(&mut self, frame: i64) -> u32 {
        let Some(last) = self.last_frame.replace(frame) else {
            self.all.step = 0;
            return 0;
        };
        let steps = self.stride.steps(frame.saturating_sub(last));
        let first_step = self.all.step + 1;
        self.all.step += i64::from(steps);
        let (buffer, dies) = (
            self.all.options.track_buffer,
            self.tentative_dies() && steps > 1,
        );
        self.all.tracks.retain(|track| {
            let expired = track.steps_since_update + steps - 1 > buffer;
            let died = dies && track.phase == TrackPhase::Tentative;
            !expired && !died
        });
        for track in &mut self.all.tracks {
            predict(track, &self.all.options, steps, first_step);
        }
        steps
    }

    /// Takes the matches; for each detection the index of its track, and the similarity.
    fn apply(
        &mut self,
        association: &Association,
        frame: i64,
        detections: &[BoxDetection],
    ) -> Vec<Option<(usize, f64)>> {
        let mut matched = vec![None; detections.len()];
        let mut seen = vec![false; self.all.tracks.len()];
        for found in &association.matches {
            let detection = &detections[found.detection];
            if !detection.is_valid() || seen[found.track] || matched[found.detection].is_some() {
                continue;
            }
            seen[found.track] = true;
            matched[found.detection] = Some((found.track, found.similarity.clamp(0.0, 1.0)));
            self.update(found.track, frame, detection);
            self.remember(
                found.track,
                found.detection,
                found.similarity.clamp(0.0, 1.0),
            );
        }
        let step = self.all.step;
        for (index, track) in self.all.tracks.iter_mut().enumerate() {
            if !seen[index] && !association.ended.contains(&index) {
                mark_missed(track, &self.all.options, step);
            }
        }
        matched
    }

    /// Keeps a detection of a track that has no number yet, in a whole video.
    fn remember(&mut self, index: usize, detection: usize, score: f64) {
        let frame = self.frames;
        let track = &mut self.all.tracks[index];
        if self.late.is_some() && track.public_id.is_none() {
            track.members.push(Member {
                frame,
                detection,
                score,
            });
        }
    }

    /// Takes a detection into a track.
    fn update(&mut self, index: usize, frame: i64, detection: &BoxDetection) {
        let (options, step) = (&self.all.options, self.all.step);
        let track = &mut self.all.tracks[index];
        let mut state = track.state;
        if let (Some(frozen), Some(last)) = (track.frozen.take(), track.last_observation) {
            state = replay::replay(
                options.kalman,
                &frozen,
                &last,
                &detection.bounds,
                track.step,
                step,
            );
        }
        track.state = options.kalman.update(&state, &detection.bounds);
        track.hits += 1;
        track.hit_streak += 1;
        track.steps_since_update = 0;
        track.step = step;
        track.last_frame = frame;
        track.last = detection.clone();
        track.center_at_update = [track.state.mean[0], track.state.mean[1]];
        if track.phase == TrackPhase::Lost {
            track.phase = TrackPhase::Confirmed;
        }
        if options.kind == MotKind::OcSort {
            track.remember(detection.bounds, step, options.delta_t);
        }
        track.last_observation = Some(detection.bounds);
    }

    fn begin_tracks(
        &mut self,
        association: &Association,
        frame: i64,
        detections: &[BoxDetection],
        matched: &mut [Option<(usize, f64)>],
    ) {
        // ByteTrack counts the first detection, the others do not.
        let hits = u32::from(self.all.options.kind == MotKind::ByteTrack);
        for (index, detection) in detections.iter().enumerate() {
            let begins = matched[index].is_none()
                && !association.no_begin.contains(&index)
                && detection.is_valid()
                && detection.score >= self.all.options.new_track_threshold
                && self.all.tracks.len() < MAX_TRACKS;
            if begins {
                let kalman = self.all.options.kalman;
                matched[index] = Some((self.all.tracks.len(), 1.0));
                self.all.tracks.push(MotTrack::begin(
                    detection,
                    kalman,
                    frame,
                    self.all.step,
                    hits,
                ));
                self.remember(self.all.tracks.len() - 1, index, 1.0);
            }
        }
    }

    /// Gives numbers to the tracks that have been seen often enough.
    fn confirm(&mut self) {
        for track in &mut self.all.tracks {
            if track.phase != TrackPhase::Tentative || track.steps_since_update > 0 {
                continue;
            }
            let count = match self.all.options.kind {
                MotKind::ByteTrack => track.hits,
                MotKind::Sort | MotKind::OcSort => track.hit_streak,
            };
            if count >= self.all.options.min_hits {
                track.phase = TrackPhase::Confirmed;
                track.public_id = Some(self.next_id);
                let late = std::mem::take(&mut track.members);
                if let Some(all) = &mut self.late {
                    all.extend(late.into_iter().map(|one| LateAssignment {
                        frame: one.frame,
                        detection: one.detection,
                        track: TrackAssignment {
                            track: self.next_id,
                            score: one.score,
                        },
                    }));
                }
                self.next_id = self.next_id.saturating_add(1);
            }
        }
    }

    fn end_tracks(&mut self, association: &Association) {
        let mut index = 0;
        let (ended, buffer) = (&association.ended, self.all.options.track_buffer);
        let dies = self.tentative_dies();
        self.all.tracks.retain(|track| {
            let gone = ended.contains(&index);
            index += 1;
            let died = dies && track.phase == TrackPhase::Tentative && track.steps_since_update > 0;
            !gone && !died && track.steps_since_update <= buffer
        });
    }
}

/// Predicts a track by some steps.
fn predict(track: &mut MotTrack, options: &MotOptions, steps: u32, first_step: i64) {
    // ByteTrack holds the size of a track that is not seen: its last velocity is noise.
    let held: &[usize] = match (options.kind, options.kalman) {
        (MotKind::ByteTrack, KalmanKind::Xysr) => &[6],
        (MotKind::ByteTrack, _) => &[7],
        _ => &[],
    };
    let missed = track.steps_since_update;
    for step in 0..steps {
        if missed + step > 0 {
            for index in held {
                track.state.mean[*index] = 0.0;
            }
        }
        track.state = options.kalman.predict(&track.state);
        let begins_gap = step == 0 && steps > 1 && missed == 0;
        if begins_gap
            && options.kind == MotKind::OcSort
            && track.frozen.is_none()
            && track.last_observation.is_some()
        {
            track.frozen = Some(FrozenState {
                state: track.state,
                step: first_step,
            });
        }
    }
    track.steps_since_update += steps;
    if track.steps_since_update > 1 {
        track.hit_streak = 0;
    }
    if steps > 1 && track.phase == TrackPhase::Confirmed {
        track.phase = TrackPhase::Lost;
    }
}

/// Notes that a track was not seen in a frame.
fn mark_missed(track: &mut MotTrack, options: &MotOptions, step: i64) {
    let freezes = options.kind == MotKind::OcSort
        && track.frozen.is_none()
        && track.last_observation.is_some()
        && track.steps_since_update > 0;
    if freezes {
        track.frozen = Some(FrozenState {
            state: track.state,
            step,
        });
    }
    if track.phase == TrackPhase::Confirmed {
        track.phase = TrackPhase::Lost;
    }
}
