//! Batch markers: they group frames; no frame is lost by them.

/// What happened to a batch. Its frames are delivered one by one, as they complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchEvent {
    /// A batch opened.
    Started {
        /// Frames that `BATCH_START` declared.
        declared: u32,
    },
    /// A batch closed.
    Ended {
        /// Frames that `BATCH_START` declared.
        declared: u32,
        /// Frames that `BATCH_END` declared.
        closed_as: u32,
        /// Frames that arrived whole in between.
        received: u32,
    },
    /// A batch opened before another one was closed, which ends that one.
    Abandoned {
        /// Frames that the ended batch declared.
        declared: u32,
        /// Frames of the ended batch that arrived whole.
        received: u32,
        /// Frames that the new batch declares.
        next: u32,
    },
    /// The frame that came with this event is the first one beyond those that the batch declared.
    Overfull {
        /// Frames that `BATCH_START` declared.
        declared: u32,
    },
    /// A batch closed that was not open.
    NotOpen {
        /// Frames that `BATCH_END` declared.
        closed_as: u32,
    },
    /// A batch of more frames than the limits allow; it was not opened. A batch before it is ended.
    Refused {
        /// Frames that `BATCH_START` declared.
        declared: u32,
        /// The limit.
        max: u32,
    },
}

impl BatchEvent {
    /// Whether a batch closed with exactly the frames that both of its markers declared.
    pub fn is_complete(&self) -> bool {
        matches!(self, BatchEvent::Ended { declared, closed_as, received }
            if declared == closed_as && declared == received)
    }
}

/// The batch that is open, if any.
#[derive(Default)]
pub(super) struct BatchTracker {
    open: Option<OpenBatch>,
}

#[derive(Clone, Copy)]
struct OpenBatch {
    declared: u32,
    received: u32,
}

impl BatchTracker {
    pub(super) fn start(&mut self, declared: u32, max: u32) -> BatchEvent {
        let before = self.open.take();
        if declared > max {
            return BatchEvent::Refused { declared, max };
        }
        self.open = Some(OpenBatch {
            declared,
            received: 0,
        });
        match before {
            None => BatchEvent::Started { declared },
            Some(before) => BatchEvent::Abandoned {
                declared: before.declared,
                received: before.received,
                next: declared,
            },
        }
    }

    pub(super) fn end(&mut self, closed_as: u32) -> BatchEvent {
        match self.open.take() {
            None => BatchEvent::NotOpen { closed_as },
            Some(OpenBatch { declared, received }) => BatchEvent::Ended {
                declared,
                closed_as,
                received,
            },
        }
    }

    /// Counts a whole frame.
    pub(super) fn count(&mut self) -> Option<BatchEvent> {
        let open = self.open.as_mut()?;
        let was_full = open.received == open.declared;
        open.received = open.received.saturating_add(1);
        was_full.then_some(BatchEvent::Overfull {
            declared: open.declared,
        })
    }

    pub(super) fn reset(&mut self) {
        self.open = None;
    }
}
