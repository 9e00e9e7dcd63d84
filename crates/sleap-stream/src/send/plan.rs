//! How the frames of a stream are to be sent.

use vision::capture::CapturedFrame;
use vision::record::RecordingHandle;

use crate::moments::{CameraMoments, CameraSlot};
use crate::send::flow::PacingMode;
use crate::send::frame_encoder::FrameEncoder;
use crate::send::frame_watcher::SharedWatcher;
use crate::send::queue::OverflowPolicy;

/// How the frames of a stream are to be sent.
pub(crate) struct SendPlan {
    /// What happens to frames that come faster than they leave.
    pub(crate) overflow: OverflowPolicy,
    /// When frames leave.
    pub(crate) pacing: PacingMode,
    /// What becomes of their pixels.
    pub(crate) encoder: FrameEncoder,
    /// Frames that the worker runs in one call of its model.
    pub(crate) batch_size: u32,
    /// Associations that share the frames.
    pub(crate) lanes: usize,
    /// How many frames there will be, where that is known: the last batch may be a short one.
    pub(crate) frames: Option<u64>,
    /// The stream ends after this many frames.
    pub(crate) max_frames: Option<u64>,
    /// Images are kept until their poses are there (snapshot or window).
    pub(crate) keep_pictures: bool,
    /// The size of all frames, where an output holds one size only.
    pub(crate) one_size: Option<(u32, u32)>,
    /// Where frames are recorded as they are sent.
    pub(crate) recording: Option<RecordingHandle>,
    /// What else sees the frames.
    pub(crate) watcher: Option<SharedWatcher>,
    /// Which frames of other cameras belong to this one's, where there are several.
    pub(crate) moments: Option<CameraMoments>,
    /// Where its newest frame waits with those of other cameras; `None`: it goes on its own.
    pub(crate) slot: Option<CameraSlot<CapturedFrame>>,
}

/// What becomes of frames without a result when the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// They are sent again, in order.
    Resend,
    /// They are given up: newer ones are worth more.
    Forget,
    /// It is not known which of them arrived: the stream cannot go on.
    Impossible,
}

impl SendPlan {
    pub(super) fn recovery(&self) -> Recovery {
        match (self.overflow, self.pacing) {
            (OverflowPolicy::Newest, _) => Recovery::Forget,
            (OverflowPolicy::All { .. }, PacingMode::Unanswered) => Recovery::Impossible,
            (OverflowPolicy::All { .. }, _) => Recovery::Resend,
        }
    }

    /// The link's buffer is to be kept short: nothing else bounds the age of frames.
    pub(super) fn is_shallow(&self) -> bool {
        self.pacing == PacingMode::Unanswered && self.overflow == OverflowPolicy::Newest
    }
}
