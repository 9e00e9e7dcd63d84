//! Tracks for the instances of predictions.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use labels::Revision;
use protocol::{FrameId, Prediction, Scale, track_name};
use tracking::flow::FlowOptions;
use tracking::{FramePicture, OptionsError, TrackAssignment, Tracker, TrackerOptions};

use crate::detections::detections;
use crate::numbers::TrackNumbers;
use crate::whole_video::revision;

/// Gives the instances of successive predictions tracks.
pub struct PredictionTracker {
    options: TrackerOptions,
    tracker: Tracker,
    newest: Option<FrameId>,
    /// The number of the tracker's first track.
    first: u32,
    numbers: TrackNumbers,
    /// The sender of predictions tells animals apart itself.
    sender_tracks: bool,
    /// Tracks of the sender were kept since the tracker had its last frame.
    was_replaced: bool,
    /// Tracks of the sender were kept at any time.
    kept_any: Arc<AtomicBool>,
}

impl PredictionTracker {
    /// A tracker that has seen nothing. `next`: the number of its first track.
    ///
    /// # Errors
    ///
    /// When options do not go together.
    pub fn new(options: TrackerOptions, next: u32) -> Result<Self, OptionsError> {
        Ok(Self {
            tracker: Tracker::new(options.clone())?,
            options,
            newest: None,
            first: next,
            numbers: TrackNumbers::new(next),
            sender_tracks: false,
            was_replaced: false,
            kept_any: Arc::default(),
        })
    }

    /// Sets whether the sender of predictions tells animals apart itself. Its predictions are then kept
    /// as they are, also those without a track.
    pub fn set_sender_tracks(&mut self, tracks: bool) {
        self.sender_tracks = tracks;
    }

    /// How the tracker looks at pictures; `None` where it does not.
    pub fn flow(&self) -> Option<FlowOptions> {
        let options = self.options.flow().filter(|_| !self.sender_tracks);
        options.copied()
    }

    /// What gives the poses of a whole video their final tracks, where the options do so at its end. To be taken
    /// before the first frame. It changes nothing where tracks of the sender were kept.
    pub fn revision(&self) -> Option<Revision> {
        revision(&self.options, self.first, Arc::clone(&self.kept_any))
    }

    /// Gives the instances of a frame tracks. A prediction that has tracks keeps them. A frame that
    /// comes after a newer one gets none: its animals have moved on. Where the tracker
    /// [leaves out](TrackerOptions::leaves_out_untracked) what it gives no track, that is not in the prediction
    /// any more.
    pub fn assign(&mut self, prediction: &mut Prediction) {
        self.assign_seen(prediction, None, None);
    }

    /// The same for a prediction that `scale` brings to the pixels in which it is tracked, and with the frame's
    /// picture, where there is one and [`flow`](Self::flow) tells how it is looked at.
    pub fn assign_seen(
        &mut self,
        prediction: &mut Prediction,
        scale: Option<Scale>,
        seen: Option<FramePicture>,
    ) {
        // A sender that has tracks in one prediction has them in all, also where it does not say so.
        self.sender_tracks |= !prediction.tracks.is_empty();
        if self.sender_tracks {
            self.numbers.add(prediction);
            self.was_replaced = true;
            self.kept_any.store(true, Relaxed);
            return;
        }
        if self.was_replaced {
            self.begin_again();
        }
        let is_late = self
            .newest
            .is_some_and(|newest| prediction.frame_id <= newest);
        if is_late {
            prediction.tracks = vec![None; prediction.instances.len()];
            return;
        }
        self.newest = Some(prediction.frame_id);
        let detections = match scale {
            None => detections(prediction),
            Some(scale) => {
                let mut scaled = prediction.clone();
                scale.apply(&mut scaled);
                detections(&scaled)
            }
        };
        let assigned = self
            .tracker
            .track_seen(prediction.frame_id, &detections, seen);
        let name = |one: &TrackAssignment| track_name(self.first.saturating_add(one.track));
        let names = assigned.iter().map(|one| one.as_ref().map(name));
        prediction.tracks = names.collect();
        let score = |one: &Option<TrackAssignment>| one.map(|one| one.score as f32);
        prediction.track_scores = assigned.iter().map(score).collect();
        if self.options.leaves_out_untracked() {
            let stays: Vec<bool> = assigned.iter().map(Option::is_some).collect();
            prediction.retain(&stays);
        }
        self.numbers.add(prediction);
    }

    /// The animals moved on under the sender's tracks; none of those numbers is used again.
    fn begin_again(&mut self) {
        self.was_replaced = false;
        let Ok(tracker) = Tracker::new(self.options.clone()) else {
            return;
        };
        self.tracker = tracker;
        self.newest = None;
        self.first = self.numbers.next();
    }
}

#[cfg(test)]
mod tests {
    use tracking::{ClassicOptions, TrackerKind};

    use super::*;

    fn tracker_of(kind: TrackerKind, next: u32) -> PredictionTracker {
        PredictionTracker::new(TrackerOptions::of(kind), next).unwrap()
    }

    fn prediction(frame_id: FrameId, xs: &[f32]) -> Prediction {
        Prediction {
            frame_id,
            instances: xs
                .iter()
                .map(|x| vec![Some([*x, 5.0]), Some([x + 9.0, 8.0])])
                .collect(),
            confidence: xs.iter().map(|_| vec![Some(0.9); 2]).collect(),
            ..Prediction::default()
        }
    }

    fn named(names: &[Option<&str>]) -> Vec<Option<String>> {
        names.iter().map(|name| name.map(str::to_owned)).collect()
    }

    fn tracked(tracker: &mut PredictionTracker, mut prediction: Prediction) -> Vec<Option<String>> {
        tracker.assign(&mut prediction);
        prediction.check().expect("arrays that fit");
        prediction.tracks
    }

    #[test]
    fn animals_keep_their_names_in_any_order() {
        let mut classic = tracker_of(TrackerKind::Classic, 0);
        let first = tracked(&mut classic, prediction(0, &[10.0, 200.0]));
        assert_eq!(first, named(&[Some("track_0"), Some("track_1")]));
        let second = tracked(&mut classic, prediction(1, &[198.0, 12.0]));
        assert_eq!(second, [first[1].clone(), first[0].clone()]);
    }

    #[test]
    fn what_classic_gives_no_track_is_left_out_with_all_that_belongs_to_it() {
        let options = TrackerOptions::Classic(ClassicOptions {
            tracking_target_instance_count: Some(1),
            tracking_pre_cull_to_target: true,
            ..ClassicOptions::default()
        });
        let scored = Prediction {
            instance_scores: vec![Some(0.4), Some(0.9)],
            ..prediction(0, &[10.0, 200.0])
        };
        let mut tracker = PredictionTracker::new(options, 0).unwrap();
        let mut culled = scored.clone();
        // Twice the size: points come back as they were.
        let scale = Scale::new((20, 20), (10, 10));
        tracker.assign_seen(&mut culled, scale, None);
        culled.check().expect("arrays that fit");
        assert_eq!(culled.tracks, named(&[Some("track_0")]));
        assert_eq!(culled.instances, scored.instances[1..]);
        assert_eq!(culled.instance_scores, [Some(0.9)]);
        // Other trackers have detections that get a track later.
        let mut sort = tracker_of(TrackerKind::Sort, 0);
        assert_eq!(tracked(&mut sort, scored), named(&[None, None]));
    }

    #[test]
    fn numbers_begin_where_an_earlier_connection_ended() {
        let mut classic = tracker_of(TrackerKind::Classic, 7);
        let first = tracked(&mut classic, prediction(0, &[10.0, 200.0]));
        assert_eq!(first, named(&[Some("track_7"), Some("track_8")]));
        let mut classic = tracker_of(TrackerKind::Classic, u32::MAX);
        let last = tracked(&mut classic, prediction(0, &[10.0]));
        assert_eq!(last, named(&[Some("track_4294967295")]));
    }

    #[test]
    fn tracks_that_are_there_stay() {
        let mut classic = tracker_of(TrackerKind::Classic, 0);
        let known = Prediction {
            tracks: named(&[Some("female"), None]),
            ..prediction(0, &[10.0, 200.0])
        };
        assert_eq!(tracked(&mut classic, known.clone()), known.tracks);
        let without = Prediction {
            tracks: named(&[None]),
            ..prediction(1, &[10.0])
        };
        assert_eq!(tracked(&mut classic, without), named(&[None]));
        classic.set_sender_tracks(false);
        // A worker that tracks sends no array for a frame without animals.
        classic.set_sender_tracks(true);
        assert!(tracked(&mut classic, prediction(2, &[10.0])).is_empty());
    }

    #[test]
    fn after_tracks_from_elsewhere_numbers_go_on_behind_them() {
        let mut classic = tracker_of(TrackerKind::Classic, 0);
        tracked(&mut classic, prediction(0, &[10.0]));
        let from_worker = Prediction {
            tracks: named(&[Some("track_5")]),
            ..prediction(1, &[10.0])
        };
        tracked(&mut classic, from_worker);
        assert!(tracked(&mut classic, prediction(2, &[10.0])).is_empty());
        // Another worker, which does not track.
        classic.set_sender_tracks(false);
        let own = tracked(&mut classic, prediction(2, &[10.0]));
        assert_eq!(own, named(&[Some("track_6")]));
    }

    #[test]
    fn a_frame_that_comes_late_has_no_tracks_and_says_so() {
        let mut animals = tracker_of(TrackerKind::Animals, 0);
        for frame in 0..6 {
            tracked(&mut animals, prediction(frame, &[10.0]));
        }
        let late = tracked(&mut animals, prediction(3, &[10.0, 50.0]));
        assert_eq!(late, named(&[None, None]));
        let next = tracked(&mut animals, prediction(6, &[10.0]));
        assert_eq!(next, named(&[Some("track_0")]));
    }
}
