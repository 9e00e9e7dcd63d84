use super::tests::send;
use super::*;
use crate::send::flow::{EARLY_MARGIN, FIRST_FILE, MAX_FILE_BYTES, PacingMode};

/// A ledger with this flow control.
fn ledger(pacing: PacingMode, batch_size: u32) -> InFlight {
    InFlight::new(FlowControl::new(pacing, batch_size))
}

const MS: Duration = Duration::from_millis(1);
const LIVE: PacingMode = PacingMode::Newest {
    interval: Some(Duration::from_millis(33)),
    max_age: None,
};

fn timing(inference: u64) -> Timing {
    Timing {
        queue_us: Some(0),
        inference_us: Some(inference * 1000),
        ..Timing::default()
    }
}

/// A flow with estimates of a worker with this inference time, 3 ms away.
fn known(pacing: PacingMode, inference: u64, start: Instant) -> InFlight {
    let mut in_flight = ledger(pacing, 1);
    send(&mut in_flight, 0, start);
    in_flight.returned(
        0,
        Some(&timing(inference)),
        start + inference as u32 * MS + 3 * MS,
    );
    in_flight
}

#[test]
fn a_live_frame_leaves_to_arrive_when_the_model_is_free() {
    let start = Instant::now();
    let mut in_flight = known(LIVE, 100, start);
    let then = start + 200 * MS;
    assert_eq!(in_flight.gate(then), GateState::Open);
    send(&mut in_flight, 1, then);
    let GateState::At(next) = in_flight.gate(then) else {
        panic!("the model is busy");
    };
    let early = EARLY_MARGIN + 100 * MS / 8;
    assert_eq!(next, then + 100 * MS - early);
    assert_eq!(in_flight.gate(next), GateState::Open);
    send(&mut in_flight, 2, next);
    // A result that is late holds up the frames behind it.
    assert_eq!(in_flight.gate(then + 150 * MS), GateState::Shut);
    in_flight.returned(1, Some(&timing(100)), then + 160 * MS);
    assert!(matches!(in_flight.gate(then + 160 * MS), GateState::At(_)));
}

#[test]
fn a_worker_that_returns_nothing_gets_no_more() {
    let start = Instant::now();
    let mut in_flight = known(LIVE, 5, start);
    let mut now = start + 100 * MS;
    for id in 1..100 {
        now += 33 * MS;
        if in_flight.gate(now) == GateState::Open {
            send(&mut in_flight, id, now);
        }
    }
    assert!(
        in_flight.slots_taken() <= 6,
        "{} frames",
        in_flight.slots_taken()
    );
}

#[test]
fn batches_always_fill() {
    let start = Instant::now();
    for pacing in [LIVE, PacingMode::Every] {
        let mut in_flight = ledger(pacing, 8);
        for id in 0..16 {
            assert_eq!(in_flight.gate(start), GateState::Open, "frame {id}");
            send(&mut in_flight, id, start);
        }
        in_flight.pressed();
        in_flight.returned(0, Some(&timing(5)), start + 10 * MS);
        assert_eq!(in_flight.gate(start + 10 * MS), GateState::Open);
    }
}

#[test]
fn lanes_widen_the_window_of_a_file() {
    let start = Instant::now();
    let first = |lanes: usize| {
        let mut in_flight = InFlight::new(FlowControl::new(PacingMode::Every, 1).over(lanes));
        let open = (0..).take_while(|id| {
            let open = in_flight.gate(start) == GateState::Open;
            send(&mut in_flight, *id, start);
            open
        });
        open.count()
    };
    assert_eq!((first(1), first(8)), (FIRST_FILE, 8 * FIRST_FILE));
}

#[test]
fn bytes_bound_a_files_frames_but_two_may_always_go() {
    let start = Instant::now();
    let mut in_flight = ledger(PacingMode::Every, 1);
    for id in 0..2 {
        assert_eq!(in_flight.gate(start), GateState::Open);
        send(&mut in_flight, id, start);
        in_flight.encoded(id, None, MAX_FILE_BYTES, start);
    }
    assert_eq!(in_flight.gate(start), GateState::Shut);
    in_flight.returned(0, None, start);
    assert_eq!(in_flight.gate(start), GateState::Open);
}

#[test]
fn a_frame_that_is_given_up_makes_room() {
    let start = Instant::now();
    let mut in_flight = ledger(PacingMode::Every, 1);
    for id in 0..FIRST_FILE as u64 {
        send(&mut in_flight, id, start);
        in_flight.encoded(id, None, MAX_FILE_BYTES, start);
    }
    assert_eq!(in_flight.gate(start), GateState::Shut);
    for id in 0..FIRST_FILE as u64 {
        in_flight.damaged(id);
        in_flight.damaged(id);
    }
    let bytes: u64 = in_flight.slots().map(|slot| slot.bytes).sum();
    assert_eq!((in_flight.gate(start), bytes), (GateState::Open, 0));
}

#[test]
fn a_report_of_full_queues_takes_one_frame_away_and_results_give_it_back() {
    let start = Instant::now();
    let mut in_flight = ledger(PacingMode::Every, 1);
    for id in 0..8 {
        send(&mut in_flight, id, start);
    }
    in_flight.pressed();
    in_flight.pressed();
    in_flight.returned(0, None, start);
    assert_eq!(
        in_flight.gate(start),
        GateState::Shut,
        "seven are under way"
    );
    in_flight.returned(1, None, start);
    assert_eq!(in_flight.gate(start), GateState::Open);
    for id in 8..40 {
        send(&mut in_flight, id, start);
        in_flight.returned(id, None, start);
    }
    send(&mut in_flight, 40, start);
    assert_eq!(in_flight.gate(start), GateState::Open, "one more is tried");
}

#[test]
fn a_pause_spaces_frames_out() {
    let start = Instant::now();
    let mut in_flight = ledger(PacingMode::Unanswered, 1);
    in_flight.set_pause(100 * MS);
    send(&mut in_flight, 0, start);
    assert_eq!(in_flight.gate(start + MS), GateState::At(start + 100 * MS));
    assert_eq!(in_flight.gate(start + 100 * MS), GateState::Open);
}
