//! What came of a simulation.

use std::time::Duration;

use protocol::FrameId;

use crate::send::adapt::EncodeSetting;
use crate::send::frame_list::FrameList;

/// What came of a simulation.
pub(crate) struct SimOutcome {
    /// Each pose's frame, when it was received since the start, and its age.
    pub(crate) poses: Vec<(FrameId, Duration, Duration)>,
    pub(crate) captured: u64,
    pub(crate) dropped: u64,
    /// Most frames that were in flight at a time.
    pub(crate) most: usize,
    pub(crate) setting: Option<EncodeSetting>,
    pub(crate) lasted: Duration,
    /// When the missing results were reported.
    pub(crate) reported: Vec<Duration>,
    /// Frames that were given up.
    pub(crate) given_up: u64,
    /// Frames that were sent.
    pub(crate) sent: u64,
    pub(crate) unanswered: FrameList,
    /// The stream was ended since results were missing.
    pub(crate) is_broken_off: bool,
}

impl SimOutcome {
    /// Before the first frame.
    pub(super) fn new() -> Self {
        Self {
            poses: Vec::new(),
            captured: 0,
            dropped: 0,
            most: 0,
            setting: None,
            lasted: Duration::ZERO,
            reported: Vec::new(),
            given_up: 0,
            sent: 0,
            unanswered: FrameList::default(),
            is_broken_off: false,
        }
    }

    pub(crate) fn age(&self, share: f64) -> Duration {
        percentile(self.poses.iter().map(|pose| pose.2).collect(), share)
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.poses.len() as f64 / self.lasted.as_secs_f64()
    }

    pub(crate) fn ids(&self) -> Vec<FrameId> {
        self.poses.iter().map(|pose| pose.0).collect()
    }
}

pub(crate) fn percentile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share).round() as usize]
}
