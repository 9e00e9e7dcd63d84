//! What follows from the worker's message that its queues are full. Pure.

/// The worker has reported that its queues are full.
#[derive(Debug)]
pub(super) struct BackpressureState {
    limit: usize,
    /// Results until one more frame is tried.
    until_more: usize,
    /// Results until the next report counts: it is about frames that left before this one.
    until_next_report: usize,
}

impl BackpressureState {
    /// `taken`: frames that are in flight. `floor`: frames that may always be.
    pub(super) fn new(taken: usize, floor: usize) -> Self {
        let limit = taken.saturating_sub(1).max(floor);
        Self {
            limit,
            until_more: 4 * limit,
            until_next_report: taken,
        }
    }

    /// Frames that may be in flight.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A report now is about frames that left before the one that this state comes from.
    pub(super) fn is_about_earlier_frames(&self) -> bool {
        self.until_next_report > 0
    }

    /// A frame has its result.
    pub(super) fn returned(&mut self, floor: usize) {
        self.until_next_report = self.until_next_report.saturating_sub(1);
        self.until_more = self.until_more.saturating_sub(1);
        if self.until_more == 0 {
            self.limit += 1;
            self.until_more = self.limit.max(floor);
        }
    }
}
