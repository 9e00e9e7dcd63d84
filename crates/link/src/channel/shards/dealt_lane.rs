//! A lane as the sending side sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::LANE_BYTES;
use super::wide::LaneWindow;
use crate::connection::Connection;

/// A lane that has delivered nothing for so long is left out until it does: longer than a round trip
/// and the pause before a packet is acknowledged.
const STALLED_AFTER: Duration = Duration::from_millis(400);

/// A lane, and what is known of it.
pub(super) struct DealtLane {
    pub(super) lane: Arc<Connection>,
    /// Bytes that wait in it, when it was last asked, and those that it was given since.
    pub(super) outstanding: usize,
    /// When it last had delivered something, or nothing waited.
    moved: Instant,
    /// Where shards are wide.
    pub(super) window: LaneWindow,
}

impl DealtLane {
    pub(super) fn new(lane: Arc<Connection>, now: Instant) -> Self {
        Self {
            lane,
            outstanding: 0,
            moved: now,
            window: LaneWindow::default(),
        }
    }

    /// It was given `bytes` more.
    pub(super) fn took(&mut self, bytes: usize, now: Instant) {
        if self.outstanding == 0 {
            self.moved = now;
        }
        self.outstanding += bytes;
    }

    pub(super) fn refresh(&mut self, now: Instant) {
        // Nothing comes to wait in a lane by itself, and a busy connection is not waited for: its last word serves.
        if self.outstanding > 0
            && let Some(bytes) = self.lane.association().outstanding_bytes()
        {
            if bytes < self.outstanding || bytes == 0 {
                self.moved = now;
            }
            self.outstanding = bytes;
            if bytes == 0 {
                self.window.arrived();
            }
        }
    }

    pub(super) fn room(&self) -> usize {
        LANE_BYTES.saturating_sub(self.outstanding)
    }

    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        self.outstanding > 0 && now.saturating_duration_since(self.moved) > STALLED_AFTER
    }
}
