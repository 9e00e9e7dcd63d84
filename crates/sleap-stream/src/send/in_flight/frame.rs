//! One frame in flight, and what is known of it when its result is here.

use std::time::{Duration, Instant};

use protocol::{CaptureClock, Frame, FrameId, Scale, Timing};
use vision::capture::FrameContent;

use crate::moments::MomentStamp;
use crate::send::flow::Slot;
use crate::send::latency::{FrameMoments, Latency, LatencySplitter};

/// Counts the connections of a run; the first is 0.
pub(crate) type ConnectionNumber = u64;

/// A frame that the encoder takes.
#[derive(Debug)]
pub(crate) struct TakenFrame {
    /// When it was captured.
    pub(crate) captured: Instant,
    /// When the client had it.
    pub(crate) arrived: Instant,
    /// When it was captured, microseconds since 1970.
    pub(crate) captured_us: Option<u64>,
    /// What the time of its capture was read from.
    pub(crate) clock: CaptureClock,
    /// When the encoder took it.
    pub(crate) taken: Instant,
    /// The image itself, where poses are drawn on it.
    pub(crate) picture: Option<FrameContent>,
    /// Its index in the recording.
    pub(crate) recorded: Option<u64>,
    /// What has its moment, where there are several cameras.
    pub(crate) moment: Option<MomentStamp>,
}

/// What a frame's wait for its result has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitState {
    /// It takes one of the slots that limit how many frames are in flight.
    InSlot,
    /// A result came that cannot be read. Its slot is free.
    Damaged,
    /// It has waited for too long. Its slot is free; a late result is still taken.
    GivenUp,
}

/// A frame between source and result.
#[derive(Debug)]
pub(super) struct InFlightFrame {
    pub(super) id: FrameId,
    taken: TakenFrame,
    /// When it left for the connection at hand.
    pub(super) departed: Instant,
    /// When its bytes were ready for the link.
    pub(super) encoded: Option<Instant>,
    /// When the link had all of its bytes.
    pub(super) handed: Option<Instant>,
    /// Bytes that are sent, once it is encoded.
    pub(super) bytes: u64,
    /// From its pixels as sent to those of the source, where they differ.
    pub(super) scale: Option<Scale>,
    /// What was sent, where it is sent again over the next connection if this one is lost.
    pub(super) frame: Option<Frame>,
    /// The connection over which it was sent last.
    pub(super) sent_over: Option<ConnectionNumber>,
    /// When the last frame of its batch had left.
    pub(super) batch_closed: Option<Instant>,
    pub(super) wait: WaitState,
}

impl InFlightFrame {
    pub(super) fn new(id: FrameId, taken: TakenFrame) -> Self {
        Self {
            id,
            departed: taken.taken,
            taken,
            encoded: None,
            handed: None,
            bytes: 0,
            scale: None,
            frame: None,
            sent_over: None,
            batch_closed: None,
            wait: WaitState::InSlot,
        }
    }

    /// The slot that it takes.
    pub(super) fn slot(&self) -> Option<Slot> {
        (self.wait == WaitState::InSlot).then_some(Slot {
            departed: self.departed,
            bytes: self.bytes,
        })
    }

    /// Whether it is to be sent over this connection: never over one that is older than its last.
    pub(super) fn claim(&mut self, connection: ConnectionNumber) -> bool {
        let due = self.sent_over < Some(connection);
        if due {
            self.sent_over = Some(connection);
        }
        due
    }

    /// The image is not needed any more.
    pub(super) fn drop_picture(&mut self) {
        self.taken.picture = None;
    }

    /// Its result is here; it was `encoded` then.
    pub(super) fn into_returned(
        self,
        encoded: Instant,
        timing: Option<&Timing>,
        splitter: &mut LatencySplitter,
        now: Instant,
    ) -> ReturnedFrame {
        let moments = FrameMoments {
            captured: self.taken.captured,
            arrived: self.taken.arrived,
            taken: self.taken.taken,
            encoded,
            handed: self.handed,
            returned: now,
        };
        let timing = timing.copied().unwrap_or_default();
        ReturnedFrame {
            latency: splitter.split(&moments, &timing),
            round_trip: now.saturating_duration_since(encoded),
            waited: now.saturating_duration_since(self.handed.unwrap_or(encoded)),
            taken: self.taken.taken,
            scale: self.scale,
            picture: self.taken.picture,
            captured_us: self.taken.captured_us,
            clock: self.taken.clock,
            recorded: self.taken.recorded,
            moment: self.taken.moment,
        }
    }
}

/// A frame whose result is here.
#[derive(Debug)]
pub(crate) struct ReturnedFrame {
    /// The parts of the time from capture until the pose was received.
    pub(crate) latency: Latency,
    /// From the first byte given to the link until the pose was received.
    pub(crate) round_trip: Duration,
    /// From the last byte given to the link until the pose was received.
    pub(crate) waited: Duration,
    /// When the encoder took it.
    pub(crate) taken: Instant,
    /// From its pixels as sent to those of the source, where they differ.
    pub(crate) scale: Option<Scale>,
    /// The image itself, where poses are drawn on it.
    pub(crate) picture: Option<FrameContent>,
    /// When the frame was captured, microseconds since 1970.
    pub(crate) captured_us: Option<u64>,
    /// What that was read from.
    pub(crate) clock: CaptureClock,
    /// Its index in the recording, where there is one that has it.
    pub(crate) recorded: Option<u64>,
    /// What has its moment, where there are several cameras.
    pub(crate) moment: Option<MomentStamp>,
}
