//! How long a worker may leave frames without a result. Pure: time is an argument.
//!
//! Signs of life show that a worker is there, not that it works: only results of frames in flight
//! count here. How long one may take follows from how long the last ones took, so that a slow
//! model is waited for and a fast one that has stopped is noticed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::FrameId;

use crate::send::in_flight::{GiveUp, InFlight, WaitStart};

/// No frame is overdue before this, however fast results came.
const MIN_LIMIT: Duration = Duration::from_secs(10);

/// Nor before this many times the slowest of the last results.
const SLOWDOWN: u32 = 4;

/// Results whose times are remembered.
const MAX_RECENT: usize = 32;

/// The deadline for the results of a stream.
#[derive(Debug)]
pub(crate) struct ResultDeadline {
    gives_up: GiveUp,
    /// How long there may be no result before the stream ends.
    timeout: Duration,
    /// How long the last results took.
    recent: VecDeque<Duration>,
    /// Waits are not counted from before this.
    begun: Instant,
    /// When the last result came, if there was one since `begun`.
    last_result: Option<Instant>,
    /// Since when frames wait without any result: the silence.
    since: Option<Instant>,
    /// Frames that were given up during the silence.
    missed: usize,
    /// A frame was overdue during the silence.
    was_due: bool,
    /// The silence was reported.
    is_reported: bool,
    /// Frames that had been forgotten unanswered when the silence began.
    forgotten: u64,
}

/// What a check of the waiting frames has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeadlineCheck {
    /// Frames whose slots are free now; a late result is still taken.
    pub(crate) given_up: Vec<FrameId>,
    pub(crate) silence: Silence,
}

/// How long the worker has returned nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Results come, none is due, or the silence was reported before.
    None,
    /// For longer than a result may take; `waiting` frames have none. Reported once a silence.
    Begins { lasts: Duration, waiting: usize },
    /// For longer than the stream waits.
    TooLong { lasts: Duration },
}

impl ResultDeadline {
    pub(crate) fn new(gives_up: GiveUp, timeout: Duration, now: Instant) -> Self {
        Self {
            gives_up,
            timeout,
            recent: VecDeque::new(),
            begun: now,
            last_result: None,
            since: None,
            missed: 0,
            was_due: false,
            is_reported: false,
            forgotten: 0,
        }
    }

    /// Waits are counted from now on: the connection is another one, or this process was stopped.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.begun = now;
        self.last_result = None;
        self.end_silence();
    }

    fn end_silence(&mut self) {
        self.since = None;
        self.missed = 0;
        self.was_due = false;
        self.is_reported = false;
    }

    /// How long a result may take.
    pub(crate) fn limit(&self) -> Duration {
        let slowest = self.recent.iter().max().copied().unwrap_or_default();
        MIN_LIMIT.max(slowest.saturating_mul(SLOWDOWN))
    }

    /// A result that can be read came, this long after the link had taken the frame.
    pub(crate) fn returned(&mut self, took: Duration, now: Instant) {
        self.recent.push_back(took);
        if self.recent.len() > MAX_RECENT {
            self.recent.pop_front();
        }
        self.last_result = Some(now);
        self.end_silence();
    }

    /// Checks the frames that wait. `moved`: when the link last delivered anything.
    pub(crate) fn check(
        &mut self,
        in_flight: &mut InFlight,
        moved: Instant,
        now: Instant,
    ) -> DeadlineCheck {
        let limit = self.limit();
        let start = WaitStart {
            begun: self.begun,
            moved,
        };
        let overdue = in_flight.overdue(limit, start, self.gives_up, now);
        if self.since.is_none() {
            self.forgotten = overdue.forgotten;
        }
        let oldest = overdue
            .oldest
            .map(|oldest| oldest.max(self.last_result.unwrap_or(oldest)));
        // Once a frame is with the link its wait has begun; until then it moves with the link.
        let since = self.since.or(oldest);
        if overdue.is_oldest_handed {
            self.since = since;
        }
        let is_due = overdue.is_any || overdue.forgotten > self.forgotten;
        self.was_due |= is_due;
        self.missed += overdue.missed;
        let lasts = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let is_long = self.was_due && lasts >= limit;
        // A frame that has just left still has its time: it may be the first for a long while.
        let silence = if is_long && is_due && lasts >= self.timeout {
            Silence::TooLong { lasts }
        } else if is_long && !std::mem::replace(&mut self.is_reported, true) {
            Silence::Begins {
                lasts,
                waiting: overdue.waiting + self.missed,
            }
        } else {
            Silence::None
        };
        DeadlineCheck {
            given_up: overdue.given_up,
            silence,
        }
    }
}
