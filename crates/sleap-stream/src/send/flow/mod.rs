//! When the next frame may leave. Pure: time is an argument.
//!
//! A live source's frame leaves so that it reaches the slowest part of the way, mostly the model,
//! just when that becomes free: sooner it would grow old waiting there, while a newer one could
//! have taken its place at the source. A file's frames are kept coming: as many are under way as
//! fill the way there and back.

mod path_estimate;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::{FrameId, Timing};

use path_estimate::PathEstimate;

/// Frames that are under way at most, whatever the estimates say.
const MAX_LIVE: usize = 64;
const MAX_FILE: usize = 256;

/// Bytes of a file's frames that are under way at most, if those are two frames or more.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// Frames that leave before anything is known of the way.
const FIRST_LIVE: usize = 2;
const FIRST_FILE: usize = 8;

/// A file's frames beyond what the way holds, so that the model never waits for the next.
const EXTRA_FRAMES: usize = 4;

/// The same for each of several lanes: while one repairs a loss, which may take a second, the frames
/// behind its own are not answered, and the others shall go on.
const EXTRA_FRAMES_PER_LANE: usize = 12;

/// Packets behind a lost one that make its sender send it again, one to spare, and it itself.
const BEHIND_A_LOSS: usize = 5;

/// A live frame may come so much too early, beside an eighth of the bottleneck's time: estimates
/// scatter, and a worker that waits for frames loses time too.
const EARLY_MARGIN: Duration = Duration::from_millis(1);

/// What decides when frames leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacingMode {
    /// A live source towards a worker that answers.
    Newest {
        /// Time between two frames of the source, where it is known.
        interval: Option<Duration>,
        /// Poses older than this are of little use.
        max_age: Option<Duration>,
    },
    /// A file towards a worker that answers.
    Every,
    /// The worker answers nothing: the link's own buffer is the bound.
    Unanswered,
}

/// Whether a frame may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateState {
    Open,
    /// Not before then; an answer may open it sooner.
    At(Instant),
    /// Not before an answer.
    Shut,
}

/// Frames on their way, and when the next one may follow.
#[derive(Debug)]
pub(crate) struct FlowControl {
    discipline: PacingMode,
    /// So many frames may always be under way: batches have to fill.
    floor: usize,
    lanes: usize,
    under_way: VecDeque<UnderWay>,
    bytes: u64,
    pipe: PathEstimate,
    pressure: Option<BackpressureState>,
    /// Least time between two frames.
    pause: Duration,
    last: Option<Instant>,
}

#[derive(Debug)]
struct UnderWay {
    id: FrameId,
    departed: Instant,
    bytes: u64,
}

/// The worker has said that its queues are full.
#[derive(Debug)]
struct BackpressureState {
    limit: usize,
    /// Answers until one more frame is tried.
    until_more: usize,
    /// Answers until the next word of the worker counts: it is about frames that left before this.
    until_heard: usize,
}

impl FlowControl {
    /// The same over a link of so many lanes.
    pub(crate) fn over(self, lanes: usize) -> Self {
        Self { lanes, ..self }
    }

    /// `batch_size`: frames that the worker may hold back for each other.
    pub(crate) fn new(discipline: PacingMode, batch_size: u32) -> Self {
        Self {
            discipline,
            floor: match batch_size {
                0 | 1 => 1,
                size => 2 * size as usize,
            },
            lanes: 1,
            under_way: VecDeque::new(),
            bytes: 0,
            pipe: PathEstimate::default(),
            pressure: None,
            pause: Duration::ZERO,
            last: None,
        }
    }

    /// Whether a frame may leave now.
    pub(crate) fn gate(&self, now: Instant) -> GateState {
        if let Some(due) = self.last.map(|last| last + self.pause)
            && due > now
        {
            return GateState::At(due);
        }
        let under_way = self.under_way.len();
        if self.discipline == PacingMode::Unanswered || under_way < self.floor {
            return GateState::Open;
        }
        if self
            .pressure
            .as_ref()
            .is_some_and(|pressure| under_way >= pressure.limit)
        {
            return GateState::Shut;
        }
        match self.discipline {
            PacingMode::Newest { interval, max_age } => self.newest(interval, max_age, now),
            PacingMode::Every => self.every(),
            PacingMode::Unanswered => GateState::Open,
        }
    }

    fn newest(
        &self,
        interval: Option<Duration>,
        max_age: Option<Duration>,
        now: Instant,
    ) -> GateState {
        let Some(round_trip) = self.pipe.round_trip() else {
            return open_if(self.under_way.len() < FIRST_LIVE);
        };
        let bottleneck = self.pipe.bottleneck();
        let spacing = interval.unwrap_or_default().max(bottleneck).max(self.pause);
        if self.under_way.len() >= most_live(round_trip, spacing, max_age) {
            return GateState::Shut;
        }
        // When the last frame's answer will be here: each follows the one before at the pace of
        // the bottleneck, and one that is overdue can come now at the soonest.
        let mut before = self.pipe.last_answer();
        let mut last = now;
        let mut overdue = false;
        for (index, frame) in self.under_way.iter().enumerate() {
            let alone = frame.departed + round_trip;
            let expected = before.map_or(alone, |before| alone.max(before + bottleneck));
            overdue |= index == 0 && expected <= now;
            last = expected.max(now);
            before = Some(last);
        }
        let wait = (last + bottleneck).saturating_duration_since(now + round_trip);
        let early = EARLY_MARGIN + bottleneck / 8;
        match wait.checked_sub(early) {
            None | Some(Duration::ZERO) => GateState::Open,
            // A worker faster than the source has it done long ago: the link holds it up, and goes
            // on sooner with something to carry.
            Some(_) if overdue && interval.is_some_and(|interval| bottleneck <= interval) => {
                GateState::Open
            }
            Some(_) if overdue => GateState::Shut,
            Some(rest) => GateState::At(now + rest),
        }
    }

    fn every(&self) -> GateState {
        let under_way = self.under_way.len();
        if under_way >= 2 && self.bytes >= MAX_FILE_BYTES {
            return GateState::Shut;
        }
        let spare = match self.lanes {
            1 => EXTRA_FRAMES,
            lanes => EXTRA_FRAMES_PER_LANE * lanes,
        };
        let window = match (self.pipe.rate(), self.pipe.round_trip()) {
            // Twice what the way holds at this rate: where that is too little, the rate rises with it.
            (Some(rate), Some(round_trip)) => {
                (2.0 * rate * round_trip.as_secs_f64()).ceil() as usize + spare
            }
            _ => FIRST_FILE * self.lanes,
        };
        open_if(under_way < window.clamp(self.floor, MAX_FILE.max(self.floor)))
    }

    /// A frame is taken to be sent.
    pub(crate) fn depart(&mut self, id: FrameId, now: Instant) {
        self.last = Some(now);
        if self.discipline == PacingMode::Unanswered {
            return;
        }
        self.under_way.push_back(UnderWay {
            id,
            departed: now,
            bytes: 0,
        });
    }

    /// How large it has become.
    pub(crate) fn weigh(&mut self, id: FrameId, bytes: u64) {
        if let Some(frame) = self.under_way.iter_mut().rev().find(|frame| frame.id == id) {
            self.bytes += bytes;
            frame.bytes += bytes;
        }
    }

    /// A frame was answered; `timing` where its way was an ordinary one.
    pub(crate) fn answered(&mut self, id: FrameId, timing: Option<&Timing>, now: Instant) {
        let Some(frame) = self.take(id) else {
            return;
        };
        if let Some(timing) = timing {
            let round_trip = now.saturating_duration_since(frame.departed);
            self.pipe.answered(round_trip, timing, now);
        }
        let window = self.floor.max(1);
        if let Some(pressure) = &mut self.pressure {
            pressure.until_heard = pressure.until_heard.saturating_sub(1);
            pressure.until_more = pressure.until_more.saturating_sub(1);
            if pressure.until_more == 0 {
                pressure.limit += 1;
                pressure.until_more = pressure.limit.max(window);
            }
            if pressure.limit >= MAX_FILE {
                self.pressure = None;
            }
        }
    }

    /// A frame has waited for too long: its place is free, and nothing is learned of the way.
    pub(crate) fn give_up(&mut self, id: FrameId) {
        self.take(id);
    }

    fn take(&mut self, id: FrameId) -> Option<UnderWay> {
        let index = self.under_way.iter().position(|frame| frame.id == id)?;
        let frame = self.under_way.remove(index)?;
        self.bytes -= frame.bytes;
        Some(frame)
    }

    /// The worker's queues are full: one frame fewer, and more again bit by bit.
    pub(crate) fn pressed(&mut self) {
        let under_way = self.under_way.len();
        let early = self
            .pressure
            .as_ref()
            .is_some_and(|known| known.until_heard > 0);
        if early {
            return;
        }
        let limit = under_way.saturating_sub(1).max(self.floor);
        self.pressure = Some(BackpressureState {
            limit,
            until_more: 4 * limit,
            until_heard: under_way,
        });
    }

    /// The connection is another one: nothing is known of it. Frames that were under way are given
    /// up, or leave again now where they are `resent`.
    pub(crate) fn reconnected(&mut self, resent: bool, now: Instant) {
        self.pipe = PathEstimate::default();
        self.pressure = None;
        if resent {
            for frame in &mut self.under_way {
                frame.departed = now;
            }
        } else {
            self.under_way.clear();
            self.bytes = 0;
        }
    }

    /// The least time between two frames from now on.
    pub(crate) fn set_pause(&mut self, pause: Duration) {
        self.pause = pause;
    }

    /// Frames that are under way.
    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }
}

fn open_if(open: bool) -> GateState {
    if open {
        GateState::Open
    } else {
        GateState::Shut
    }
}

/// Live frames that may be under way at most. Twice what the way holds, and some, lets frames go on
/// while one of them or its answer is held up by a lost packet: those behind it tell of the loss,
/// which otherwise is noticed only after a second.
fn most_live(round_trip: Duration, spacing: Duration, max_age: Option<Duration>) -> usize {
    if spacing.is_zero() {
        return MAX_LIVE;
    }
    let holds = |time: Duration| (time.as_secs_f64() / spacing.as_secs_f64()).ceil() as usize;
    let most = holds(2 * round_trip) + BEHIND_A_LOSS;
    let useful = max_age.map_or(MAX_LIVE, holds);
    most.min(useful).clamp(2, MAX_LIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const LIVE: PacingMode = PacingMode::Newest {
        interval: Some(Duration::from_millis(33)),
        max_age: None,
    };

    fn timing(inference: u64) -> Timing {
        Timing {
            queue_us: Some(0),
            inference_us: Some(inference * 1000),
            ..Timing::default()
        }
    }

    /// A flow that knows a worker with this inference time, 3 ms away.
    fn known(discipline: PacingMode, inference: u64, start: Instant) -> FlowControl {
        let mut flow = FlowControl::new(discipline, 1);
        flow.depart(0, start);
        flow.answered(
            0,
            Some(&timing(inference)),
            start + inference as u32 * MS + 3 * MS,
        );
        flow
    }

    #[test]
    fn a_live_frame_leaves_to_arrive_when_the_model_is_free() {
        let start = Instant::now();
        let mut flow = known(LIVE, 100, start);
        let then = start + 200 * MS;
        assert_eq!(flow.gate(then), GateState::Open);
        flow.depart(1, then);
        let GateState::At(next) = flow.gate(then) else {
            panic!("the model is busy");
        };
        let early = EARLY_MARGIN + 100 * MS / 8;
        assert_eq!(next, then + 100 * MS - early);
        assert_eq!(flow.gate(next), GateState::Open);
        flow.depart(2, next);
        // An answer that is late holds up the frames behind it.
        assert_eq!(flow.gate(then + 150 * MS), GateState::Shut);
        flow.answered(1, Some(&timing(100)), then + 160 * MS);
        assert!(matches!(flow.gate(then + 160 * MS), GateState::At(_)));
    }

    #[test]
    fn a_worker_that_stops_answering_gets_no_more() {
        let start = Instant::now();
        let mut flow = known(LIVE, 5, start);
        let mut now = start + 100 * MS;
        for id in 1..100 {
            now += 33 * MS;
            if flow.gate(now) == GateState::Open {
                flow.depart(id, now);
            }
        }
        assert!(flow.under_way() <= 6, "{} frames", flow.under_way());
    }

    #[test]
    fn batches_always_fill() {
        let start = Instant::now();
        for discipline in [LIVE, PacingMode::Every] {
            let mut flow = FlowControl::new(discipline, 8);
            for id in 0..16 {
                assert_eq!(flow.gate(start), GateState::Open, "frame {id}");
                flow.depart(id, start);
            }
            flow.pressed();
            flow.answered(0, Some(&timing(5)), start + 10 * MS);
            assert_eq!(flow.gate(start + 10 * MS), GateState::Open);
        }
    }

    #[test]
    fn lanes_widen_the_window_of_a_file() {
        let start = Instant::now();
        let first = |lanes: usize| {
            let mut flow = FlowControl::new(PacingMode::Every, 1).over(lanes);
            let open = (0..).take_while(|id| {
                let open = flow.gate(start) == GateState::Open;
                flow.depart(*id, start);
                open
            });
            open.count()
        };
        assert_eq!((first(1), first(8)), (FIRST_FILE, 8 * FIRST_FILE));
    }

    #[test]
    fn bytes_bound_a_files_frames_but_two_may_always_go() {
        let start = Instant::now();
        let mut flow = FlowControl::new(PacingMode::Every, 1);
        for id in 0..2 {
            assert_eq!(flow.gate(start), GateState::Open);
            flow.depart(id, start);
            flow.weigh(id, MAX_FILE_BYTES);
        }
        assert_eq!(flow.gate(start), GateState::Shut);
        flow.answered(0, None, start);
        assert_eq!(flow.gate(start), GateState::Open);
    }

    #[test]
    fn a_frame_that_is_given_up_makes_room() {
        let start = Instant::now();
        let mut flow = FlowControl::new(PacingMode::Every, 1);
        for id in 0..FIRST_FILE as u64 {
            flow.depart(id, start);
            flow.weigh(id, MAX_FILE_BYTES);
        }
        assert_eq!(flow.gate(start), GateState::Shut);
        for id in 0..FIRST_FILE as u64 {
            flow.give_up(id);
            flow.give_up(id);
        }
        assert_eq!((flow.gate(start), flow.bytes), (GateState::Open, 0));
    }

    #[test]
    fn a_word_of_full_queues_takes_one_frame_away_and_answers_give_it_back() {
        let start = Instant::now();
        let mut flow = FlowControl::new(PacingMode::Every, 1);
        for id in 0..8 {
            flow.depart(id, start);
        }
        flow.pressed();
        flow.pressed();
        flow.answered(0, None, start);
        assert_eq!(flow.gate(start), GateState::Shut, "seven are under way");
        flow.answered(1, None, start);
        assert_eq!(flow.gate(start), GateState::Open);
        for id in 8..40 {
            flow.depart(id, start);
            flow.answered(id, None, start);
        }
        flow.depart(40, start);
        assert_eq!(flow.gate(start), GateState::Open, "one more is tried");
    }

    #[test]
    fn a_pause_spaces_frames_out() {
        let start = Instant::now();
        let mut flow = FlowControl::new(PacingMode::Unanswered, 1);
        flow.set_pause(100 * MS);
        flow.depart(0, start);
        assert_eq!(flow.gate(start + MS), GateState::At(start + 100 * MS));
        assert_eq!(flow.gate(start + 100 * MS), GateState::Open);
    }
}
