//! The policies of the sending half, driven by a clock that is a number.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::{CaptureClock, FrameId, Timing};

use super::MS;
use super::config::{Fate, SimConfig, Spans};
use super::outcome::SimOutcome;
use crate::send::adapt::{Adapter, LatencySample, LatencyTarget};
use crate::send::deadline::{ResultDeadline, Silence};
use crate::send::flow::{FlowControl, GateState, PacingMode};
use crate::send::in_flight::{GiveUp, InFlight, TakenFrame};
use crate::send::latency::{FrameMoments, LatencySplitter, micros};
use crate::send::queue::{FrameBuffer, OverflowPolicy};

/// The clock's step.
const STEP: Duration = Duration::from_micros(100);

/// Between two checks of the frames that wait.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// A result on its way to the client.
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

/// Runs a simulation until all its frames have results.
pub(super) fn run(config: &SimConfig) -> SimOutcome {
    let mut sim = Sim::new(config);
    while !sim.step() {
        let limit = sim.start + 3600 * 1000 * MS;
        assert!(sim.now < limit, "the stream never ends");
    }
    sim.outcome.captured = sim.captured;
    sim.outcome.dropped = sim.buffer.dropped();
    sim.outcome.setting = sim.adapter.map(|adapter| adapter.setting());
    sim.outcome.lasted = sim.now - sim.start;
    sim.outcome.unanswered = sim.in_flight.unanswered();
    sim.outcome
}

impl<'a> Sim<'a> {
    fn new(config: &'a SimConfig) -> Self {
        let start = Instant::now();
        let (overflow, pacing, gives_up) = match config.interval {
            Some(interval) => (
                OverflowPolicy::Newest,
                PacingMode::Newest {
                    interval: Some(interval),
                    max_age: config.target,
                },
                GiveUp::All,
            ),
            None => (
                OverflowPolicy::All { capacity: 1 },
                PacingMode::Every,
                GiveUp::Overtaken,
            ),
        };
        let target = config.target.map(|target| LatencyTarget {
            target,
            interval: config.interval,
            quality: 80,
        });
        Self {
            config,
            start,
            now: start,
            buffer: FrameBuffer::new(overflow),
            adapter: target.map(Adapter::new),
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
            outcome: SimOutcome::new(),
        }
    }
}

impl Sim<'_> {
    /// One step of the clock; true at the end.
    fn step(&mut self) -> bool {
        self.now += STEP;
        self.capture();
        while self
            .returning
            .front()
            .is_some_and(|result| result.moments.returned <= self.now)
        {
            if let Some(result) = self.returning.pop_front() {
                self.returned(&result);
            }
        }
        self.encode();
        if self.now >= self.last_check + CHECK_INTERVAL {
            self.check();
        }
        let all_sent = self.outcome.sent + self.buffer.dropped() == self.config.frames;
        (all_sent && self.returning.is_empty()) || self.outcome.is_broken_off
    }

    /// Checks the deadline for results.
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
            Silence::Begins { .. } => self.outcome.reported.push(self.now - self.start),
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
            arrived: captured,
            captured_us: None,
            clock: CaptureClock::Arrival,
            taken: self.now,
            picture: None,
            recorded: None,
            moment: None,
        };
        self.in_flight.depart(id, taken);
        self.outcome.sent += 1;
        self.outcome.most = self.outcome.most.max(self.in_flight.slots_taken());
        self.encoder = self.now + self.config.encode;
        let bytes = self.bytes();
        self.in_flight.encoded(id, None, bytes as u64, self.encoder);
        let result = self.send(id, captured, bytes);
        self.returning.extend(result);
    }

    /// A frame from the encoder to its result, which the frames before it decide; `None` where
    /// there is no result.
    fn send(&mut self, id: FrameId, captured: Instant, bytes: f64) -> Option<ReturningResult> {
        let config = self.config;
        let encoded = self.encoder;
        let begins = self.link.max(encoded);
        let transfer = Duration::from_secs_f64(bytes / config.rate);
        self.link = self.pass(begins, transfer, &config.stalls);
        self.in_flight.handed(id, self.link);
        let at_worker = self.link + config.delay;
        let free = self.pass(self.model.max(at_worker), Duration::ZERO, &config.stops);
        let service = (config.service)(free - self.start);
        self.model = free + service;
        let fate = (config.fate)(id, free - self.start);
        (fate != Fate::Lost).then(|| ReturningResult {
            id,
            can_be_read: fate == Fate::Answered,
            moments: FrameMoments {
                captured,
                arrived: captured,
                taken: self.now,
                encoded,
                handed: Some(encoded),
                returned: self.model + config.delay,
            },
            timing: Timing {
                receive_us: Some(micros(self.link - begins)),
                queue_us: Some(micros(free - at_worker)),
                inference_us: Some(micros(service)),
                ..Timing::default()
            },
        })
    }

    /// When something that takes this long is done, if nothing of it happens in these spans.
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
        // Not the curve that the controller assumes: it must reach its target all the same.
        let quality = f64::from(setting.quality) / 80.0;
        self.config.bytes * side * side * quality
    }

    fn returned(&mut self, result: &ReturningResult) {
        let now = result.moments.returned;
        if !result.can_be_read {
            self.in_flight.damaged(result.id);
            return;
        }
        let timing = Some(&result.timing);
        if let Some(returned) = self.in_flight.returned(result.id, timing, now) {
            self.deadline.returned(returned.waited, now);
        }
        let latency = self.splitter.split(&result.moments, &result.timing);
        let age = Duration::from_micros(latency.age());
        self.outcome.poses.push((result.id, now - self.start, age));
        if let Some(adapter) = &mut self.adapter {
            let sample = LatencySample {
                taken: result.moments.taken,
                age,
                link: latency.link(),
                receive: Duration::from_micros(result.timing.receive_us.unwrap_or_default()),
            };
            if adapter.returned(sample, now).is_some() {
                self.in_flight.set_pause(adapter.pause());
            }
        }
    }
}
