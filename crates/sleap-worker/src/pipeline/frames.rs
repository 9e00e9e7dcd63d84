//! A frame on its way: as it arrived, to be decoded, decoded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pose::Prepared;
use protocol::{CaptureClock, Frame, FrameId};
use tokio::sync::OwnedSemaphorePermit;
use tracking::flow::Pyramid;
use vision::capture::FrameContent;

use super::live_frames::LiveFrameGuard;
use super::needs::SelectedFrame;
use crate::replies::result::FrameTimes;
use crate::streams::{ReplyPlace, ResultRoute};

/// A complete frame as the session hands it over.
pub(crate) struct FrameJob {
    pub(crate) frame: Frame,
    /// From FRAME_META to FRAME_END.
    pub(crate) receive: Duration,
    /// When the frame was complete.
    pub(crate) received_at: Instant,
}

/// A frame to decode.
pub(super) struct DecodeTask {
    pub(super) job: FrameJob,
    pub(super) route: Arc<ResultRoute>,
    /// For its result.
    pub(super) reply: ReplyPlace,
    /// `None`: the frame is of a file.
    pub(super) live: Option<LiveFrameGuard>,
    /// Given back once the frame is decoded.
    pub(super) undecoded: [OwnedSemaphorePermit; 2],
}

/// A frame that is ready for the model, and what the sinks need of it.
pub(crate) struct DecodedFrame {
    pub(crate) frame_id: FrameId,
    /// Width and height as sent, pixels.
    pub(crate) size: (u32, u32),
    /// 1 (gray), 3 or 4, as the client announced.
    pub(crate) channels: u8,
    /// By the client's clock, microseconds since the Unix epoch.
    pub(crate) captured_us: Option<u64>,
    /// What that was read from, where the client says so.
    pub(crate) clock: Option<CaptureClock>,
    /// Empty without a model.
    pub(super) input: Prepared,
    /// What the tracker sees of it, where it looks at pictures: as many channels as the model has.
    pub(super) seen: Option<Pyramid>,
    /// As it arrived, where a sink needs that.
    pub(crate) frame: Option<Frame>,
    /// For display, where a sink needs that and the frame can be decoded so.
    pub(crate) content: Option<FrameContent>,
    /// What sinks have chosen of it.
    pub(super) selected: Vec<Box<dyn SelectedFrame>>,
    pub(crate) route: Arc<ResultRoute>,
    /// For its result.
    pub(super) reply: ReplyPlace,
    pub(crate) times: FrameTimes,
    /// Counts it among the frames of streams until it has its result.
    pub(super) _live: Option<LiveFrameGuard>,
}

impl DecodedFrame {
    /// The memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let frame = self.frame.as_ref().map_or(0, |frame| frame.data.len());
        let content = match &self.content {
            Some(FrameContent::Pixels(image)) => image.data.len(),
            Some(FrameContent::Jpeg(jpeg)) => jpeg.data.len(),
            Some(FrameContent::Deep(deep)) => deep.data().len(),
            Some(FrameContent::Planar(planar)) => planar.data().len(),
            None => 0,
        };
        let seen = self.seen.as_ref().map_or(0, Pyramid::bytes);
        self.input.bytes() + frame + content + seen
    }
}

#[cfg(test)]
impl DecodedFrame {
    /// A frame of two pixels.
    pub(crate) fn example(frame_id: FrameId, route: &Arc<ResultRoute>) -> Self {
        let now = Instant::now();
        Self {
            frame_id,
            size: (2, 1),
            channels: 1,
            captured_us: None,
            clock: None,
            input: Prepared::default(),
            seen: None,
            frame: None,
            content: Some(FrameContent::Pixels(
                vision::Image::new(2, 1, 1, vec![1, 2]).expect("two pixels"),
            )),
            selected: Vec::new(),
            route: Arc::clone(route),
            reply: ReplyPlace::none(),
            times: FrameTimes {
                receive: Duration::ZERO,
                received_at: now,
                decode: Duration::ZERO,
                ready_at: now,
            },
            _live: None,
        }
    }
}
