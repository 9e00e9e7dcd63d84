//! The real policies in virtual time: queue, flow control, adaptation and the deadline for answers
//! between a source, a link and a worker that are made up.

mod scenes;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::{FrameId, Timing};

use crate::send::adapt::{Adapter, EncodeSetting, LatencySample, LatencyTarget};
use crate::send::deadline::{ResultDeadline, Silence};
use crate::send::flow::{FlowControl, GateState, PacingMode};
use crate::send::frame_list::FrameList;
use crate::send::in_flight::{GiveUp, InFlight, TakenFrame};
use crate::send::latency::{FrameMoments, LatencySplitter, micros};
use crate::send::queue::{FrameBuffer, OverflowPolicy};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The clock's step.
const STEP: Duration = Duration::from_micros(100);

/// Between two looks at the frames that wait.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// What a worker does with a frame that it has processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It says nothing of it.
    Lost,
    /// What it says cannot be read, save for the frame's number.
    Damaged,
}

/// From and until, since the start.
type Spans = Vec<(Duration, Duration)>;

/// What is simulated.
pub(crate) struct SimConfig {
    /// Frames come that far apart; `None`: a file, as fast as it is taken.
    pub(crate) interval: Option<Duration>,
    /// So many frames come at once, and then none for as long.
    pub(crate) burst: u32,
    /// Frames that there are.
    pub(crate) frames: u64,
    pub(crate) encode: Duration,
    /// Bytes of a frame at full quality and size.
    pub(crate) bytes: f64,
    /// Bytes per second.
    pub(crate) rate: f64,
    /// One way.
    pub(crate) delay: Duration,
    /// Nothing moves on the link then.
    pub(crate) stalls: Spans,
    /// The model's time for a frame that it begins with at a time since the start.
    pub(crate) service: fn(Duration) -> Duration,
    /// The worker begins with no frame then.
    pub(crate) stops: Spans,
    /// What becomes of a frame that the model begins with at a time since the start.
    pub(crate) fate: fn(FrameId, Duration) -> Fate,
    /// How long nothing may be answered before the stream ends.
    pub(crate) result_timeout: Duration,
    /// Adapt to this target.
    pub(crate) target: Option<Duration>,
    pub(crate) batch_size: u32,
}

impl SimConfig {
    /// A camera at 30 frames per second, a near and wide link, a model of 10 ms.
    pub(crate) fn camera() -> Self {
        Self {
            interval: Some(Duration::from_nanos(33_333_333)),
            burst: 1,
            frames: 900,
            encode: MS,
            bytes: 30e3,
            rate: 200e6,
            delay: MS / 5,
            stalls: Vec::new(),
            service: |_| 10 * MS,
            stops: Vec::new(),
            fate: |_, _| Fate::Answered,
            result_timeout: Duration::from_secs(60),
            target: None,
            batch_size: 1,
        }
    }

    /// A file, else the same.
    pub(crate) fn file() -> Self {
        Self {
            interval: None,
            ..Self::camera()
        }
    }

    /// Age of a pose that waits for nothing.
    pub(crate) fn pure(&self) -> Duration {
        let transfer = Duration::from_secs_f64(self.bytes / self.rate);
        self.encode + transfer + 2 * self.delay + (self.service)(Duration::ZERO)
    }
}

/// What came of it.
pub(crate) struct SimOutcome {
    /// Each pose's frame, time in hand since the start, and age.
    pub(crate) poses: Vec<(FrameId, Duration, Duration)>,
    pub(crate) captured: u64,
    pub(crate) dropped: u64,
    /// Most frames that were under way at a time.
    pub(crate) most: usize,
    pub(crate) setting: Option<EncodeSetting>,
    pub(crate) lasted: Duration,
    /// When people were told that nothing is answered.
    pub(crate) told: Vec<Duration>,
    /// Frames that were given up.
    pub(crate) given_up: u64,
    /// Frames that were sent.
    pub(crate) sent: u64,
    pub(crate) unanswered: FrameList,
    /// The stream was ended since nothing was answered.
    pub(crate) is_broken_off: bool,
}

impl SimOutcome {
    pub(crate) fn age(&self, share: f64) -> Duration {
        percentile(self.poses.iter().map(|pose| pose.2).collect(), share)
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.poses.len() as f64 / self.lasted.as_secs_f64()
    }

    pub(crate) fn ids(&self) -> Vec<FrameId> {
        self.poses.iter().map(|pose| pose.0).collect()
    }
}

pub(crate) fn percentile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share).round() as usize]
}

/// An answer on its way back.
struct ReturningResult {
    id: FrameId,
    moments: FrameMoments,
    timing: Timing,
    can_be_read: bool,
}

struct Sim<'a> {
    config: &'a SimConfig,
    start: Instant,
    now: Instant,
    buffer: FrameBuffer<(FrameId, Instant)>,
    adapter: Option<Adapter>,
    splitter: LatencySplitter,
    in_flight: InFlight,
    deadline: ResultDeadline,
    /// When the link last delivered anything.
    moved: Instant,
    last_check: Instant,
    captured: u64,
    /// The encoder is at work until then.
    encoder: Instant,
    /// The link is at work until then.
    link: Instant,
    /// The model is at work until then.
    model: Instant,
    returning: VecDeque<ReturningResult>,
    outcome: SimOutcome,
}

/// Runs a world until all its frames are answered.
pub(crate) fn run(config: &SimConfig) -> SimOutcome {
    let start = Instant::now();
    let (policy, pacing) = match config.interval {
        Some(interval) => (
            OverflowPolicy::Newest,
            PacingMode::Newest {
                interval: Some(interval),
                max_age: config.target,
            },
        ),
        None => (OverflowPolicy::All { capacity: 1 }, PacingMode::Every),
    };
    let gives_up = match config.interval {
        Some(_) => GiveUp::All,
        None => GiveUp::Overtaken,
    };
    let goal = config.target.map(|target| LatencyTarget {
        target,
        interval: config.interval,
        quality: 80,
    });
    let mut sim = Sim {
        config,
        start,
        now: start,
        buffer: FrameBuffer::new(policy),
        adapter: goal.map(Adapter::new),
        splitter: LatencySplitter::default(),
        in_flight: InFlight::new(FlowControl::new(pacing, config.batch_size)),
        deadline: ResultDeadline::new(gives_up, config.result_timeout, start),
        moved: start,
        last_check: start,
        captured: 0,
        encoder: start,
        link: start,
        model: start,
        returning: VecDeque::new(),
        outcome: SimOutcome {
            poses: Vec::new(),
            captured: 0,
            dropped: 0,
            most: 0,
            setting: None,
            lasted: Duration::ZERO,
            told: Vec::new(),
            given_up: 0,
            sent: 0,
            unanswered: FrameList::default(),
            is_broken_off: false,
        },
    };
    while !sim.step() {
        assert!(sim.now < start + 3600 * 1000 * MS, "the stream never ends");
    }
    sim.outcome.captured = sim.captured;
    sim.outcome.dropped = sim.buffer.dropped();
    sim.outcome.setting = sim.adapter.map(|adapter| adapter.setting());
    sim.outcome.lasted = sim.now - start;
    sim.outcome.unanswered = sim.in_flight.unanswered();
    sim.outcome
}

impl Sim<'_> {
    /// One step of the clock; true at the end.
    fn step(&mut self) -> bool {
        self.now += STEP;
        self.capture();
        while self
            .returning
            .front()
            .is_some_and(|answer| answer.moments.answered <= self.now)
        {
            if let Some(answer) = self.returning.pop_front() {
                self.answered(&answer);
            }
        }
        self.encode();
        if self.now >= self.last_check + CHECK_INTERVAL {
            self.check();
        }
        let all_sent = self.outcome.sent + self.buffer.dropped() == self.config.frames;
        (all_sent && self.returning.is_empty()) || self.outcome.is_broken_off
    }

    /// The deadline's part.
    fn check(&mut self) {
        self.last_check = self.now;
        if self.now < self.link && !self.is_stalled() {
            self.moved = self.now;
        }
        let check = self
            .deadline
            .check(&mut self.in_flight, self.moved, self.now);
        self.outcome.given_up += check.given_up.len() as u64;
        match check.silence {
            Silence::None => {}
            Silence::Begins { .. } => self.outcome.told.push(self.now - self.start),
            Silence::TooLong { .. } => self.outcome.is_broken_off = true,
        }
    }

    fn is_stalled(&self) -> bool {
        let now = self.now - self.start;
        let stalls = |(from, until): &(Duration, Duration)| (*from..*until).contains(&now);
        self.config.stalls.iter().any(stalls)
    }

    fn capture(&mut self) {
        let config = self.config;
        let due = |captured: u64| match config.interval {
            None => true,
            Some(interval) => {
                let burst = u64::from(config.burst);
                let at = interval * (captured / burst * burst) as u32;
                self.start + at <= self.now
            }
        };
        while self.captured < config.frames && due(self.captured) && self.buffer.has_room() {
            self.buffer.push((self.captured, self.now));
            self.captured += 1;
        }
    }

    fn encode(&mut self) {
        if self.now < self.encoder || self.in_flight.gate(self.now) != GateState::Open {
            return;
        }
        let Some((id, captured)) = self.buffer.pop() else {
            return;
        };
        let taken = TakenFrame {
            captured,
            captured_us: None,
            taken: self.now,
            picture: None,
            recorded: None,
        };
        self.in_flight.depart(id, taken);
        self.outcome.sent += 1;
        self.outcome.most = self.outcome.most.max(self.in_flight.slots_taken());
        self.encoder = self.now + self.config.encode;
        let bytes = self.bytes();
        self.in_flight.encoded(id, None, bytes as u64, self.encoder);
        let answer = self.send(id, captured, bytes);
        self.returning.extend(answer);
    }

    /// A frame's way from the encoder to the answer, which the frames before it decide; `None` where
    /// there is no answer.
    fn send(&mut self, id: FrameId, captured: Instant, bytes: f64) -> Option<ReturningResult> {
        let config = self.config;
        let encoded = self.encoder;
        let begins = self.link.max(encoded);
        let transfer = Duration::from_secs_f64(bytes / config.rate);
        self.link = self.pass(begins, transfer, &config.stalls);
        self.in_flight.handed(id, self.link);
        let arrived = self.link + config.delay;
        let free = self.pass(self.model.max(arrived), Duration::ZERO, &config.stops);
        let service = (config.service)(free - self.start);
        self.model = free + service;
        let fate = (config.fate)(id, free - self.start);
        (fate != Fate::Lost).then(|| ReturningResult {
            id,
            can_be_read: fate == Fate::Answered,
            moments: FrameMoments {
                captured,
                taken: self.now,
                encoded,
                handed: Some(encoded),
                answered: self.model + config.delay,
            },
            timing: Timing {
                receive_us: Some(micros(self.link - begins)),
                queue_us: Some(micros(free - arrived)),
                inference_us: Some(micros(service)),
                ..Timing::default()
            },
        })
    }

    /// When something that takes so long is done, if nothing of it happens in these spans.
    fn pass(&self, begins: Instant, takes: Duration, spans: &Spans) -> Instant {
        let mut ends = begins + takes;
        for (from, until) in spans {
            let (from, until) = (self.start + *from, self.start + *until);
            if begins < until && ends >= from {
                ends += until - from.max(begins);
            }
        }
        ends
    }

    fn bytes(&self) -> f64 {
        let Some(setting) = self.adapter.as_ref().map(Adapter::setting) else {
            return self.config.bytes;
        };
        let side = f64::from(setting.size) / 100.0;
        // Not the curve that the ladder assumes: the controller must find its way all the same.
        let quality = f64::from(setting.quality) / 80.0;
        self.config.bytes * side * side * quality
    }

    fn answered(&mut self, answer: &ReturningResult) {
        let now = answer.moments.answered;
        if !answer.can_be_read {
            self.in_flight.damaged(answer.id);
            return;
        }
        let timing = Some(&answer.timing);
        if let Some(returned) = self.in_flight.returned(answer.id, timing, now) {
            self.deadline.answered(returned.waited, now);
        }
        let latency = self.splitter.split(&answer.moments, &answer.timing);
        let age = Duration::from_micros(latency.age());
        self.outcome.poses.push((answer.id, now - self.start, age));
        if let Some(adapter) = &mut self.adapter {
            let sample = LatencySample {
                taken: answer.moments.taken,
                age,
                link: latency.link(),
                receive: Duration::from_micros(answer.timing.receive_us.unwrap_or_default()),
            };
            if adapter.answered(sample, now).is_some() {
                self.in_flight.set_pause(adapter.pause());
            }
        }
    }
}
