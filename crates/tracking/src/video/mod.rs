//! What tracks of a video are once all of its frames are there, in sleap-nn's order:
//!
//! ```text
//!   sort, bytetrack, ocsort: calibrate ─► track again ─► numbers for the first detections of tracks ─► join tracks
//!   classic:                 the tracks that were given ─► clean ─► connect breaks
//! ```

mod breaks;
mod linking;

use crate::classic::ClassicOptions;
use crate::classic::cull::cull;
use crate::detection::{Assignments, Detection, TrackAssignment};
use crate::error::OptionsError;
use crate::mot::{BoxDetection, Calibration, MotOptions, MotTracker, calibrated};
use crate::options::TrackerOptions;
use crate::tracker::usable;
use breaks::connect_single_breaks;
use linking::{Linked, link};

/// A frame with what a tracker gave it when it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VideoFrame {
    /// Its number.
    pub frame: u64,
    /// Its detections.
    pub detections: Vec<Detection>,
    /// `[detection]`: the track that it was given; may be empty.
    pub tracks: Assignments,
}

/// The frames of a video, in the order of their numbers. They are gone through up to six times.
pub trait VideoFrames {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them, by its place.
    fn frame(&self, index: usize) -> VideoFrame;
}

/// What becomes of an instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FinalInstance {
    /// It stays, with this track.
    Kept(Option<TrackAssignment>),
    /// It is one too many (`tracking_clean_instance_count`).
    Removed,
}

/// `[frame][detection]`: what becomes of the instances of a video. `None` where the tracker has nothing to
/// do at the end.
///
/// Beside the frames it keeps some 50 bytes a detection, 200 where tracks are joined.
///
/// # Errors
///
/// When options do not go together or are out of range.
pub fn final_tracks(
    options: &TrackerOptions,
    video: &dyn VideoFrames,
) -> Result<Option<Vec<Vec<FinalInstance>>>, OptionsError> {
    match options {
        TrackerOptions::Animals(_) => Ok(None),
        TrackerOptions::Classic(options) => {
            options.check()?;
            Ok(options.looks_back().then(|| cleaned(options, video)))
        }
        TrackerOptions::Mot(options) => {
            options.check()?;
            Ok(Some(tracked_again(options, video)))
        }
    }
}

fn number(frame: u64) -> i64 {
    i64::try_from(frame).unwrap_or(i64::MAX)
}

/// Boxes, with the size of the animals and their scores known from the beginning.
fn tracked_again(options: &MotOptions, video: &dyn VideoFrames) -> Vec<Vec<FinalInstance>> {
    let frame = |index: usize| {
        let VideoFrame {
            frame, detections, ..
        } = video.frame(index);
        (number(frame), usable(&detections).1)
    };
    let calibration = calibrated(options, video.count(), &frame);
    let mut tracker = MotTracker::of_video(&calibration);
    let mut all: Vec<Vec<FinalInstance>> = Vec::with_capacity(video.count());
    // `[frame]`: the places of the detections that were tracked, where these are not all.
    let mut places: Vec<Option<Vec<usize>>> = Vec::with_capacity(video.count());
    for index in 0..video.count() {
        let VideoFrame {
            frame, detections, ..
        } = video.frame(index);
        let (kept, tracked) = usable(&detections);
        let tracks = tracker.track(number(frame), &tracked);
        let mut instances = vec![FinalInstance::Kept(None); detections.len()];
        for (place, track) in kept.iter().zip(tracks) {
            instances[*place] = FinalInstance::Kept(track);
        }
        all.push(instances);
        places.push((kept.len() < detections.len()).then_some(kept));
        for late in tracker.take_late() {
            let place = match &places[late.frame] {
                Some(kept) => kept[late.detection],
                None => late.detection,
            };
            all[late.frame][place] = FinalInstance::Kept(Some(late.track));
        }
    }
    if options.joins_tracks() {
        join_tracks(&calibration, video, &mut all);
    }
    all
}

/// Joins the tracks of a video.
fn join_tracks(calibration: &Calibration, video: &dyn VideoFrames, all: &mut [Vec<FinalInstance>]) {
    let (options, body_size) = (&calibration.options, calibration.options.body_size);
    let mut detections = Vec::new();
    let (mut step, mut last) = (0.0, None);
    for (index, instances) in all.iter().enumerate() {
        let found = video.frame(index);
        let number = number(found.frame);
        if let Some(last) = last.replace(number) {
            step += calibration.stride.all_steps_of(number.saturating_sub(last));
        }
        for (place, instance) in instances.iter().enumerate() {
            let FinalInstance::Kept(Some(assignment)) = instance else {
                continue;
            };
            let detection = found.detections[place].sanitized();
            let found = BoxDetection::of(&detection, options, body_size.unwrap_or(f64::NAN));
            detections.push(Linked::new([index, place], step, assignment.track, &found));
        }
    }
    let places: Vec<_> = detections
        .iter()
        .map(|one| [one.frame, one.place])
        .collect();
    let tracks = link(detections, calibration);
    for ([frame, place], track) in places.into_iter().zip(tracks) {
        if let FinalInstance::Kept(assignment) = &mut all[frame][place] {
            let score = assignment.map_or(0.0, |one| one.score);
            *assignment = track.map(|track| TrackAssignment { track, score });
        }
    }
}

/// The tracks that `classic` gave, without instances over the number, and with breaks connected.
fn cleaned(options: &ClassicOptions, video: &dyn VideoFrames) -> Vec<Vec<FinalInstance>> {
    let count = options.tracking_clean_instance_count;
    let clean = |index: usize| {
        let frame = video.frame(index);
        let track = |place: usize| frame.tracks.get(place).copied().flatten();
        let all = (0..frame.detections.len()).map(track);
        if count == 0 {
            return all.map(FinalInstance::Kept).collect();
        }
        // sleap-nn leaves detections without a track out before it counts.
        let tracked: Vec<usize> = (0..frame.detections.len())
            .filter(|place| track(*place).is_some())
            .collect();
        let detections: Vec<Detection> = tracked
            .iter()
            .map(|place| frame.detections[*place].sanitized())
            .collect();
        let kept = cull(&detections, count, options.tracking_clean_iou_threshold);
        let mut instances = vec![FinalInstance::Removed; frame.detections.len()];
        for place in kept.into_iter().map(|kept| tracked[kept]) {
            instances[place] = FinalInstance::Kept(track(place));
        }
        instances
    };
    let mut all: Vec<Vec<FinalInstance>> = (0..video.count()).map(clean).collect();
    // With both, sleap-nn connects once.
    connect_single_breaks(&mut all);
    all
}

#[cfg(test)]
mod tests;
