//! The real policies in virtual time: queue, flow control and adaptation between a source, a link
//! and a worker that are made up.

mod scenes;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::{FrameId, Timing};

use crate::adapt::{Adapter, Goal, Sample, Setting};
use crate::flow::{Discipline, Flow, Gate};
use crate::latency::{Moments, Splitter, micros};
use crate::queue::{Buffer, Policy};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The clock's step.
const STEP: Duration = Duration::from_micros(100);

/// From and until, since the start.
type Spans = Vec<(Duration, Duration)>;

/// What is simulated.
pub(crate) struct World {
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
    /// Adapt to this target.
    pub(crate) target: Option<Duration>,
    pub(crate) batch_size: u32,
}

impl World {
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
pub(crate) struct Outcome {
    /// Each pose's frame, time in hand since the start, and age.
    pub(crate) poses: Vec<(FrameId, Duration, Duration)>,
    pub(crate) captured: u64,
    pub(crate) dropped: u64,
    /// Most frames that were under way at a time.
    pub(crate) most: usize,
    pub(crate) setting: Option<Setting>,
    pub(crate) lasted: Duration,
}

impl Outcome {
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
struct Answer {
    id: FrameId,
    moments: Moments,
    timing: Timing,
}

struct Sim<'a> {
    world: &'a World,
    start: Instant,
    now: Instant,
    buffer: Buffer<(FrameId, Instant)>,
    flow: Flow,
    adapter: Option<Adapter>,
    splitter: Splitter,
    captured: u64,
    /// The encoder is at work until then.
    encoder: Instant,
    /// The link is at work until then.
    link: Instant,
    /// The model is at work until then.
    model: Instant,
    answers: VecDeque<Answer>,
    outcome: Outcome,
}

/// Runs a world until all its frames are answered.
pub(crate) fn run(world: &World) -> Outcome {
    let start = Instant::now();
    let (policy, discipline) = match world.interval {
        Some(interval) => (
            Policy::Newest,
            Discipline::Newest {
                interval: Some(interval),
                patience: world.target,
            },
        ),
        None => (Policy::All { capacity: 1 }, Discipline::Every),
    };
    let goal = world.target.map(|target| Goal {
        target,
        interval: world.interval,
        quality: 80,
    });
    let mut sim = Sim {
        world,
        start,
        now: start,
        buffer: Buffer::new(policy),
        flow: Flow::new(discipline, world.batch_size),
        adapter: goal.map(Adapter::new),
        splitter: Splitter::default(),
        captured: 0,
        encoder: start,
        link: start,
        model: start,
        answers: VecDeque::new(),
        outcome: Outcome {
            poses: Vec::new(),
            captured: 0,
            dropped: 0,
            most: 0,
            setting: None,
            lasted: Duration::ZERO,
        },
    };
    while !sim.step() {
        assert!(sim.now < start + 3600 * 1000 * MS, "the stream never ends");
    }
    sim.outcome.captured = sim.captured;
    sim.outcome.dropped = sim.buffer.dropped();
    sim.outcome.setting = sim.adapter.map(|adapter| adapter.setting());
    sim.outcome.lasted = sim.now - start;
    sim.outcome
}

impl Sim<'_> {
    /// One step of the clock; true at the end.
    fn step(&mut self) -> bool {
        self.now += STEP;
        self.capture();
        while self
            .answers
            .front()
            .is_some_and(|answer| answer.moments.answered <= self.now)
        {
            if let Some(answer) = self.answers.pop_front() {
                self.answered(&answer);
            }
        }
        self.encode();
        self.captured == self.world.frames && self.flow.under_way() == 0
    }

    fn capture(&mut self) {
        let world = self.world;
        let due = |captured: u64| match world.interval {
            None => true,
            Some(interval) => {
                let burst = u64::from(world.burst);
                let at = interval * (captured / burst * burst) as u32;
                self.start + at <= self.now
            }
        };
        while self.captured < world.frames && due(self.captured) && self.buffer.has_room() {
            self.buffer.push((self.captured, self.now));
            self.captured += 1;
        }
    }

    fn encode(&mut self) {
        if self.now < self.encoder || self.flow.gate(self.now) != Gate::Open {
            return;
        }
        let Some((id, captured)) = self.buffer.pop() else {
            return;
        };
        self.flow.depart(id, self.now);
        self.outcome.most = self.outcome.most.max(self.flow.under_way());
        self.encoder = self.now + self.world.encode;
        let answer = self.send(id, captured);
        self.answers.push_back(answer);
    }

    /// A frame's way from the encoder to the answer, which the frames before it decide.
    fn send(&mut self, id: FrameId, captured: Instant) -> Answer {
        let bytes = self.bytes();
        self.flow.weigh(id, bytes as u64);
        let world = self.world;
        let encoded = self.encoder;
        let begins = self.link.max(encoded);
        let transfer = Duration::from_secs_f64(bytes / world.rate);
        self.link = self.pass(begins, transfer, &world.stalls);
        let arrived = self.link + world.delay;
        let free = self.pass(self.model.max(arrived), Duration::ZERO, &world.stops);
        let service = (world.service)(free - self.start);
        self.model = free + service;
        Answer {
            id,
            moments: Moments {
                captured,
                taken: self.now,
                encoded,
                handed: Some(encoded),
                answered: self.model + world.delay,
            },
            timing: Timing {
                receive_us: Some(micros(self.link - begins)),
                queue_us: Some(micros(free - arrived)),
                inference_us: Some(micros(service)),
                ..Timing::default()
            },
        }
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
            return self.world.bytes;
        };
        let side = f64::from(setting.size) / 100.0;
        // Not the curve that the ladder assumes: the controller must find its way all the same.
        let quality = f64::from(setting.quality) / 80.0;
        self.world.bytes * side * side * quality
    }

    fn answered(&mut self, answer: &Answer) {
        let now = answer.moments.answered;
        self.flow.answered(answer.id, Some(&answer.timing), now);
        let latency = self.splitter.split(&answer.moments, &answer.timing);
        let age = Duration::from_micros(latency.age());
        self.outcome.poses.push((answer.id, now - self.start, age));
        if let Some(adapter) = &mut self.adapter {
            let sample = Sample {
                taken: answer.moments.taken,
                age,
                link: latency.link(),
                receive: Duration::from_micros(answer.timing.receive_us.unwrap_or_default()),
            };
            if adapter.answered(sample, now).is_some() {
                self.flow.set_pause(adapter.pause());
            }
        }
    }
}
