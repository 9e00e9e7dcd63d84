use std::collections::BTreeMap;

use super::*;

const PATIENCE: Duration = Duration::from_millis(200);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn slot(cameras: usize, tolerance: Duration) -> MomentSlot<u64> {
    let limits = SlotLimits {
        tolerance,
        patience: PATIENCE,
    };
    MomentSlot::new(cameras, limits)
}

/// A camera of a simulation, and its way to the worker.
#[derive(Clone, Copy)]
struct SimCamera {
    interval: Duration,
    /// When it captures its first frame.
    phase: Duration,
    /// From a capture to its delivery.
    delivery: Duration,
    /// It captures nothing then.
    gap: (u64, u64),
    /// What a frame takes beside the model; other frames of the camera wait meanwhile.
    link: Duration,
}

impl SimCamera {
    fn new(interval: u64, phase: u64) -> Self {
        Self {
            interval: ms(interval),
            phase: ms(phase),
            delivery: ms(2),
            gap: (0, 0),
            link: ms(4),
        }
    }
}

/// How frames are left out.
#[derive(Clone, Copy, PartialEq)]
enum Policy {
    Together,
    /// Each camera has a slot of its own.
    Apart,
}

/// The frames that have poses: of each interval the cameras, with the time of their poses.
type Sent = BTreeMap<u64, Vec<(usize, u64)>>;

/// Runs cameras towards a worker whose model takes so long for a frame, in virtual time, by steps of a millisecond.
fn simulate(policy: Policy, cameras: &[SimCamera], service: Duration, seconds: u64) -> (Sent, u64) {
    let start = Instant::now();
    let shortest = cameras.iter().map(|it| it.interval).min().unwrap();
    let count = cameras.len();
    let mut together = slot(count, shortest / 2);
    let mut apart: Vec<Option<u64>> = vec![None; count];
    // The frame of each camera that is under way, and when its camera may send again.
    let (mut busy, mut queue) = (vec![None::<u64>; count], VecDeque::new());
    let (mut worker_free, mut sent) = (0, Sent::new());
    for now_ms in 0..seconds * 1000 {
        let now = start + ms(now_ms);
        for (index, camera) in cameras.iter().enumerate() {
            let Some(since) = ms(now_ms).checked_sub(camera.phase + camera.delivery) else {
                continue;
            };
            let frame = (since.as_nanos() / camera.interval.as_nanos()) as u64;
            let captured = camera.phase + camera.interval * frame as u32;
            let is_gap = (camera.gap.0..camera.gap.1).contains(&(captured.as_millis() as u64));
            let is_now = since.as_nanos() % camera.interval.as_nanos() == 0;
            if is_now && !is_gap {
                let moment = (captured.as_nanos() / shortest.as_nanos()) as u64;
                together.captured(index, start + captured, moment, now);
                apart[index] = Some(moment);
            }
        }
        // Whichever encoder comes first.
        for step in 0..2 * count {
            let index = (step + now_ms as usize) % count;
            if busy[index].is_some_and(|until| until > now_ms) {
                continue;
            }
            let taken = match policy {
                Policy::Together => {
                    together.ready(index, now);
                    match together.take(index, now) {
                        Taken::Frame(moment) => Some(moment),
                        Taken::Wait(_) => None,
                    }
                }
                Policy::Apart => apart[index].take(),
            };
            if let Some(moment) = taken {
                busy[index] = Some(u64::MAX);
                queue.push_back((index, moment));
            }
        }
        while let Some((index, moment)) = queue.front().copied()
            && worker_free <= now_ms
        {
            queue.pop_front();
            worker_free = now_ms + service.as_millis() as u64;
            busy[index] = Some(worker_free + cameras[index].link.as_millis() as u64);
            sent.entry(moment).or_default().push((index, worker_free));
        }
    }
    (sent, together.alone())
}

/// The share of the moments that have frames of so many cameras.
fn whole(sent: &Sent, cameras: usize) -> f64 {
    let whole = sent.values().filter(|frames| frames.len() == cameras);
    whole.count() as f64 / sent.len() as f64
}

fn frames(sent: &Sent) -> usize {
    sent.values().map(Vec::len).sum()
}

#[test]
fn a_worker_without_room_leaves_out_whole_moments() {
    for cameras in [
        vec![SimCamera::new(20, 0), SimCamera::new(20, 5)],
        vec![SimCamera::new(20, 0), SimCamera::new(20, 9)],
        vec![
            SimCamera::new(20, 0),
            SimCamera::new(20, 3),
            SimCamera::new(20, 6),
        ],
    ] {
        for service in [7, 13, 30, 55, 400] {
            let run = |policy| simulate(policy, &cameras, ms(service), 60);
            let (together, alone) = run(Policy::Together);
            let (apart, _) = run(Policy::Apart);
            let share = whole(&together, cameras.len());
            assert!(share > 0.99, "{share} of {service} ms");
            assert_eq!(alone, 0, "{service} ms");
            // It costs no poses.
            let (now, before) = (frames(&together), frames(&apart));
            assert!(
                now as f64 > 0.8 * before as f64,
                "{now} of {before} at {service} ms"
            );
        }
    }
    let rig = [SimCamera::new(20, 0), SimCamera::new(20, 5)];
    let (apart, _) = simulate(Policy::Apart, &rig, ms(30), 60);
    assert!(whole(&apart, 2) < 0.9);
}

#[test]
fn with_room_every_frame_goes_at_once() {
    let rig = [SimCamera::new(50, 0), SimCamera::new(100, 4)];
    let (sent, alone) = simulate(Policy::Together, &rig, ms(3), 10);
    assert_eq!(alone, 0);
    let frames = |camera: usize| {
        let all = sent
            .iter()
            .flat_map(|(moment, all)| all.iter().map(move |it| (*moment, *it)));
        all.filter(move |(_, (index, _))| *index == camera)
    };
    assert_eq!((frames(0).count(), frames(1).count()), (200, 100));
    // From the capture to the poses: delivery, the model for both, and the step of the simulation.
    assert!(frames(0).all(|(moment, (_, done))| done - moment * 50 <= 9));
}

#[test]
fn a_frame_that_a_camera_misses_does_not_remove_those_of_the_others() {
    let gap = SimCamera {
        gap: (1000, 1040),
        ..SimCamera::new(20, 4)
    };
    let (sent, _) = simulate(Policy::Together, &[SimCamera::new(20, 0), gap], ms(3), 3);
    for moment in 50..52 {
        assert_eq!(sent[&moment].len(), 1);
    }
    assert_eq!(whole(&sent, 2), 148.0 / 150.0);
}

#[test]
fn a_camera_that_delivers_nothing_holds_others_up_for_its_patience_at_most() {
    let dead = SimCamera {
        gap: (5_000, 20_000),
        ..SimCamera::new(20, 4)
    };
    let (sent, alone) = simulate(Policy::Together, &[SimCamera::new(20, 0), dead], ms(30), 25);
    let times = |from: u64, to: u64| {
        let done = sent.values().flatten().map(|(_, done)| *done);
        let mut done: Vec<u64> = done.filter(|at| (from..to).contains(at)).collect();
        done.sort_unstable();
        done.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    };
    assert!(times(4_000, 8_000) <= 240, "{}", times(4_000, 8_000));
    assert!(times(5_300, 20_000) <= 60);
    // It is back.
    let later: Sent = sent
        .range(1_050..)
        .map(|(at, all)| (*at, all.clone()))
        .collect();
    // The run ends within a moment.
    assert!(whole(&later, 2) > 0.98, "{later:?}");
    assert_eq!(alone, 0);
}

#[test]
fn a_camera_whose_way_is_slow_holds_others_up_for_its_patience_at_most() {
    let slow = SimCamera {
        link: ms(2_000),
        ..SimCamera::new(20, 4)
    };
    let rig = [SimCamera::new(20, 0), slow];
    let (sent, alone) = simulate(Policy::Together, &rig, ms(10), 60);
    let of = |camera: usize| {
        sent.values()
            .flatten()
            .filter(move |it| it.0 == camera)
            .count()
    };
    // Without the other one it sends 50 a second.
    assert!(of(0) > 60 * 40, "{}", of(0));
    assert!(of(1) >= 28 && alone > 0);
}

#[test]
fn the_newest_moment_goes_and_what_is_left_out_is_counted() {
    let mut slot = slot(2, ms(10));
    let start = Instant::now();
    let at = |ms_: u64| start + ms(ms_);
    for moment in 0..4 {
        assert_eq!(
            slot.captured(0, at(50 * moment), moment, at(200)),
            moment.checked_sub(1)
        );
    }
    for moment in 0..3 {
        slot.captured(1, at(50 * moment + 5), moment, at(200));
    }
    slot.ready(0, at(200));
    assert!(matches!(slot.take(0, at(200)), Taken::Wait(Some(until)) if until > at(200)));
    slot.ready(1, at(210));
    // The other one's frame of that moment was left out.
    assert_eq!(slot.take(1, at(210)), Taken::Wait(None));
    assert_eq!(slot.take(0, at(210)), Taken::Frame(3));
    slot.captured(1, at(155), 3, at(211));
    assert_eq!(slot.take(1, at(211)), Taken::Frame(3));
    assert_eq!((slot.dropped(0), slot.dropped(1)), (3, 3));
    assert_eq!(slot.alone(), 0);
}

#[test]
fn a_frame_of_a_moment_that_has_begun_is_not_replaced() {
    let mut slot = slot(2, ms(10));
    let start = Instant::now();
    let at = |ms_: u64| start + ms(ms_);
    (0..2).for_each(|camera| slot.ready(camera, start));
    slot.captured(0, at(0), 0, at(0));
    assert_eq!(slot.take(0, at(0)), Taken::Frame(0));
    // The other one's encoder is slow to take its frame.
    assert_eq!(slot.captured(1, at(5), 0, at(5)), None);
    assert_eq!(slot.captured(1, at(55), 1, at(55)), None);
    assert_eq!(slot.take(1, at(56)), Taken::Frame(0));
    assert_eq!((slot.dropped(1), slot.alone()), (0, 0));
}

#[test]
fn memory_is_bounded() {
    let mut slot = slot(1, ms(10));
    let start = Instant::now();
    for frame in 0..2_000 {
        let at = start + ms(50 * frame);
        slot.captured(0, at, frame, at);
        if frame % 2 == 0 {
            slot.ready(0, at);
            assert_eq!(slot.take(0, at), Taken::Frame(frame));
        }
        slot.captured(0, at + ms(20), frame, at);
    }
    assert_eq!(
        (slot.begun.len(), slot.left_out.len()),
        (MAX_RECENT, MAX_RECENT)
    );
    assert_eq!(slot.cameras[0].busy.len(), MAX_BUSY);
}
