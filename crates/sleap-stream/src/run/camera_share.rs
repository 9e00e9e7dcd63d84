//! A stream that is one of several: what it shares with the others, and its results that wait for their moments.

use std::collections::VecDeque;
use std::sync::Arc;

use closed_loop::RuleRunner;
use protocol::{DerivedPoses, Prediction};
use tokio::sync::Notify;
use vision::capture::CapturedFrame;

use crate::moments::{CameraMoments, CameraSlot, MomentNumber, MomentTable, TableFrame};
use crate::send::in_flight::ReturnedFrame;

/// What a stream shares with those of the other cameras.
#[derive(Clone)]
pub(crate) struct CameraShare {
    /// Which of the cameras it is.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Which frames belong together.
    pub(crate) moments: CameraMoments,
    /// Which of them are sent together; `None`: all are.
    pub(crate) slot: Option<CameraSlot<CapturedFrame>>,
    /// The table of moments.
    pub(crate) table: Arc<MomentTable>,
    /// Frames have times of capture that mean something: those of recordings do not.
    pub(crate) is_timed: bool,
    /// The rules that act on all cameras.
    pub(crate) rules: Option<Arc<RuleRunner>>,
}

/// The poses of a frame, with what was computed from them.
pub(crate) struct PoseResult {
    pub(crate) prediction: Prediction,
    pub(crate) derived: DerivedPoses,
    pub(crate) returned: ReturnedFrame,
}

impl PoseResult {
    /// The moment of the frame, where there are several cameras and it is decided.
    pub(crate) fn moment(&self) -> Option<MomentNumber> {
        self.returned.moment.as_ref()?.get().copied()
    }

    /// Whether its moment is not decided yet.
    fn is_open(&self) -> bool {
        let stamp = self.returned.moment.as_ref();
        stamp.is_some_and(|stamp| stamp.get().is_none())
    }
}

/// The results of one of several cameras, in order.
#[derive(Default)]
pub(crate) struct CameraResults {
    share: Option<CameraShare>,
    /// The first one waits for its moment.
    waiting: VecDeque<PoseResult>,
}

impl CameraResults {
    /// Of a stream that shares this with others; `None` where it is the only one.
    pub(crate) fn new(share: Option<CameraShare>) -> Self {
        Self {
            share,
            waiting: VecDeque::new(),
        }
    }

    /// The camera's name, where there are several.
    pub(crate) fn name(&self) -> Option<&str> {
        self.share.as_ref().map(|share| &*share.name)
    }

    /// Takes a result that has to wait, or returns it.
    #[must_use]
    pub(crate) fn wait(&mut self, result: PoseResult) -> Option<PoseResult> {
        if self.waiting.is_empty() && !result.is_open() {
            return Some(result);
        }
        self.waiting.push_back(result);
        None
    }

    /// The next result whose moment is decided.
    pub(crate) fn decided(&mut self) -> Option<PoseResult> {
        let first = self.waiting.front()?;
        if first.is_open() {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Whether results wait.
    pub(crate) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Decides what has waited for long enough.
    pub(crate) fn check(&self) {
        if let Some(share) = self.share.as_ref().filter(|_| self.are_waiting()) {
            share.moments.check();
        }
    }

    /// The stream is over: decides what waits.
    pub(crate) fn decide_all(&self) {
        if let Some(share) = &self.share {
            share.moments.ended();
            if self.are_waiting() {
                share.moments.decide_all();
            }
        }
    }

    /// The poses of a frame go to the outputs.
    pub(crate) fn delivered(&self, result: &PoseResult) {
        let Some((share, moment)) = self.share.as_ref().zip(result.moment()) else {
            return;
        };
        let returned = &result.returned;
        let frame = TableFrame {
            frame_id: result.prediction.frame_id,
            captured_us: returned.captured_us.filter(|_| share.is_timed),
            recorded: returned.recorded,
        };
        share.table.delivered(share.index, moment, frame);
    }

    /// No more comes.
    pub(crate) fn ended(&self) {
        if let Some(share) = &self.share {
            share.table.ended(share.index);
        }
    }

    /// Notified when moments were decided.
    pub(crate) fn notified(&self) -> Arc<Notify> {
        let share = self.share.as_ref();
        share.map_or_else(Arc::default, |share| share.moments.decided())
    }
}
