use std::collections::VecDeque;

use proptest::prelude::*;
use protocol::UnitHeader;

use super::merge::{LaneEvent, LaneViolation, UnitMerger};

const LANE_BYTES: usize = 4_000;
const MAX_UNIT: usize = 100_000;

fn merge(lanes: usize) -> UnitMerger<(u64, u32)> {
    let mut merge = UnitMerger::new(lanes * LANE_BYTES, MAX_UNIT);
    (0..lanes).for_each(|_| merge.add_lane());
    merge
}

fn unit(number: u64, messages: u32, after: u64) -> LaneEvent<(u64, u32)> {
    LaneEvent::Unit(UnitHeader {
        number,
        messages,
        after,
    })
}

fn message(number: u64, part: u32, bytes: usize) -> LaneEvent<(u64, u32)> {
    LaneEvent::Message {
        message: (number, part),
        bytes,
    }
}

fn drain(merge: &mut UnitMerger<(u64, u32)>) -> Vec<(u64, u32)> {
    std::iter::from_fn(|| merge.pop()).collect()
}

/// A unit as a sender makes it.
#[derive(Debug, Clone)]
struct Made {
    messages: u32,
    bytes: usize,
    ordered: bool,
    aside: bool,
    lane: usize,
}

fn units() -> impl Strategy<Value = Vec<Made>> {
    let one = (
        1..5u32,
        1..3_000usize,
        any::<bool>(),
        any::<bool>(),
        0..4usize,
    );
    let made = one.prop_map(|(messages, bytes, ordered, aside, lane)| Made {
        messages,
        bytes,
        ordered,
        aside,
        lane,
    });
    prop::collection::vec(made, 0..40)
}

/// What one lane carries.
type Wire = VecDeque<LaneEvent<(u64, u32)>>;

/// What each lane carries, and what units may be given out after.
fn wires(units: &[Made]) -> (Vec<Wire>, Vec<u64>) {
    let mut wires: Vec<_> = (0..4).map(|_| VecDeque::new()).collect();
    let mut barrier = 0;
    let mut afters = Vec::new();
    for (number, made) in (0u64..).zip(units) {
        let after = match (made.ordered, made.aside) {
            (true, _) => number,
            (false, true) => 0,
            (false, false) => barrier,
        };
        if made.ordered {
            barrier = number + 1;
        }
        afters.push(after);
        let wire = &mut wires[made.lane];
        wire.push_back(unit(number, made.messages, after));
        for part in 0..made.messages {
            wire.push_back(message(number, part, made.bytes));
        }
    }
    (wires, afters)
}

proptest! {
    /// Whatever lane is ahead of the others: every message once, units whole, none before its
    /// turn, memory bounded, and never stuck although full lanes are left alone.
    #[test]
    fn any_interleaving_gives_every_unit_once_and_in_turn(
        units in units(),
        picks in prop::collection::vec(0..4usize, 0..600),
    ) {
        let (mut wires, afters) = wires(&units);
        let mut merge = merge(4);
        let mut out = Vec::new();
        let mut picks = picks.into_iter();
        while wires.iter().any(|wire| !wire.is_empty()) {
            let open = |lane: usize| !wires[lane].is_empty() && !merge.is_paused(lane);
            let wanted = picks.next().filter(|lane| open(*lane));
            let lane = wanted.or_else(|| (0..4).find(|lane| open(*lane)));
            let lane = lane.expect("a lane that goes on");
            let arrival = wires[lane].pop_front().expect("not empty");
            merge.push(lane, arrival).expect("an honest sender");
            prop_assert_eq!(merge.check_progress(), Ok(()));
            out.extend(drain(&mut merge));
            // Each lane its share and the message that exceeded it, and the next unit whole.
            prop_assert!(merge.held() <= 4 * (LANE_BYTES + 4_000) + 5 * 3_300);
        }
        prop_assert!(!merge.is_waiting());
        prop_assert_eq!(merge.held(), 0);
        let mut done = Vec::new();
        let mut rest = out.as_slice();
        while let Some(&(number, _)) = rest.first() {
            let made = &units[number as usize];
            let parts: Vec<_> = (0..made.messages).map(|part| (number, part)).collect();
            prop_assert!(rest.starts_with(&parts), "unit {number} is not whole: {rest:?}");
            rest = &rest[parts.len()..];
            let missing = (0..afters[number as usize]).find(|before| !done.contains(before));
            prop_assert_eq!(missing, None, "before unit {}", number);
            done.push(number);
        }
        done.sort_unstable();
        prop_assert_eq!(done, (0..units.len() as u64).collect::<Vec<_>>());
    }

    /// Anything at all: no panic, and no more memory than an honest peer can take.
    #[test]
    fn nothing_that_a_peer_sends_exceeds_the_memory(
        arrivals in prop::collection::vec(
            (0..3usize, any::<bool>(), 0..20u64, 1..6u32, 0..20u64, 0..2_000usize), 0..300),
    ) {
        let mut merge = merge(3);
        for (lane, header, number, messages, after, bytes) in arrivals {
            if merge.is_paused(lane) {
                continue;
            }
            let arrival = match header {
                true => unit(number, messages, after.min(number)),
                false => message(number, 0, bytes),
            };
            if merge.push(lane, arrival).is_err() {
                break;
            }
            while merge.pop().is_some() {}
            prop_assert!(merge.held() <= 3 * (LANE_BYTES + 2_600) + 6 * 2_300);
        }
    }
}

#[test]
fn a_frame_passes_one_that_waits_but_never_a_control_message() {
    let mut merge = merge(3);
    for (lane, arrival) in [
        (0, unit(0, 2, 0)),
        (0, message(0, 0, 1)),
        (1, unit(1, 1, 0)),
        (1, message(1, 0, 1)),
        (2, unit(2, 1, 2)),
        (2, message(2, 0, 1)),
    ] {
        merge.push(lane, arrival).expect("honest");
    }
    // Unit 0 is ordered: given out as it arrives, and then to its end.
    assert_eq!(drain(&mut merge), [(0, 0)]);
    merge.push(0, message(0, 1, 1)).expect("honest");
    assert_eq!(drain(&mut merge), [(0, 1), (1, 0), (2, 0)]);

    let mut merge = self::merge(2);
    for (lane, arrival) in [
        (0, unit(0, 1, 0)),
        (0, message(0, 0, 1)),
        (0, unit(1, 2, 1)),
        (1, unit(2, 1, 1)),
        (1, message(2, 0, 1)),
        (1, unit(3, 1, 3)),
        (1, message(3, 0, 1)),
    ] {
        merge.push(lane, arrival).expect("honest");
    }
    assert_eq!(drain(&mut merge), [(0, 0)]);
}

#[test]
fn a_unit_that_may_pass_is_not_held_up_by_the_one_before() {
    let mut merge = merge(2);
    for (lane, arrival) in [
        (0, unit(0, 1, 0)),
        (0, message(0, 0, 1)),
        (0, unit(2, 2, 1)),
        (0, message(2, 0, 1)),
        (1, unit(3, 1, 1)),
        (1, message(3, 0, 1)),
    ] {
        merge.push(lane, arrival).expect("honest");
    }
    assert_eq!(drain(&mut merge), [(0, 0), (3, 0)]);
}

#[test]
fn what_does_not_fit_is_told() {
    let honest = |steps: Vec<(usize, LaneEvent<(u64, u32)>)>,
                  last: (usize, LaneEvent<(u64, u32)>)| {
        let mut merge = merge(2);
        for (lane, arrival) in steps {
            merge.push(lane, arrival).expect("honest so far");
        }
        merge.push(last.0, last.1).expect_err("a violation")
    };
    assert_eq!(
        honest(vec![], (1, message(0, 0, 1))),
        LaneViolation::NoUnit { lane: 1 }
    );
    assert_eq!(
        honest(vec![(0, unit(0, 2, 0))], (0, unit(1, 1, 1))),
        LaneViolation::Unfinished {
            lane: 0,
            number: 1,
            missing: 2
        }
    );
    assert_eq!(
        honest(vec![(0, unit(3, 1, 0))], (1, unit(3, 1, 0))),
        LaneViolation::Twice { number: 3 }
    );
    assert_eq!(
        honest(
            vec![(0, unit(3, 1, 0)), (0, message(3, 0, 1))],
            (0, unit(2, 1, 0))
        ),
        LaneViolation::Backwards {
            lane: 0,
            number: 2,
            last: 3
        }
    );
    assert_eq!(
        honest(vec![], (0, unit(65_536, 1, 0))),
        LaneViolation::TooFarAhead {
            number: 65_536,
            next: 0
        }
    );
    assert_eq!(
        honest(vec![(0, unit(0, 2, 0))], (0, message(0, 0, MAX_UNIT + 1))),
        LaneViolation::TooLarge {
            number: 0,
            max: MAX_UNIT
        }
    );
}

#[test]
fn a_gap_that_never_fills_stops_the_lanes() {
    let mut merge = merge(2);
    let mut number = 1;
    while !merge.is_paused(1) {
        merge.push(1, unit(number, 1, number)).expect("honest");
        merge.push(1, message(number, 0, 500)).expect("honest");
        number += 1;
        assert!(number < 100, "never paused");
    }
    assert_eq!(drain(&mut merge), []);
    assert!(!merge.is_paused(0), "the missing unit may still come");
    merge.push(0, unit(0, 1, 0)).expect("honest");
    merge.push(0, message(0, 0, 1)).expect("honest");
    assert_eq!(drain(&mut merge).len() as u64, number);
    assert!(!merge.is_paused(1));
}

#[test]
fn a_single_lane_is_stopped_by_a_gap_too() {
    let mut merge = merge(1);
    let stopped = (1..100).find(|number| {
        merge.push(0, unit(*number, 1, *number)).expect("honest");
        merge.push(0, message(*number, 0, 0)).expect("honest");
        merge.is_paused(0)
    });
    assert!(stopped.is_some(), "never paused");
}

#[test]
fn a_unit_of_empty_messages_is_bounded() {
    let mut merge = merge(2);
    merge.push(0, unit(0, u32::MAX, 0)).expect("honest so far");
    let mut refused = (0..2_000).map(|part| merge.push(0, message(0, part, 0)));
    let refused = refused.find_map(Result::err);
    assert_eq!(
        refused,
        Some(LaneViolation::TooLarge {
            number: 0,
            max: MAX_UNIT
        })
    );
}

#[test]
fn more_lanes_hold_no_more_together() {
    let filled = |lanes: usize| {
        let mut merge = UnitMerger::new(64_000, MAX_UNIT);
        (0..lanes).for_each(|_| merge.add_lane());
        let mut number = 1;
        for lane in 1..lanes {
            while !merge.is_paused(lane) {
                merge.push(lane, unit(number, 1, number)).expect("honest");
                merge.push(lane, message(number, 0, 100)).expect("honest");
                number += 1;
            }
        }
        merge.held()
    };
    assert!(filled(2) <= 64_000);
    assert!(filled(16) <= 64_000 + 16 * 700);
}

#[test]
fn lanes_that_are_all_full_without_the_next_unit_are_a_violation() {
    let mut merge = merge(2);
    let mut number = 1;
    for lane in 0..2 {
        assert_eq!(merge.check_progress(), Ok(()));
        while !merge.is_paused(lane) {
            merge.push(lane, unit(number, 1, number)).expect("honest");
            merge.push(lane, message(number, 0, 0)).expect("honest");
            number += 1;
        }
    }
    let missing = LaneViolation::Missing { next: 0, lanes: 2 };
    assert_eq!(merge.check_progress(), Err(missing));
}
