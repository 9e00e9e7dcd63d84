use protocol::CaptureClock;

use super::wait::OverdueFrames;
use super::*;
use crate::send::flow::PacingMode;

/// A ledger that nothing is in yet.
pub(super) fn ledger() -> InFlight {
    InFlight::new(FlowControl::new(PacingMode::Every, 1))
}

pub(super) fn taken(captured: Instant, taken: Instant) -> TakenFrame {
    TakenFrame {
        captured,
        arrived: captured,
        captured_us: None,
        clock: CaptureClock::Arrival,
        taken,
        picture: None,
        recorded: None,
        moment: None,
    }
}

/// Takes a frame that is encoded at once.
pub(super) fn send(in_flight: &mut InFlight, id: FrameId, now: Instant) {
    in_flight.depart(id, taken(now, now));
    in_flight.encoded(id, None, 0, now);
}

#[test]
fn a_result_is_matched_once() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut in_flight = ledger();
    in_flight.depart(7, taken(at(0), at(1)));
    assert!(in_flight.returned(7, None, at(1)).is_none(), "not sent yet");
    in_flight.encoded(7, None, 0, at(2));
    assert_eq!(in_flight.unanswered().to_string(), "7");
    let arrived = in_flight.returned(7, None, at(10)).unwrap();
    assert_eq!(arrived.latency.age(), 10_000);
    assert_eq!(arrived.round_trip, Duration::from_millis(8));
    assert!(in_flight.returned(7, None, at(11)).is_none());
    assert!(in_flight.returned(8, None, at(11)).is_none());
    assert_eq!(in_flight.unanswered().count(), 0);
    in_flight.depart(8, taken(at(20), at(20)));
    in_flight.encoded(8, None, 0, at(21));
    in_flight.handed(8, at(23));
    let arrived = in_flight.returned(8, None, at(30)).unwrap();
    assert_eq!(arrived.waited, Duration::from_millis(7), "from the link on");
}

#[test]
fn memory_is_bounded_where_no_result_comes() {
    let now = Instant::now();
    let mut in_flight = ledger();
    for id in 0..10_000 {
        in_flight.depart(id, taken(now, now));
        in_flight.encoded(id, None, 0, now);
    }
    assert_eq!(in_flight.frames.len(), MAX_FRAMES);
    assert_eq!(in_flight.numbers.len(), MAX_FRAMES);
    assert_eq!(
        in_flight.slots_taken(),
        MAX_FRAMES,
        "a forgotten frame has none"
    );
    assert_eq!(in_flight.unanswered().to_string(), "0-9999", "all the same");
    assert!(in_flight.returned(9_999, None, now).is_some());
    assert!(in_flight.returned(0, None, now).is_none());
}

/// A frame of two bytes in in_flight, kept to be sent again.
fn keep(in_flight: &mut InFlight, id: FrameId) {
    let now = Instant::now();
    in_flight.depart(id, taken(now, now));
    in_flight.encoded(id, None, 0, now);
    in_flight.keep(Frame {
        meta: protocol::FrameMeta {
            frame_id: id,
            width: 2,
            height: 1,
            channels: 1,
            encoding: protocol::Encoding::U8,
            nbytes: 2,
            captured_us: None,
            clock: None,
        },
        data: vec![1, 2].into(),
    });
}

fn resent(in_flight: &mut InFlight, connection: ConnectionNumber) -> Vec<FrameId> {
    std::iter::from_fn(|| in_flight.resend(connection))
        .map(|frame| frame.meta.frame_id)
        .collect()
}

#[test]
fn frames_without_a_result_are_sent_again_in_order_and_once_a_connection() {
    let mut in_flight = ledger();
    for id in [5, 3, 9, 7] {
        keep(&mut in_flight, id);
        assert!(in_flight.claim(id, 0));
        assert!(!in_flight.claim(id, 0), "sent over this connection already");
    }
    let answer = in_flight.returned(3, None, Instant::now());
    assert!(answer.is_some());
    assert!(resent(&mut in_flight, 0).is_empty());
    assert_eq!(resent(&mut in_flight, 1), [5, 9, 7]);
    assert!(resent(&mut in_flight, 1).is_empty());
    // One that waited for the connection finds that it was sent meanwhile.
    assert!(!in_flight.claim(7, 1));
    assert_eq!(resent(&mut in_flight, 2), [5, 9, 7]);
    keep(&mut in_flight, 8);
    assert!(in_flight.claim(8, 2));
}

#[test]
fn forgotten_frames_are_neither_sent_nor_waited_for() {
    let mut in_flight = ledger();
    keep(&mut in_flight, 1);
    in_flight.depart(2, taken(Instant::now(), Instant::now()));
    assert_eq!(
        in_flight.reconnected(false, Instant::now()),
        1,
        "the other is still with the encoder"
    );
    assert_eq!(in_flight.unanswered().count(), 0);
    assert!(!in_flight.claim(1, 1) && !in_flight.claim(2, 1));
    assert!(resent(&mut in_flight, 1).is_empty());
}

/// Frames that are with the link since `start`, kept to be sent again.
fn handed(ids: std::ops::Range<FrameId>, start: Instant) -> InFlight {
    let mut in_flight = ledger();
    for id in ids {
        keep(&mut in_flight, id);
        in_flight.handed(id, start);
    }
    in_flight
}

/// What is given up after this many seconds, where 10 are allowed.
fn overdue(
    in_flight: &mut InFlight,
    gives_up: GiveUp,
    start: Instant,
    seconds: u64,
) -> OverdueFrames {
    let from = WaitStart {
        begun: start,
        moved: start,
    };
    let now = start + Duration::from_secs(seconds);
    in_flight.overdue(Duration::from_secs(10), from, gives_up, now)
}

#[test]
fn a_frame_is_given_up_once_and_its_late_result_is_taken() {
    let start = Instant::now();
    let mut in_flight = handed(0..2, start);
    assert!(!overdue(&mut in_flight, GiveUp::All, start, 10).is_any);
    assert_eq!(
        overdue(&mut in_flight, GiveUp::All, start, 11).given_up,
        [0, 1]
    );
    let again = overdue(&mut in_flight, GiveUp::All, start, 12);
    assert!(again.given_up.is_empty() && !again.is_any && again.waiting == 0);
    assert!(resent(&mut in_flight, 1).is_empty());
    assert_eq!(in_flight.unanswered().to_string(), "0-1");
    assert!(in_flight.returned(1, None, start).is_some());
    assert_eq!(
        in_flight.reconnected(false, Instant::now()),
        0,
        "it was given up before"
    );
    assert_eq!(in_flight.unanswered().to_string(), "0");
}

#[test]
fn only_what_was_overtaken_is_given_up_where_each_frame_counts() {
    let start = Instant::now();
    let mut in_flight = handed(0..4, start);
    in_flight.returned(2, None, start).unwrap();
    let found = overdue(&mut in_flight, GiveUp::Overtaken, start, 11);
    assert_eq!((found.given_up, found.is_any), (vec![0, 1], true));
    assert_eq!(in_flight.waiting(), 1);
    assert_eq!(resent(&mut in_flight, 1), [3]);
}

#[test]
fn a_frame_whose_result_cannot_be_read_has_no_slot_and_stays_unanswered() {
    let start = Instant::now();
    let mut in_flight = handed(0..1, start);
    assert!(in_flight.damaged(0));
    assert!(!in_flight.damaged(0) && !in_flight.damaged(7));
    assert_eq!(in_flight.waiting(), 1);
    let found = overdue(&mut in_flight, GiveUp::Overtaken, start, 11);
    assert!(
        found.is_any && found.given_up.is_empty(),
        "its place is free"
    );
    assert_eq!(in_flight.unanswered().count(), 1);
}

#[test]
fn a_frame_that_the_link_still_carries_is_not_overdue() {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut in_flight = handed(0..1, start);
    in_flight.reconnected(true, start);
    let mut found = |moved, now| {
        let from = WaitStart {
            begun: start,
            moved: after(moved),
        };
        let limit = Duration::from_secs(10);
        in_flight
            .overdue(limit, from, GiveUp::All, after(now))
            .is_any
    };
    assert!(!found(95, 100));
    assert!(found(95, 106), "nor does it move any more");
}

#[test]
fn a_frame_with_a_slot_is_forgotten_last() {
    let now = Instant::now();
    let mut in_flight = handed(0..2, now);
    assert!(in_flight.damaged(1));
    for id in 2..=MAX_FRAMES as u64 {
        keep(&mut in_flight, id);
    }
    assert_eq!(in_flight.unanswered().count(), MAX_FRAMES as u64 + 1);
    assert!(in_flight.frames.contains_key(&0) && !in_flight.frames.contains_key(&1));
}

#[test]
fn frames_of_a_batch_wait_for_each_other_before_they_wait_for_results() {
    let start = Instant::now();
    let mut in_flight = handed(0..3, start);
    in_flight.batch_opens(1);
    let found = overdue(&mut in_flight, GiveUp::All, start, 60);
    assert_eq!((found.given_up, found.waiting), (vec![0], 0));
    in_flight.batch_closes(start + Duration::from_secs(60));
    assert_eq!(overdue(&mut in_flight, GiveUp::All, start, 70).waiting, 2);
    assert_eq!(
        overdue(&mut in_flight, GiveUp::All, start, 71).given_up,
        [1, 2]
    );
}

#[test]
fn a_frame_that_the_network_lost_makes_room_and_is_not_waited_for() {
    let now = Instant::now();
    let mut in_flight = ledger();
    (0..4).for_each(|id| send(&mut in_flight, id, now));
    assert!(in_flight.returned(0, None, now).is_some());
    assert_eq!(in_flight.lost(&[0, 1, 3, 9]), [1, 3]);
    assert!(in_flight.lost(&[1]).is_empty());
    assert_eq!(in_flight.slots_taken(), 1);
    assert_eq!(in_flight.unanswered().to_string(), "2");
    assert!(in_flight.returned(1, None, now).is_none());
}
