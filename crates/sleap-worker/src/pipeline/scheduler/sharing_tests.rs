//! Streams that share a model, in virtual time: the scheduler beside a queue that takes what comes first.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::*;

/// One call of the model.
const INFERENCE: Duration = Duration::from_millis(8);
/// What may be added to it.
const TOLERANCE: Duration = Duration::from_millis(3);
const CAMERA_INTERVAL: Duration = Duration::from_micros(33_333);
const STEP: Duration = Duration::from_micros(100);
/// Frames that a client has at the worker, at most.
const WINDOW: usize = 5;

/// Decides which frames run next. A frame is the index of its stream and the time when it came.
trait Policy {
    fn open(&mut self, class: StreamClass);
    fn push(&mut self, stream: usize, now: Instant);
    fn next(&mut self, now: Instant) -> Vec<(usize, Instant)>;
}

struct Scheduled {
    scheduler: Scheduler<(), (usize, Instant), (), ()>,
    ids: Vec<StreamId>,
}

impl Scheduled {
    fn new() -> Self {
        let limits = BatchLimits {
            frames: 1,
            client_frames: 64,
            bytes: usize::MAX,
        };
        Self {
            scheduler: Scheduler::new(limits),
            ids: Vec::new(),
        }
    }
}

impl Policy for Scheduled {
    fn open(&mut self, class: StreamClass) {
        self.ids.push(self.scheduler.open(class));
    }

    fn push(&mut self, stream: usize, now: Instant) {
        self.scheduler.push_frame(self.ids[stream], (), ());
        let (place, ()) = self.scheduler.next_job(now).expect("a frame");
        self.scheduler.decoded(&place, Some(((stream, now), 1)));
    }

    fn next(&mut self, now: Instant) -> Vec<(usize, Instant)> {
        match self.scheduler.next_call(now) {
            Some(Call::Frames(frames)) => frames,
            _ => Vec::new(),
        }
    }
}

/// What came first runs first.
#[derive(Default)]
struct FirstCome(VecDeque<(usize, Instant)>);

impl Policy for FirstCome {
    fn open(&mut self, _: StreamClass) {}

    fn push(&mut self, stream: usize, now: Instant) {
        self.0.push_back((stream, now));
    }

    fn next(&mut self, _: Instant) -> Vec<(usize, Instant)> {
        self.0.pop_front().into_iter().collect()
    }
}

#[derive(Clone, Copy)]
struct Source {
    class: StreamClass,
    /// Between two frames; `None`: as fast as they are taken.
    interval: Option<Duration>,
    /// Frames at the worker, at most.
    window: usize,
}

const FILE: Source = Source {
    class: StreamClass::File,
    interval: None,
    window: WINDOW,
};
const CAMERA: Source = Source {
    class: StreamClass::Live,
    interval: Some(CAMERA_INTERVAL),
    window: WINDOW,
};

/// What became of a stream.
#[derive(Clone, Copy, Default)]
struct Outcome {
    frames: u32,
    /// The longest time that a frame waited for its call.
    longest_wait: Duration,
}

/// Streams for ten seconds. Cameras begin one after the other within their interval.
fn run(policy: &mut dyn Policy, sources: &[Source]) -> Vec<Outcome> {
    let start = Instant::now();
    let mut outcomes = vec![Outcome::default(); sources.len()];
    let mut at_worker = vec![0; sources.len()];
    let phase = |index: usize| CAMERA_INTERVAL * index as u32 / sources.len() as u32;
    let mut due: Vec<Duration> = (0..sources.len()).map(phase).collect();
    sources.iter().for_each(|source| policy.open(source.class));
    let mut running: Option<(Duration, Vec<(usize, Instant)>)> = None;
    for step in 0..100_000 {
        let at = STEP * step;
        let now = start + at;
        for (index, source) in sources.iter().enumerate() {
            while at >= due[index] && at_worker[index] < source.window {
                policy.push(index, now);
                at_worker[index] += 1;
                due[index] += source.interval.unwrap_or_default();
            }
        }
        if let Some((_, done)) = running.take_if(|(until, _)| *until <= at) {
            done.iter().for_each(|(stream, _)| at_worker[*stream] -= 1);
        }
        if running.is_some() {
            continue;
        }
        let frames = policy.next(now);
        for (stream, came) in &frames {
            let outcome = &mut outcomes[*stream];
            outcome.frames += 1;
            outcome.longest_wait = outcome.longest_wait.max(now - *came);
        }
        if !frames.is_empty() {
            running = Some((at + INFERENCE, frames));
        }
    }
    outcomes
}

/// The longest wait of three cameras beside a file at full speed, and the file's frames.
fn cameras_beside_a_file(policy: &mut dyn Policy) -> (Duration, u32) {
    let outcomes = run(policy, &[CAMERA, CAMERA, CAMERA, FILE]);
    let waits = outcomes[..3].iter().map(|camera| camera.longest_wait);
    for camera in &outcomes[..3] {
        assert!(camera.frames >= 295, "{} frames of a camera", camera.frames);
    }
    (waits.max().unwrap_or_default(), outcomes[3].frames)
}

#[test]
fn a_camera_waits_for_no_more_than_one_call_beside_a_file_at_full_speed() {
    let (longest, of_file) = cameras_beside_a_file(&mut Scheduled::new());
    assert!(longest <= INFERENCE + TOLERANCE, "{longest:?}");
    // What the cameras leave: 1250 calls in ten seconds, of which 900 are theirs.
    assert!(of_file >= 330, "{of_file} frames of the file");
    // The control: in a queue for all it waits for the file's window.
    let (longest, _) = cameras_beside_a_file(&mut FirstCome::default());
    assert!(longest > 3 * INFERENCE, "{longest:?}");
}

#[test]
fn equal_streams_have_equal_shares_whatever_their_windows() {
    let file = |window| Source { window, ..FILE };
    let sources = [file(1), file(2), file(8), file(40)];
    let shares = |policy: &mut dyn Policy| {
        let outcomes = run(policy, &sources);
        let frames = || outcomes.iter().map(|outcome| f64::from(outcome.frames));
        let least = frames().fold(f64::MAX, f64::min);
        let all: f64 = frames().sum();
        (least / frames().fold(0.0, f64::max), all)
    };
    let (share, all) = shares(&mut Scheduled::new());
    assert!(share >= 0.9, "{share}");
    assert!(all >= 1200.0, "{all}");
    let (share, _) = shares(&mut FirstCome::default());
    assert!(share < 0.3, "{share}");
}

/// What the worker tells clients before their streams begin is what they get.
#[test]
fn live_streams_get_the_rates_that_were_promised() {
    use crate::streams::{LiveRoom, StreamDemand};
    let room = LiveRoom {
        rate: Some(1.0 / INFERENCE.as_secs_f64()),
        least: 1.0,
    };
    for asked in [
        vec![30.0, 30.0],
        vec![60.0, 60.0, 60.0],
        vec![10.0, 100.0, 100.0],
        vec![200.0, 40.0, 5.0, 90.0],
    ] {
        let camera = |rate: &f64| Source {
            interval: Some(Duration::from_secs_f64(1.0 / rate)),
            ..CAMERA
        };
        let mut sources: Vec<Source> = asked.iter().map(camera).collect();
        sources.push(FILE);
        let outcomes = run(&mut Scheduled::new(), &sources);
        for (index, own) in asked.iter().enumerate() {
            let mut others: Vec<_> = asked.iter().copied().map(StreamDemand::Live).collect();
            others[index] = StreamDemand::File;
            let expected = room.expected(&others, StreamDemand::Live(*own));
            let given = f64::from(outcomes[index].frames) / 10.0;
            let ratio = given / expected.unwrap_or(*own);
            assert!(
                (0.9..1.1).contains(&ratio),
                "{asked:?}: {given}, not {expected:?}"
            );
        }
    }
}

#[test]
fn cameras_that_take_the_whole_model_leave_a_file_some_frames() {
    let fast = Source {
        interval: Some(Duration::from_millis(10)),
        ..CAMERA
    };
    let outcomes = run(&mut Scheduled::new(), &[fast, fast, FILE, FILE]);
    // Five in a second, and each file its half of them.
    assert!(
        (20..=28).contains(&outcomes[2].frames),
        "{}",
        outcomes[2].frames
    );
    assert!(outcomes[2].frames.abs_diff(outcomes[3].frames) <= 1);
}
