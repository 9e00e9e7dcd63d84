//! A frame that was handed in, until its outcome is known.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use protocol::FrameId;

use super::frame::FrameOutcome;
use super::state::{OutcomeCell, SharedStream};

/// A frame that was handed in.
#[derive(Clone)]
pub struct Ticket {
    id: FrameId,
    cell: OutcomeCell,
    shared: Arc<SharedStream>,
}

impl Ticket {
    pub(super) fn new(id: FrameId, cell: OutcomeCell, shared: Arc<SharedStream>) -> Self {
        Self { id, cell, shared }
    }

    /// The frame's number: it counts the frames of the stream, from 0.
    pub fn frame_id(&self) -> FrameId {
        self.id
    }

    /// What became of the frame, where that is known.
    pub fn outcome(&self) -> Option<FrameOutcome> {
        self.cell.get().cloned()
    }

    /// Waits until it is known what became of the frame; `None` where it is not until the deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> Option<FrameOutcome> {
        self.shared.wait_for(deadline, |_| self.outcome())
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .field("outcome", &self.cell.get())
            .finish_non_exhaustive()
    }
}
