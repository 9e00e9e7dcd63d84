use super::*;
use crate::coded::ShardEncoder;
use bytes::Bytes;

/// Units of `shards` data shards each, with `parity` parity shards.
fn units(count: u8, shards: usize, parity: u8) -> Vec<Vec<Shard>> {
    let mut encoder = ShardEncoder::default();
    let encode = |unit| {
        let wire = encoder.encode(&content(unit, shards), parity).unwrap();
        wire.into_iter()
            .map(|shard| Shard::try_from(shard).unwrap())
            .collect()
    };
    (0..count).map(encode).collect()
}

fn content(unit: u8, shards: usize) -> CodedUnit {
    CodedUnit {
        text: format!("unit {unit}"),
        data: Bytes::from(vec![unit; shards * 1149 - 14]),
    }
}

struct Receiver {
    collector: ShardCollector,
    now: Instant,
}

impl Receiver {
    fn new(limits: CollectorLimits) -> Self {
        Self {
            collector: ShardCollector::new(limits),
            now: Instant::now(),
        }
    }

    fn push(&mut self, shard: &Shard) -> Collected {
        self.collector.push(shard.clone(), self.now)
    }

    /// The numbers of the units that these shards complete.
    fn push_all<'a>(&mut self, shards: impl IntoIterator<Item = &'a Shard>) -> Vec<u32> {
        let whole = shards.into_iter().filter_map(|shard| {
            let (number, unit) = self.push(shard).unit?;
            let shards = unit.data.len().div_ceil(1149);
            assert_eq!(unit, content(number as u8, shards));
            Some(number)
        });
        whole.collect()
    }

    fn wait(&mut self, time: Duration) -> Vec<LostUnits> {
        self.now += time;
        self.collector.expire(self.now)
    }
}

fn lost(first: u32, count: u32, reason: LossReason) -> LostUnits {
    LostUnits {
        first,
        count,
        reason,
    }
}

const PATIENCE: Duration = Duration::from_millis(30);

#[test]
fn a_unit_is_whole_with_the_last_shard_that_it_needs_and_only_once() {
    let units = units(1, 4, 2);
    let mut receiver = Receiver::new(CollectorLimits::default());
    assert_eq!(units[0].len(), 6);
    assert!(receiver.push_all(&units[0][..3]).is_empty());
    assert!(receiver.push(&units[0][0]).is_ignored, "twice");
    assert_eq!(receiver.push_all(&units[0][5..]), [0]);
    assert!(receiver.push_all(&units[0]).is_empty());
    assert_eq!(receiver.collector.held_bytes(), 0);
}

#[test]
fn a_unit_is_given_up_some_time_after_a_newer_one_is_whole() {
    let units = units(3, 4, 1);
    let mut receiver = Receiver::new(CollectorLimits::default());
    receiver.push_all(&units[0][..3]);
    assert_eq!(receiver.collector.deadline(), None, "it may still come");
    assert_eq!(receiver.push_all(&units[2]), [2], "it waits for no other");
    let deadline = receiver.collector.deadline();
    assert_eq!(deadline, Some(receiver.now + PATIENCE));
    assert_eq!(receiver.wait(PATIENCE - Duration::from_millis(1)), []);
    let incomplete = LossReason::Incomplete {
        arrived: 3,
        needed: 4,
    };
    let expected = [lost(0, 1, incomplete), lost(1, 1, LossReason::Missing)];
    assert_eq!(receiver.wait(Duration::from_millis(1)), expected);
    assert!(receiver.push_all(units.iter().flatten()).is_empty());
    assert_eq!(receiver.wait(PATIENCE), []);
    assert_eq!(receiver.collector.held_bytes(), 0);
}

#[test]
fn a_unit_that_is_late_but_in_time_is_delivered_after_a_newer_one() {
    let units = units(2, 4, 0);
    let mut receiver = Receiver::new(CollectorLimits::default());
    assert_eq!(receiver.push_all(&units[1]), [1]);
    receiver.wait(PATIENCE / 2);
    assert_eq!(receiver.push_all(&units[0]), [0]);
    assert_eq!(receiver.wait(PATIENCE), []);
}

#[test]
fn shards_of_closed_units_are_counted_until_their_time_is_over() {
    let units = units(4, 10, 4);
    let mut receiver = Receiver::new(CollectorLimits::default());
    // Three of 14 lost, one that comes after the unit is whole is not.
    receiver.push_all(&units[0][..10]);
    receiver.push_all(&units[0][12..13]);
    // Nothing arrives of unit 1; all of 2.
    receiver.push_all(&units[2]);
    assert_eq!(receiver.collector.take_counts(), ShardCounts::default());
    receiver.wait(PATIENCE);
    receiver.wait(Duration::from_millis(200));
    let counts = receiver.collector.take_counts();
    let expected = ShardCounts {
        sent: 3 * 14,
        arrived: 11 + 14,
        worst: 3,
    };
    assert_eq!(counts, expected);
    assert_eq!(receiver.collector.take_counts(), ShardCounts::default());
    assert_eq!(receiver.collector.held_units(), 0);
}

#[test]
fn shards_of_another_form_do_no_harm_to_their_unit() {
    let units = units(1, 4, 2);
    let mut receiver = Receiver::new(CollectorLimits::default());
    receiver.push(&units[0][1]);
    let liars = [
        |shard: &mut Shard| shard.header.parity = 3,
        |shard: &mut Shard| shard.header.content_bytes -= 1,
        |shard: &mut Shard| shard.header.index = 4 + 127,
        |shard: &mut Shard| shard.header.unit = 65_536,
        |shard: &mut Shard| shard.header.unit = u32::MAX,
        |shard: &mut Shard| shard.payload = shard.payload.slice(1..),
    ];
    for lie in liars {
        let mut shard = units[0][0].clone();
        lie(&mut shard);
        assert!(receiver.push(&shard).is_ignored, "{shard:?}");
    }
    assert_eq!(receiver.push_all(&units[0]), [0]);
}

#[test]
fn a_unit_with_wrong_bytes_is_lost_and_not_delivered() {
    let units = units(1, 4, 2);
    let mut receiver = Receiver::new(CollectorLimits::default());
    let mut wrong = units[0][4].clone();
    wrong.payload = Bytes::from(vec![1; wrong.payload.len()]);
    receiver.push(&wrong);
    receiver.push_all(&units[0][..2]);
    let collected = receiver.push(&units[0][2]);
    assert_eq!(collected.unit, None);
    assert_eq!(collected.lost, [lost(0, 1, LossReason::Damaged)]);
    assert_eq!(receiver.wait(PATIENCE), []);
}

#[test]
fn bytes_and_units_that_are_kept_are_bounded_and_the_oldest_go_first() {
    let units = units(9, 4, 0);
    let begun = |receiver: &mut Receiver| {
        let begun = units.iter().map(|unit| receiver.push(&unit[0]).lost);
        begun.flatten().collect::<Vec<_>>()
    };
    let mut receiver = Receiver::new(CollectorLimits {
        max_bytes: 5 * (1149 + 128),
        ..CollectorLimits::default()
    });
    let no_room = |unit| lost(unit, 1, LossReason::NoRoom);
    let expected: Vec<_> = (0..4).map(no_room).collect();
    assert_eq!(begun(&mut receiver), expected);
    assert_eq!(receiver.collector.held_bytes(), 5 * (1149 + 128));
    assert_eq!(receiver.push_all(&units[8][1..]), [8]);

    let mut receiver = Receiver::new(CollectorLimits {
        max_units: 3,
        ..CollectorLimits::default()
    });
    let incomplete = LossReason::Incomplete {
        arrived: 1,
        needed: 4,
    };
    let expected: Vec<_> = (0..6).map(|unit| lost(unit, 1, incomplete)).collect();
    assert_eq!(begun(&mut receiver), expected);
    assert_eq!(receiver.collector.held_units(), 3);
    assert_eq!(receiver.push_all(&units[6][1..]), [6]);
}

#[test]
fn numbers_begin_again_after_the_largest() {
    let mut receiver = Receiver::new(CollectorLimits::default());
    // So far that the next numbers are beyond 32 bits, in steps that are not too large.
    for number in (0..u32::MAX).step_by(65_000).chain([u32::MAX, 0, 1]) {
        let mut encoder = ShardEncoder::default().starting_at(number);
        let mut wire = encoder.encode(&content(7, 1), 0).unwrap();
        let shard = Shard::try_from(wire.remove(0)).unwrap();
        let collected = receiver.push(&shard);
        assert_eq!(collected.unit, Some((number, content(7, 1))));
        receiver.now += PATIENCE;
    }
}

#[test]
fn at_the_end_of_a_stream_what_is_not_whole_is_lost() {
    let units = units(3, 4, 0);
    let mut receiver = Receiver::new(CollectorLimits::default());
    receiver.push_all(&units[0]);
    receiver.push_all(&units[2][..1]);
    let incomplete = LossReason::Incomplete {
        arrived: 1,
        needed: 4,
    };
    let expected = [lost(1, 1, LossReason::Missing), lost(2, 1, incomplete)];
    assert_eq!(receiver.collector.finish(receiver.now), expected);
    assert_eq!(receiver.collector.finish(receiver.now), []);
}

#[test]
fn what_was_sent_before_a_point_is_over_there() {
    let mut receiver = Receiver::new(CollectorLimits::default());
    let units = units(6, 3, 0);
    receiver.push_all(&units[0]);
    receiver.push_all(&units[1][..2]);
    let now = receiver.now;
    assert!(receiver.collector.has_closed(1) && !receiver.collector.has_closed(4));
    assert_eq!(receiver.collector.closed(), 1);
    let given_up = receiver.collector.close_before(4, now);
    let incomplete = LossReason::Incomplete {
        arrived: 2,
        needed: 3,
    };
    assert_eq!(
        given_up,
        [lost(1, 1, incomplete), lost(2, 2, LossReason::Missing)]
    );
    assert!(receiver.collector.has_closed(4));
    assert!(receiver.collector.close_before(4, now).is_empty());
    // Late shards of those do not come back, later units do.
    assert!(receiver.push_all(&units[2]).is_empty());
    assert_eq!(receiver.push_all(&units[5]), [5]);
    assert_eq!(receiver.push_all(&units[4]), [4]);
    assert_eq!(receiver.collector.closed(), 6);
    // Nonsense is not waited for.
    assert!(receiver.collector.has_closed(1 << 20));
    let wild = receiver.collector.close_before(1 << 20, now);
    assert!(wild.is_empty());
}

#[test]
fn a_unit_begins_with_its_first_shard() {
    let mut receiver = Receiver::new(CollectorLimits::default());
    let units = units(1, 2, 1);
    let began = receiver.now;
    receiver.push(&units[0][2]);
    receiver.wait(Duration::from_millis(7));
    assert_eq!(receiver.push(&units[0][0]).began, Some(began));
}

/// A receiver that asks for late shards for a second.
fn asking() -> Receiver {
    let mut receiver = Receiver::new(CollectorLimits::default());
    receiver.collector.wait_for_late(Duration::from_secs(1));
    receiver
}

#[test]
fn what_is_missing_is_asked_for_and_again_a_little_later() {
    let units = units(5, 4, 2);
    let ms = Duration::from_millis;
    let mut receiver = asking();
    assert!(receiver.push_all(&units[0][..2]).is_empty());
    assert_eq!(receiver.collector.missing_at(), None, "nothing is newer");
    assert_eq!(receiver.push_all(&units[2]), [2]);
    assert!(receiver.collector.missing(receiver.now).is_empty());
    let due = receiver.now + PATIENCE;
    assert_eq!(receiver.collector.missing_at(), Some(due));
    assert!(receiver.wait(PATIENCE).is_empty(), "not given up");
    assert_eq!(receiver.collector.missing(receiver.now), [[0, 2], [1, 0]]);
    assert!(receiver.collector.missing(receiver.now).is_empty());
    let again = receiver.now + ms(200);
    assert_eq!(receiver.collector.missing_at(), Some(again));
    // What was asked for comes, of the one unit only.
    assert_eq!(receiver.push_all(&units[1][..4]), [1]);
    assert!(receiver.push_all(&units[0][2..3]).is_empty());
    receiver.wait(ms(200));
    assert_eq!(receiver.collector.missing(receiver.now), [[0, 1]]);
    assert_eq!(receiver.collector.closed(), 0);
    assert_eq!(receiver.push_all(&units[0][5..]), [0]);
    assert_eq!(receiver.collector.closed(), 3);
    assert_eq!(receiver.collector.missing_at(), None);
}

#[test]
fn units_are_lost_when_asking_has_been_of_no_use() {
    let units = units(2, 4, 2);
    let mut receiver = asking();
    assert_eq!(receiver.push_all(&units[1]), [1]);
    let (mut asked, mut gone, began) = (0, Vec::new(), receiver.now);
    let collector_is_due = |receiver: &Receiver| {
        let asks = receiver.collector.missing_at();
        asks.into_iter().chain(receiver.collector.deadline()).min()
    };
    while gone.is_empty() {
        let at = collector_is_due(&receiver).unwrap();
        gone = receiver.wait(at - receiver.now);
        asked += receiver.collector.missing(receiver.now).len();
        assert!(asked < 10, "it is asked for all the time");
    }
    assert!(asked > 2, "{asked}");
    assert_eq!(receiver.now, began + Duration::from_secs(1) + PATIENCE);
    assert_eq!(gone, [lost(0, 1, LossReason::Missing)]);
    assert_eq!(receiver.collector.missing_at(), None);
}

#[test]
fn the_last_units_are_asked_for_once_their_number_is_told() {
    let mut receiver = asking();
    receiver.collector.sent_before(3, receiver.now);
    receiver.wait(PATIENCE);
    let missing = receiver.collector.missing(receiver.now);
    assert_eq!(missing, [[0, 0], [1, 0], [2, 0]]);
}

#[test]
fn a_number_far_ahead_asks_for_a_few_units_only() {
    let mut receiver = asking();
    receiver.collector.sent_before(60_000, receiver.now);
    for _ in 0..4 {
        receiver.wait(PATIENCE);
        receiver.collector.missing(receiver.now);
        let at = receiver.collector.missing_at().unwrap();
        assert!(at > receiver.now, "it is asked for all the time");
    }
    receiver.wait(Duration::from_millis(200));
    let missing = receiver.collector.missing(receiver.now);
    assert!(missing.len() <= crate::MAX_LATE_UNITS);
}
