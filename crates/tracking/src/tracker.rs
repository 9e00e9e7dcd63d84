//! The tracker that was chosen.

use crate::animals::AnimalsTracker;
use crate::classic::ClassicTracker;
use crate::detection::{Assignments, Detection};
use crate::error::OptionsError;
use crate::frame_picture::FramePicture;
use crate::mot::MotTracker;
use crate::options::TrackerOptions;

/// Detections of a frame that are tracked; those of the lowest scores above this number get no
/// track. A matching takes a time that grows with the third power of the number.
pub const MAX_DETECTIONS: usize = 256;

/// Gives the instances of successive frames track numbers.
pub struct Tracker(Method);

enum Method {
    Animals(Box<AnimalsTracker>),
    Classic(Box<ClassicTracker>),
    Mot(Box<MotTracker>),
}

impl Tracker {
    /// A tracker that has seen nothing.
    ///
    /// # Errors
    ///
    /// When options do not go together or are out of range.
    pub fn new(options: TrackerOptions) -> Result<Self, OptionsError> {
        Ok(Self(match options {
            TrackerOptions::Animals(options) => {
                options.check()?;
                Method::Animals(Box::new(AnimalsTracker::new(options)))
            }
            TrackerOptions::Classic(options) => {
                options.check()?;
                Method::Classic(Box::new(ClassicTracker::new(options)))
            }
            TrackerOptions::Mot(options) => {
                options.check()?;
                Method::Mot(Box::new(MotTracker::new(options)))
            }
        }))
    }

    /// The tracks of the detections of a frame. `frame` is the frame's number: frames that are
    /// missing between two calls have passed all the same.
    pub fn track(&mut self, frame: u64, detections: &[Detection]) -> Assignments {
        self.track_seen(frame, detections, None)
    }

    /// The same with the frame's picture, for options that [look at it](TrackerOptions::flow). Without a
    /// picture detections are compared where they are.
    pub fn track_seen(
        &mut self,
        frame: u64,
        detections: &[Detection],
        seen: Option<FramePicture>,
    ) -> Assignments {
        let frame = i64::try_from(frame).unwrap_or(i64::MAX);
        let (kept, usable) = usable(detections);
        let tracked = match &mut self.0 {
            Method::Animals(tracker) => tracker.track(frame, &usable),
            Method::Classic(tracker) => tracker.track(frame, &usable, seen),
            Method::Mot(tracker) => tracker.track(frame, &usable),
        };
        let mut assignments = vec![None; detections.len()];
        for (index, track) in kept.into_iter().zip(tracked) {
            assignments[index] = track;
        }
        assignments
    }
}

/// The detections that are tracked, and their indices.
pub(crate) fn usable(detections: &[Detection]) -> (Vec<usize>, Vec<Detection>) {
    let kept = best(detections);
    let usable = kept.iter().map(|index| detections[*index].sanitized());
    let usable = usable.collect();
    (kept, usable)
}

/// The indices of the best [`MAX_DETECTIONS`], in their order.
fn best(detections: &[Detection]) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..detections.len()).collect();
    if kept.len() > MAX_DETECTIONS {
        let score = |index: &usize| detections[*index].score;
        kept.sort_by(|a, b| score(b).total_cmp(&score(a)));
        kept.truncate(MAX_DETECTIONS);
        kept.sort_unstable();
    }
    kept
}
