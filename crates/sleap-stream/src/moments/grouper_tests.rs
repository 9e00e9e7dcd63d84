use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const US: Duration = Duration::from_micros(1);
const MS: Duration = Duration::from_millis(1);
/// 30 frames a second.
const INTERVAL: Duration = Duration::from_micros(33_333);

/// A frame: its camera and its number there.
type Id = (usize, u64);

const LIMITS: GroupingLimits = GroupingLimits {
    tolerance: Duration::from_micros(16_666),
    interval: Some(INTERVAL),
    patience: Duration::from_millis(200),
};

/// Frames as they are delivered: when they were captured.
type Deliveries = Vec<(Id, Instant)>;

/// The moment of each frame. Frames are delivered in this order, without any time between them.
fn grouped(cameras: usize, limits: GroupingLimits, frames: &Deliveries) -> BTreeMap<Id, u64> {
    let now = Instant::now();
    let mut grouper = MomentGrouper::new(cameras, limits, now);
    let mut moments = BTreeMap::new();
    for (id, at) in frames {
        let late = grouper.captured(id.0, *id, *at, now);
        assert!(late.is_none(), "{id:?} is late");
        moments.extend(grouper.decide(now));
    }
    (0..cameras).for_each(|camera| grouper.ended(camera));
    moments.extend(grouper.decide(now));
    assert_eq!((grouper.pending(), moments.len()), (0, frames.len()));
    moments
}

/// The moments: which frames each has.
fn sets(moments: &BTreeMap<Id, u64>) -> BTreeMap<u64, BTreeSet<Id>> {
    let mut sets = BTreeMap::<u64, BTreeSet<Id>>::new();
    for (id, moment) in moments {
        sets.entry(*moment).or_default().insert(*id);
    }
    sets
}

/// Frames of a camera at an even rate, each of which `lost` keeps or not, and `jitter` moves.
fn camera(
    camera: usize,
    start: Instant,
    interval: Duration,
    jitter: impl Fn(u64) -> Duration,
    frames: impl Iterator<Item = u64>,
) -> Deliveries {
    let at = |number: u64| start + interval * u32::try_from(number).unwrap() + jitter(number);
    frames
        .map(|number| ((camera, number), at(number)))
        .collect()
}

/// As the cameras deliver them.
fn by_time(mut frames: Deliveries) -> Deliveries {
    frames.sort_by_key(|(id, at)| (*at, *id));
    frames
}

#[test]
fn frames_with_known_offsets_are_grouped_as_they_belong() {
    let start = Instant::now();
    let offsets = [0, 4_000, 9_000];
    let jitter = |number: u64| US * (number * 977 % 2_000) as u32;
    let frames = offsets.iter().enumerate().flat_map(|(index, offset)| {
        let begin = start + US * *offset;
        camera(index, begin, INTERVAL, jitter, 0..200)
    });
    let moments = grouped(3, LIMITS, &by_time(frames.collect()));
    for ((_, number), moment) in moments {
        assert_eq!(moment, number);
    }
}

#[test]
fn a_lost_frame_leaves_a_gap_and_shifts_nothing() {
    let start = Instant::now();
    let even = |_| Duration::ZERO;
    let mut frames = camera(0, start, INTERVAL, even, (0..60).filter(|it| it % 7 != 3));
    let offset = start + 6 * MS;
    frames.extend(camera(
        1,
        offset,
        INTERVAL,
        even,
        (0..60).filter(|it| it % 5 != 2),
    ));
    let moments = grouped(2, LIMITS, &by_time(frames));
    let numbers = |moment: &BTreeSet<Id>| moment.iter().map(|id| id.1).collect::<BTreeSet<_>>();
    let sets = sets(&moments);
    assert!(sets.values().all(|moment| numbers(moment).len() == 1));
    // One moment for each time at which a camera has a frame.
    let there = (0..60).filter(|it| it % 7 != 3 || it % 5 != 2).count();
    assert_eq!(sets.len(), there);
}

#[test]
fn cameras_that_drift_change_partners_once_and_no_frame_is_lost() {
    let start = Instant::now();
    let slow = Duration::from_micros(33_433);
    let even = |_| Duration::ZERO;
    let mut frames = camera(0, start, INTERVAL, even, 0..1000);
    frames.extend(camera(1, start, slow, even, 0..1000));
    let moments = grouped(2, LIMITS, &by_time(frames.clone()));
    let at: BTreeMap<Id, Instant> = frames.into_iter().collect();
    let pairs: Vec<_> = sets(&moments)
        .into_values()
        .filter(|moment| moment.len() == 2)
        .collect();
    let mut shifts = BTreeSet::new();
    for pair in &pairs {
        let [one, other] = pair.iter().copied().collect::<Vec<_>>()[..] else {
            panic!("{pair:?}");
        };
        let gap = at[&one].max(at[&other]) - at[&one].min(at[&other]);
        assert!(gap <= LIMITS.tolerance, "{pair:?}: {gap:?}");
        shifts.insert(one.1 - other.1);
    }
    // 0.1 ms a frame over 1000 frames is three frames.
    assert_eq!(shifts, BTreeSet::from([0, 1, 2, 3]));
    assert!(pairs.len() >= 990, "{}", pairs.len());
}

#[test]
fn the_nearest_frame_is_taken_where_the_tolerance_allows_two() {
    let start = Instant::now();
    let wide = GroupingLimits {
        tolerance: 30 * MS,
        ..LIMITS
    };
    let even = |_| Duration::ZERO;
    for (offset, shift) in [(14, 0), (20, 1), (25, 1)] {
        let mut frames = camera(0, start, INTERVAL, even, 0..50);
        frames.extend(camera(1, start + MS * offset, INTERVAL, even, 0..50));
        let moments = grouped(2, wide, &by_time(frames));
        for number in 1..49 {
            assert_eq!(moments[&(1, number)], moments[&(0, number + shift)]);
        }
    }
}

#[test]
fn a_camera_of_half_the_rate_is_in_every_other_moment() {
    let start = Instant::now();
    let even = |_| Duration::ZERO;
    let mut frames = camera(0, start, INTERVAL, even, 0..100);
    frames.extend(camera(1, start + 3 * MS, 2 * INTERVAL, even, 0..50));
    let moments = grouped(2, LIMITS, &by_time(frames));
    for number in 0..50 {
        assert_eq!(moments[&(1, number)], moments[&(0, 2 * number)]);
    }
    assert_eq!(sets(&moments).len(), 100);
}

#[test]
fn a_moment_is_known_as_soon_as_all_cameras_have_delivered() {
    let now = Instant::now();
    let mut grouper = MomentGrouper::new(2, LIMITS, now);
    grouper.captured(0, "a", now, now);
    assert!(grouper.decide(now).is_empty());
    grouper.captured(1, "b", now + 5 * MS, now);
    assert_eq!(grouper.decide(now), [("a", 0), ("b", 0)]);
    // Without a rate the frame that follows is waited for.
    let unknown = GroupingLimits {
        interval: None,
        ..LIMITS
    };
    let mut grouper = MomentGrouper::new(2, unknown, now);
    grouper.captured(0, "a", now, now);
    grouper.captured(1, "b", now + 5 * MS, now);
    assert!(grouper.decide(now).is_empty());
    grouper.captured(0, "c", now + 33 * MS, now);
    assert!(grouper.decide(now).is_empty());
    grouper.captured(1, "d", now + 38 * MS, now);
    assert_eq!(grouper.decide(now), [("a", 0), ("b", 0)]);
}

#[test]
fn a_camera_that_dies_holds_up_the_others_once_at_most() {
    let start = Instant::now();
    let mut grouper = MomentGrouper::new(2, LIMITS, start);
    let mut waits = Vec::new();
    for number in 0..100_u32 {
        let now = start + INTERVAL * number;
        grouper.captured(0, number, now, now);
        if number < 20 {
            grouper.captured(1, number, now + MS, now);
        }
        for (frame, _) in grouper.decide(now) {
            waits.push(number - frame);
        }
    }
    assert_eq!(waits.len() + grouper.pending(), 120);
    let longest = waits.iter().max().unwrap();
    assert!((1..=7).contains(longest), "{longest}");
    assert_eq!(waits.iter().rev().take(50).max(), Some(&0));
}

#[test]
fn a_camera_whose_end_is_told_holds_up_nothing() {
    let start = Instant::now();
    let mut grouper = MomentGrouper::new(2, LIMITS, start);
    grouper.captured(0, 0, start, start);
    assert!(grouper.decide(start).is_empty());
    grouper.ended(1);
    assert_eq!(grouper.decide(start), [(0, 0)]);
}

#[test]
fn a_frame_that_comes_late_joins_the_moment_that_lacks_it() {
    let start = Instant::now();
    let mut grouper = MomentGrouper::new(2, LIMITS, start);
    for number in 0..3 {
        grouper.captured(0, number, start + INTERVAL * number, start);
    }
    let late = start + LIMITS.patience;
    assert_eq!(grouper.decide(late), [(0, 0), (1, 1), (2, 2)]);
    let joined = |grouper: &mut MomentGrouper<u32>, after| {
        let at = start + after;
        grouper.captured(1, 9, at, late).map(|(_, moment)| moment)
    };
    assert_eq!(joined(&mut grouper, 2 * MS), Some(0));
    assert_eq!(joined(&mut grouper, INTERVAL - 4 * MS), Some(1));
    // That moment has its frame by now.
    assert_eq!(joined(&mut grouper, INTERVAL + MS), Some(3));
    assert_eq!(joined(&mut grouper, 2 * INTERVAL), Some(2));
}

#[test]
fn a_camera_that_begins_late_joins_the_moment_that_was_decided_without_it() {
    let start = Instant::now();
    let mut grouper = MomentGrouper::new(2, LIMITS, start);
    let begins = start + 2 * LIMITS.patience;
    grouper.captured(0, "back", begins, begins);
    assert_eq!(grouper.decide(begins), [("back", 0)]);
    let side = grouper.captured(1, "side", begins + 7 * MS, begins + 7 * MS);
    assert_eq!(side, Some(("side", 0)));
    // From now on it is waited for.
    let next = begins + INTERVAL;
    grouper.captured(0, "back", next, next);
    assert!(grouper.decide(next).is_empty());
    grouper.captured(1, "side", next + 7 * MS, next + 7 * MS);
    assert_eq!(grouper.decide(next + 7 * MS), [("back", 1), ("side", 1)]);
}

#[test]
fn memory_is_bounded_whatever_cameras_do() {
    let now = Instant::now();
    let limits = GroupingLimits {
        interval: None,
        patience: Duration::from_secs(3600),
        ..LIMITS
    };
    let mut grouper = MomentGrouper::new(3, limits, now);
    for number in 0..20_000 {
        // The third one never delivers, the clock of the second one steps back.
        grouper.captured(0, number, now + MS * number, now);
        grouper.captured(1, number, now, now);
        grouper.decide(now);
        assert!(grouper.pending() <= MAX_PENDING && grouper.recent.len() <= MAX_RECENT);
    }
}

/// Deliveries that are merged in another order; each camera's own order stays.
fn merged(frames: &Deliveries, cameras: usize, order: &[usize]) -> Deliveries {
    let mut queues: Vec<VecDeque<(Id, Instant)>> = vec![VecDeque::new(); cameras];
    for frame in frames {
        queues[frame.0.0].push_back(*frame);
    }
    let mut merged: Deliveries = order
        .iter()
        .filter_map(|camera| queues[camera % cameras].pop_front())
        .collect();
    merged.extend(queues.into_iter().flatten());
    merged
}

proptest! {
    #[test]
    fn the_order_of_arrival_changes_nothing(
        steps in prop::collection::vec((0_usize..3, 0_u32..40_000), 1..120),
        order in prop::collection::vec(0_usize..3, 0..120),
        tolerance in 0_u32..60_000,
    ) {
        // Any times at all: without a rate there is no assumption that they could break.
        let limits = GroupingLimits { tolerance: US * tolerance, interval: None, ..LIMITS };
        let mut at = Instant::now();
        let mut counts = [0; 3];
        let frames: Deliveries = steps.iter().map(|(camera, step)| {
            at += US * (*step + 1);
            counts[*camera] += 1;
            ((*camera, counts[*camera]), at)
        }).collect();
        let moments = grouped(3, limits, &frames);
        prop_assert_eq!(&grouped(3, limits, &merged(&frames, 3, &order)), &moments);
        let at: BTreeMap<Id, Instant> = frames.into_iter().collect();
        let mut last = None;
        for moment in sets(&moments).values() {
            let cameras: BTreeSet<usize> = moment.iter().map(|id| id.0).collect();
            prop_assert_eq!(cameras.len(), moment.len());
            let times: BTreeSet<Instant> = moment.iter().map(|id| at[id]).collect();
            let (first, newest) = (*times.first().unwrap(), *times.last().unwrap());
            prop_assert!(newest - first <= limits.tolerance);
            prop_assert!(last < Some(first));
            last = Some(newest);
        }
    }

    #[test]
    fn cameras_of_one_rate_get_the_truth_at_once(
        offsets in prop::collection::vec(0_u32..8_000, 4),
        jitters in prop::collection::vec(0_u32..3_000, 64),
        losses in prop::collection::vec(any::<u8>(), 64),
        order in prop::collection::vec(0_usize..4, 0..200),
    ) {
        let start = Instant::now();
        let frames = offsets.iter().enumerate().flat_map(|(index, offset)| {
            let jitter = |number: u64| US * jitters[(number as usize * 7 + index * 13) % 64];
            let is_there = |number: &u64| losses[(*number as usize * 5 + index * 3) % 64] > 25;
            camera(index, start + US * *offset, INTERVAL, jitter, (0..60).filter(is_there))
        }).collect();
        let moments = grouped(4, LIMITS, &merged(&by_time(frames), 4, &order));
        for moment in sets(&moments).values() {
            let numbers: BTreeSet<u64> = moment.iter().map(|id| id.1).collect();
            prop_assert_eq!(numbers.len(), 1);
        }
        let truth: BTreeSet<u64> = moments.keys().map(|id| id.1).collect();
        prop_assert_eq!(sets(&moments).len(), truth.len());
    }
}
