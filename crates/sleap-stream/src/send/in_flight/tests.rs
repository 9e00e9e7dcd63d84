use super::wait::Overdue;
use super::*;

#[test]
fn an_answer_is_matched_once() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let untimed = Timing::default();
    let mut flight = Flight::default();
    flight.depart(7, at(0), at(1), None);
    assert!(flight.arrive(7, &untimed, at(1)).is_none(), "not sent yet");
    flight.encoded(7, None, at(2));
    assert_eq!(flight.unanswered().to_string(), "7");
    let arrived = flight.arrive(7, &untimed, at(10)).unwrap();
    assert_eq!(arrived.latency.age(), 10_000);
    assert_eq!(arrived.round_trip, Duration::from_millis(8));
    assert!(flight.arrive(7, &untimed, at(11)).is_none());
    assert!(flight.arrive(8, &untimed, at(11)).is_none());
    assert_eq!(flight.unanswered().count(), 0);
    flight.depart(8, at(20), at(20), None);
    flight.encoded(8, None, at(21));
    flight.handed(8, at(23));
    let arrived = flight.arrive(8, &untimed, at(30)).unwrap();
    assert_eq!(arrived.waited, Duration::from_millis(7), "from the link on");
}

#[test]
fn memory_is_bounded_where_nothing_is_answered() {
    let now = Instant::now();
    let mut flight = Flight::default();
    for id in 0..10_000 {
        flight.depart(id, now, now, None);
        flight.encoded(id, None, now);
    }
    assert_eq!(flight.frames.len(), REMEMBERED);
    assert!(flight.order.len() <= 2 * REMEMBERED);
    assert_eq!(flight.unanswered().to_string(), "0-9999", "all the same");
    assert!(flight.arrive(9_999, &Timing::default(), now).is_some());
    assert!(flight.arrive(0, &Timing::default(), now).is_none());
}

/// A frame of two bytes in flight, kept to be sent again.
fn keep(flight: &mut Flight, id: FrameId) {
    let now = Instant::now();
    flight.depart(id, now, now, None);
    flight.encoded(id, None, now);
    flight.keep(Frame {
        meta: protocol::FrameMeta {
            frame_id: id,
            width: 2,
            height: 1,
            channels: 1,
            encoding: protocol::Encoding::U8,
            nbytes: 2,
            captured_us: None,
        },
        data: vec![1, 2].into(),
    });
}

fn resent(flight: &mut Flight, connection: Generation) -> Vec<FrameId> {
    std::iter::from_fn(|| flight.resend(connection))
        .map(|frame| frame.meta.frame_id)
        .collect()
}

#[test]
fn what_was_not_answered_is_sent_again_in_order_and_once_a_connection() {
    let mut flight = Flight::default();
    for id in [5, 3, 9, 7] {
        keep(&mut flight, id);
        assert!(flight.claim(id, 0));
        assert!(!flight.claim(id, 0), "sent over this connection already");
    }
    let answer = flight.arrive(3, &Timing::default(), Instant::now());
    assert!(answer.is_some());
    assert!(resent(&mut flight, 0).is_empty());
    assert_eq!(resent(&mut flight, 1), [5, 9, 7]);
    assert!(resent(&mut flight, 1).is_empty());
    // One that waited for the connection finds that it was sent meanwhile.
    assert!(!flight.claim(7, 1));
    assert_eq!(resent(&mut flight, 2), [5, 9, 7]);
    keep(&mut flight, 8);
    assert!(flight.claim(8, 2));
}

#[test]
fn forgotten_frames_are_neither_sent_nor_waited_for() {
    let mut flight = Flight::default();
    keep(&mut flight, 1);
    flight.depart(2, Instant::now(), Instant::now(), None);
    assert_eq!(flight.forget(), 1, "the other is still with the encoder");
    assert_eq!(flight.unanswered().count(), 0);
    assert!(!flight.claim(1, 1) && !flight.claim(2, 1));
    assert!(resent(&mut flight, 1).is_empty());
}

/// Frames that are with the link since `start`, kept to be sent again.
fn handed(ids: std::ops::Range<FrameId>, start: Instant) -> Flight {
    let mut flight = Flight::default();
    for id in ids {
        keep(&mut flight, id);
        flight.handed(id, start);
    }
    flight
}

/// What is given up after so many seconds, where 10 are allowed.
fn overdue(flight: &mut Flight, gives_up: GiveUp, start: Instant, seconds: u64) -> Overdue {
    let from = Start {
        begun: start,
        moved: start,
    };
    let now = start + Duration::from_secs(seconds);
    flight.overdue(Duration::from_secs(10), from, gives_up, now)
}

#[test]
fn a_frame_is_given_up_once_and_its_late_answer_is_taken() {
    let start = Instant::now();
    let mut flight = handed(0..2, start);
    assert!(!overdue(&mut flight, GiveUp::All, start, 10).is_any);
    assert_eq!(
        overdue(&mut flight, GiveUp::All, start, 11).given_up,
        [0, 1]
    );
    let again = overdue(&mut flight, GiveUp::All, start, 12);
    assert!(again.given_up.is_empty() && !again.is_any && again.waiting == 0);
    assert!(resent(&mut flight, 1).is_empty());
    assert_eq!(flight.unanswered().to_string(), "0-1");
    assert!(flight.arrive(1, &Timing::default(), start).is_some());
    assert_eq!(flight.forget(), 0, "it was given up before");
    assert_eq!(flight.unanswered().to_string(), "0");
}

#[test]
fn only_what_was_overtaken_is_given_up_where_each_frame_counts() {
    let start = Instant::now();
    let mut flight = handed(0..4, start);
    flight.arrive(2, &Timing::default(), start).unwrap();
    let found = overdue(&mut flight, GiveUp::Overtaken, start, 11);
    assert_eq!((found.given_up, found.is_any), (vec![0, 1], true));
    assert_eq!(flight.waiting(), 1);
    assert_eq!(resent(&mut flight, 1), [3]);
}

#[test]
fn a_frame_whose_answer_cannot_be_read_has_no_place_and_stays_unanswered() {
    let start = Instant::now();
    let mut flight = handed(0..1, start);
    assert!(flight.damaged(0));
    assert!(!flight.damaged(0) && !flight.damaged(7));
    assert_eq!(flight.waiting(), 1);
    let found = overdue(&mut flight, GiveUp::Overtaken, start, 11);
    assert!(
        found.is_any && found.given_up.is_empty(),
        "its place is free"
    );
    assert_eq!(flight.unanswered().count(), 1);
}

#[test]
fn a_frame_that_the_link_still_carries_is_not_overdue() {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut flight = handed(0..1, start);
    flight.reconnected();
    let mut found = |moved, now| {
        let from = Start {
            begun: start,
            moved: after(moved),
        };
        let limit = Duration::from_secs(10);
        flight.overdue(limit, from, GiveUp::All, after(now)).is_any
    };
    assert!(!found(95, 100));
    assert!(found(95, 106), "nor does it move any more");
}

#[test]
fn what_has_a_place_is_forgotten_last() {
    let now = Instant::now();
    let mut flight = handed(0..2, now);
    assert!(flight.damaged(1));
    for id in 2..=REMEMBERED as u64 {
        keep(&mut flight, id);
    }
    assert_eq!(flight.unanswered().count(), REMEMBERED as u64 + 1);
    assert!(flight.frames.contains_key(&0) && !flight.frames.contains_key(&1));
}

#[test]
fn frames_of_a_batch_wait_for_each_other_before_they_wait_for_answers() {
    let start = Instant::now();
    let mut flight = handed(0..3, start);
    flight.batch_opens(1);
    let found = overdue(&mut flight, GiveUp::All, start, 60);
    assert_eq!((found.given_up, found.waiting), (vec![0], 0));
    flight.batch_closes(start + Duration::from_secs(60));
    assert_eq!(overdue(&mut flight, GiveUp::All, start, 70).waiting, 2);
    assert_eq!(
        overdue(&mut flight, GiveUp::All, start, 71).given_up,
        [1, 2]
    );
}
