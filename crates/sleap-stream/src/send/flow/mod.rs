//! When the next frame may leave. Pure: time is an argument.
//!
//! A live source's frame leaves so that it reaches the slowest part of the path, mostly the model,
//! just when that becomes free: sooner it would grow old waiting there, while a newer one could
//! have taken its place at the source. A file's frames are kept coming: as many are in flight as
//! fill the path in both directions.

mod backpressure;
mod path_estimate;

use std::time::{Duration, Instant};

use protocol::Timing;

use backpressure::BackpressureState;
use path_estimate::PathEstimate;

/// Frames that are in flight at most, whatever the estimates say.
const MAX_LIVE: usize = 64;
const MAX_FILE: usize = 256;

/// Bytes of a file's frames that are in flight at most, if those are two frames or more.
pub(super) const MAX_FILE_BYTES: u64 = 32 << 20;

/// Frames that leave before anything is known of the path.
const FIRST_LIVE: usize = 2;
pub(super) const FIRST_FILE: usize = 8;

/// A file's frames beyond what the path holds, so that the model never waits for the next.
const EXTRA_FRAMES: usize = 4;

/// The same for each of several lanes: while one repairs a loss, which may take a second, the frames
/// behind its own get no result, and the others have to go on.
const EXTRA_FRAMES_PER_LANE: usize = 12;

/// Packets behind a lost one that make its sender send it again, one more, and the lost one itself.
const BEHIND_A_LOSS: usize = 5;

/// A live frame may arrive this much too early, beside an eighth of the bottleneck's time: estimates
/// scatter, and a worker that waits for frames loses time too.
pub(super) const EARLY_MARGIN: Duration = Duration::from_millis(1);

/// What decides when frames leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacingMode {
    /// A live source towards a worker that returns results.
    Newest {
        /// Time between two frames of the source, where it is known.
        interval: Option<Duration>,
        /// Poses older than this are of little use.
        max_age: Option<Duration>,
    },
    /// A file towards a worker that returns results.
    Every,
    /// The worker returns no results: the link's own buffer is the bound.
    Unanswered,
}

/// Whether a frame may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateState {
    /// Now.
    Open,
    /// Not before then; a result may open it sooner.
    At(Instant),
    /// Not before a result.
    Shut,
}

/// A frame in flight, as far as it limits those that follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// When the frame was taken to be sent, over the connection at hand.
    pub(super) departed: Instant,
    /// Bytes that are sent, as far as they are known.
    pub(super) bytes: u64,
}

/// When the next frame may leave, given the slots that are taken.
#[derive(Debug)]
pub(crate) struct FlowControl {
    pacing: PacingMode,
    /// This many frames may always be in flight: batches have to fill.
    floor: usize,
    lanes: usize,
    path: PathEstimate,
    backpressure: Option<BackpressureState>,
    /// Least time between two frames.
    pause: Duration,
    last_departure: Option<Instant>,
}

impl FlowControl {
    /// `batch_size`: frames that the worker may hold back for each other.
    pub(crate) fn new(pacing: PacingMode, batch_size: u32) -> Self {
        Self {
            pacing,
            floor: match batch_size {
                0 | 1 => 1,
                size => 2 * size as usize,
            },
            lanes: 1,
            path: PathEstimate::default(),
            backpressure: None,
            pause: Duration::ZERO,
            last_departure: None,
        }
    }

    /// The same over a link of this many lanes.
    pub(crate) fn over(self, lanes: usize) -> Self {
        Self { lanes, ..self }
    }

    /// Whether a frame may leave now. `slots`: those that are taken, in the order of departure.
    pub(super) fn gate(
        &self,
        slots: impl Iterator<Item = Slot> + Clone,
        now: Instant,
    ) -> GateState {
        if let Some(due) = self.last_departure.map(|last| last + self.pause)
            && due > now
        {
            return GateState::At(due);
        }
        if self.pacing == PacingMode::Unanswered {
            return GateState::Open;
        }
        let taken = slots.clone().count();
        if taken < self.floor {
            return GateState::Open;
        }
        if self
            .backpressure
            .as_ref()
            .is_some_and(|state| taken >= state.limit())
        {
            return GateState::Shut;
        }
        match self.pacing {
            PacingMode::Newest { interval, max_age } => {
                self.newest(slots, taken, interval, max_age, now)
            }
            PacingMode::Every => self.every(slots, taken),
            PacingMode::Unanswered => GateState::Open,
        }
    }

    fn newest(
        &self,
        slots: impl Iterator<Item = Slot>,
        taken: usize,
        interval: Option<Duration>,
        max_age: Option<Duration>,
        now: Instant,
    ) -> GateState {
        let Some(round_trip) = self.path.round_trip() else {
            return open_if(taken < FIRST_LIVE);
        };
        let bottleneck = self.path.bottleneck();
        let spacing = interval.unwrap_or_default().max(bottleneck).max(self.pause);
        if taken >= max_live(round_trip, spacing, max_age) {
            return GateState::Shut;
        }
        // When the last frame's result will be here: each follows the one before at the pace of
        // the bottleneck, and one that is overdue can come now at the soonest.
        let mut before = self.path.last_result();
        let mut last = now;
        let mut overdue = false;
        for (index, slot) in slots.enumerate() {
            let alone = slot.departed + round_trip;
            let expected = before.map_or(alone, |before| alone.max(before + bottleneck));
            overdue |= index == 0 && expected <= now;
            last = expected.max(now);
            before = Some(last);
        }
        let wait = (last + bottleneck).saturating_duration_since(now + round_trip);
        let early = EARLY_MARGIN + bottleneck / 8;
        match wait.checked_sub(early) {
            None | Some(Duration::ZERO) => GateState::Open,
            // A worker faster than the source has finished it long ago: the link holds it up, and
            // continues sooner with something to carry.
            Some(_) if overdue && interval.is_some_and(|interval| bottleneck <= interval) => {
                GateState::Open
            }
            Some(_) if overdue => GateState::Shut,
            Some(rest) => GateState::At(now + rest),
        }
    }

    fn every(&self, slots: impl Iterator<Item = Slot>, taken: usize) -> GateState {
        let bytes: u64 = slots.map(|slot| slot.bytes).sum();
        if taken >= 2 && bytes >= MAX_FILE_BYTES {
            return GateState::Shut;
        }
        let extra = match self.lanes {
            1 => EXTRA_FRAMES,
            lanes => EXTRA_FRAMES_PER_LANE * lanes,
        };
        let window = match (self.path.rate(), self.path.round_trip()) {
            // Twice what the path holds at this rate: where that is too little, the rate rises with it.
            (Some(rate), Some(round_trip)) => {
                (2.0 * rate * round_trip.as_secs_f64()).ceil() as usize + extra
            }
            _ => FIRST_FILE * self.lanes,
        };
        open_if(taken < window.clamp(self.floor, MAX_FILE.max(self.floor)))
    }

    /// A frame is taken to be sent.
    pub(super) fn departed(&mut self, now: Instant) {
        self.last_departure = Some(now);
    }

    /// A frame that had a slot has its result; `timing` where its path was an ordinary one.
    pub(super) fn returned(&mut self, departed: Instant, timing: Option<&Timing>, now: Instant) {
        if self.pacing == PacingMode::Unanswered {
            return;
        }
        if let Some(timing) = timing {
            let round_trip = now.saturating_duration_since(departed);
            self.path.returned(round_trip, timing, now);
        }
        if let Some(state) = &mut self.backpressure {
            state.returned(self.floor);
            if state.limit() >= MAX_FILE {
                self.backpressure = None;
            }
        }
    }

    /// The worker's queues are full while this many slots are taken: one frame fewer may be in
    /// flight, and more again bit by bit.
    pub(super) fn pressed(&mut self, taken: usize) {
        let is_known = |state: &BackpressureState| state.is_about_earlier_frames();
        if !self.backpressure.as_ref().is_some_and(is_known) {
            self.backpressure = Some(BackpressureState::new(taken, self.floor));
        }
    }

    /// The connection is another one: nothing is known of it.
    pub(super) fn reconnected(&mut self) {
        self.path = PathEstimate::default();
        self.backpressure = None;
    }

    /// The least time between two frames from now on.
    pub(super) fn set_pause(&mut self, pause: Duration) {
        self.pause = pause;
    }
}

fn open_if(open: bool) -> GateState {
    if open {
        GateState::Open
    } else {
        GateState::Shut
    }
}

/// Live frames that may be in flight at most. Twice what the path holds, and some, lets frames go on
/// while one of them or its result is held up by a lost packet: those behind it reveal the loss,
/// which otherwise is noticed only after a second.
fn max_live(round_trip: Duration, spacing: Duration, max_age: Option<Duration>) -> usize {
    if spacing.is_zero() {
        return MAX_LIVE;
    }
    let holds = |time: Duration| (time.as_secs_f64() / spacing.as_secs_f64()).ceil() as usize;
    let most = holds(2 * round_trip) + BEHIND_A_LOSS;
    let useful = max_age.map_or(MAX_LIVE, holds);
    most.min(useful).clamp(2, MAX_LIVE)
}
