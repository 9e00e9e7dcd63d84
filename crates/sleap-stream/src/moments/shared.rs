//! The moments of a run, which its cameras share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::FrameId;
use tokio::sync::Notify;

use super::fates::MomentFates;
use super::grouper::{GroupingLimits, MomentGrouper};
use super::stamp::MomentStamp;

/// Frames of a camera that the encoder may still take; it takes one of the newest.
const MAX_CAPTURED: usize = 1024;

/// The moments of a run, which its cameras share.
#[derive(Debug)]
pub(crate) struct Moments {
    state: Mutex<MomentsState>,
    /// One for each camera: frames were decided.
    decided: Vec<Arc<Notify>>,
}

#[derive(Debug)]
struct MomentsState {
    numbering: MomentNumbering,
    /// Of each camera the frames that were captured last.
    captured: Vec<VecDeque<(FrameId, MomentStamp)>>,
    /// What became of those before them.
    fates: MomentFates,
}

/// What tells which frames belong together.
#[derive(Debug)]
enum MomentNumbering {
    ByTime(MomentGrouper<MomentStamp>),
    /// The frames' own numbers: the recordings of cameras that ran together.
    ByFrame,
}

/// The moments of a run, as one of its cameras uses them.
#[derive(Debug, Clone)]
pub(crate) struct CameraMoments {
    moments: Arc<Moments>,
    camera: usize,
}

impl Moments {
    /// Moments of so many cameras, by the time of capture.
    pub(crate) fn by_time(cameras: usize, limits: GroupingLimits) -> Arc<Self> {
        let grouper = MomentGrouper::new(cameras, limits, Instant::now());
        Self::new(cameras, MomentNumbering::ByTime(grouper))
    }

    /// Moments of so many recordings, whose frames of the same number belong together.
    pub(crate) fn by_frame(recordings: usize) -> Arc<Self> {
        Self::new(recordings, MomentNumbering::ByFrame)
    }

    fn new(cameras: usize, numbering: MomentNumbering) -> Arc<Self> {
        let state = MomentsState {
            numbering,
            captured: vec![VecDeque::new(); cameras],
            fates: MomentFates::default(),
        };
        let notifies = std::iter::repeat_with(Arc::default);
        Arc::new(Self {
            state: Mutex::new(state),
            decided: notifies.take(cameras).collect(),
        })
    }

    /// As the camera of this index uses them.
    pub(crate) fn of(self: &Arc<Self>, camera: usize) -> CameraMoments {
        CameraMoments {
            moments: Arc::clone(self),
            camera,
        }
    }

    /// Moments of which a frame was sent and another one left out.
    pub(crate) fn split(&self) -> u64 {
        self.lock().fates.split()
    }

    /// Decides what can be decided now.
    fn decide(&self, state: &mut MomentsState, now: Instant) {
        let MomentNumbering::ByTime(grouper) = &mut state.numbering else {
            return;
        };
        let decided = grouper.decide(now);
        if decided.is_empty() {
            return;
        }
        for (stamp, number) in decided {
            // Each frame is decided once.
            let _ = stamp.set(number);
        }
        self.decided.iter().for_each(|it| it.notify_one());
    }

    // No method panics between two changes: behind a poisoned lock the state is consistent.
    fn lock(&self) -> MutexGuard<'_, MomentsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CameraMoments {
    /// The camera has delivered a frame.
    pub(crate) fn captured(&self, frame_id: FrameId, at: Instant) {
        let now = Instant::now();
        let stamp = MomentStamp::default();
        let mut state = self.moments.lock();
        match &mut state.numbering {
            MomentNumbering::ByTime(grouper) => {
                let late = grouper.captured(self.camera, Arc::clone(&stamp), at, now);
                if let Some((stamp, number)) = late {
                    let _ = stamp.set(number);
                }
            }
            MomentNumbering::ByFrame => drop(stamp.set(frame_id)),
        }
        let captured = &mut state.captured[self.camera];
        let oldest = match captured.len() == MAX_CAPTURED {
            true => captured.pop_front(),
            false => None,
        };
        captured.push_back((frame_id, stamp));
        if let Some((_, stamp)) = oldest {
            state.fates.add(stamp, false);
        }
        self.moments.decide(&mut state, now);
    }

    /// What will have the moment of a frame that the encoder takes.
    pub(crate) fn stamp(&self, frame_id: FrameId) -> Option<MomentStamp> {
        let mut state = self.moments.lock();
        let captured = &mut state.captured[self.camera];
        let index = captured.iter().position(|(id, _)| *id == frame_id)?;
        // Those before it are left out.
        let left_out: Vec<_> = captured.drain(..index).collect();
        let (_, stamp) = captured.pop_front()?;
        for (_, stamp) in left_out {
            state.fates.add(stamp, false);
        }
        state.fates.add(Arc::clone(&stamp), true);
        state.fates.settle();
        Some(stamp)
    }

    /// Decides what has waited for long enough.
    pub(crate) fn check(&self) {
        let mut state = self.moments.lock();
        self.moments.decide(&mut state, Instant::now());
    }

    /// The camera delivers no more.
    pub(crate) fn ended(&self) {
        let mut state = self.moments.lock();
        if let MomentNumbering::ByTime(grouper) = &mut state.numbering {
            grouper.ended(self.camera);
        }
        self.moments.decide(&mut state, Instant::now());
    }

    /// Decides all frames that wait, of other cameras, too.
    pub(crate) fn decide_all(&self) {
        let mut state = self.moments.lock();
        let patience = match &state.numbering {
            MomentNumbering::ByTime(grouper) => grouper.patience(),
            MomentNumbering::ByFrame => return,
        };
        self.moments.decide(&mut state, Instant::now() + patience);
    }

    /// Notified when frames were decided.
    pub(crate) fn decided(&self) -> Arc<Notify> {
        Arc::clone(&self.moments.decided[self.camera])
    }
}

/// Tells that a camera delivers no more when it is dropped: the capture owns it.
pub(crate) struct CameraEndGuard(pub(crate) CameraMoments);

impl Drop for CameraEndGuard {
    fn drop(&mut self) {
        self.0.ended();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: GroupingLimits = GroupingLimits {
        tolerance: Duration::from_millis(10),
        interval: Some(Duration::from_millis(100)),
        patience: Duration::from_secs(3600),
    };

    #[test]
    fn frames_that_were_sent_learn_their_moment_whenever_it_is_decided() {
        let moments = Moments::by_time(2, LIMITS);
        let (one, other) = (moments.of(0), moments.of(1));
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        one.captured(0, at(0));
        one.captured(1, at(100));
        // Frame 0 is left out.
        let stamp = one.stamp(1).unwrap();
        assert!(stamp.get().is_none() && one.stamp(0).is_none());
        other.captured(0, at(103));
        assert_eq!(stamp.get(), Some(&1));
        assert_eq!(moments.split(), 0);
        assert_eq!(other.stamp(0).unwrap().get(), Some(&1));
        one.captured(2, at(200));
        let waits = one.stamp(2).unwrap();
        assert!(waits.get().is_none());
        drop(CameraEndGuard(other));
        assert_eq!(waits.get(), Some(&2));
    }

    #[test]
    fn what_waits_can_be_decided_at_once() {
        let moments = Moments::by_time(2, LIMITS);
        let one = moments.of(0);
        one.captured(0, Instant::now());
        let stamp = one.stamp(0).unwrap();
        one.check();
        assert!(stamp.get().is_none());
        one.decide_all();
        assert_eq!(stamp.get(), Some(&0));
    }

    #[test]
    fn frames_of_recordings_belong_together_by_their_numbers() {
        let moments = Moments::by_frame(2);
        for camera in 0..2 {
            let camera = moments.of(camera);
            camera.captured(7, Instant::now());
            assert_eq!(camera.stamp(7).unwrap().get(), Some(&7));
        }
    }

    #[test]
    fn only_the_newest_frames_are_remembered() {
        let one = Moments::by_frame(1).of(0);
        (0..2000).for_each(|frame| one.captured(frame, Instant::now()));
        assert!(one.stamp(0).is_none());
        assert!(one.stamp(1999).is_some());
    }
}
