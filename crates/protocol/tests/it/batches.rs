//! Events of batches whose markers do not fit their frames.

use bytes::Bytes;
use protocol::{BatchEvent, Encoding, Frame, FrameMeta, Limits, Message, Reassembler};

#[derive(Clone, Copy)]
enum Step {
    Start(u32),
    End(u32),
    /// A whole frame.
    Frame,
    /// A frame whose bytes do not come.
    Lost,
}
use Step::{End, Lost, Start};

fn frame() -> Frame {
    let meta = FrameMeta {
        frame_id: 1,
        height: 2,
        width: 3,
        channels: 1,
        encoding: Encoding::U8,
        nbytes: 6,
        captured_us: None,
        clock: None,
    };
    Frame::new(meta, Bytes::from_static(b"abcdef")).unwrap()
}

fn run(steps: &[Step]) -> (Vec<BatchEvent>, usize) {
    let limits = Limits {
        max_batch: 4,
        ..Limits::default()
    };
    let mut reassembler = Reassembler::new(limits);
    let mut events = Vec::new();
    let mut frames = 0;
    for step in steps {
        let messages: Vec<Message> = match *step {
            Start(n) => vec![Message::BatchStart(n)],
            End(n) => vec![Message::BatchEnd(n)],
            Step::Frame => frame().messages(4).collect(),
            Lost => frame()
                .messages(4)
                .filter(|m| m.kind() != "chunk")
                .collect(),
        };
        for message in messages {
            let pushed = reassembler.push(message);
            events.extend(pushed.batch);
            frames += usize::from(pushed.frame.is_some());
        }
    }
    (events, frames)
}

#[test]
fn every_frame_is_delivered_and_every_mismatch_is_said() {
    let f = Step::Frame;
    let started = |declared| BatchEvent::Started { declared };
    let ended = |declared, closed_as, received| BatchEvent::Ended {
        declared,
        closed_as,
        received,
    };
    let abandoned = |declared, received, next| BatchEvent::Abandoned {
        declared,
        received,
        next,
    };
    let refused = BatchEvent::Refused {
        declared: 5,
        max: 4,
    };
    let not_open = |closed_as| BatchEvent::NotOpen { closed_as };
    let overfull = |declared| BatchEvent::Overfull { declared };
    let table: Vec<(&str, Vec<Step>, Vec<BatchEvent>)> = vec![
        (
            "whole",
            vec![Start(2), f, f, End(2)],
            vec![started(2), ended(2, 2, 2)],
        ),
        (
            "a frame lost",
            vec![Start(2), f, Lost, End(2)],
            vec![started(2), ended(2, 2, 1)],
        ),
        (
            "closed as fewer",
            vec![Start(3), f, f, End(2)],
            vec![started(3), ended(3, 2, 2)],
        ),
        (
            "empty",
            vec![Start(0), End(0)],
            vec![started(0), ended(0, 0, 0)],
        ),
        (
            "too many frames",
            vec![Start(1), f, f, f, End(1)],
            vec![started(1), overfull(1), ended(1, 1, 3)],
        ),
        (
            "begun inside another",
            vec![Start(3), f, Start(2), f, f, End(2)],
            vec![started(3), abandoned(3, 1, 2), ended(2, 2, 2)],
        ),
        ("end alone", vec![f, End(2), f], vec![not_open(2)]),
        (
            "closed twice",
            vec![Start(0), End(0), End(0)],
            vec![started(0), ended(0, 0, 0), not_open(0)],
        ),
        (
            "over the limit",
            vec![Start(5), f, End(5)],
            vec![refused, not_open(5)],
        ),
        (
            "over the limit inside another",
            vec![Start(2), f, Start(5), f],
            vec![started(2), refused],
        ),
    ];
    for (what, steps, expected) in table {
        let whole = steps.iter().filter(|s| matches!(s, Step::Frame)).count();
        assert_eq!(run(&steps), (expected, whole), "{what}");
    }
}

#[test]
fn only_a_batch_with_exactly_its_frames_is_complete() {
    let complete = |declared, closed_as, received| {
        BatchEvent::Ended {
            declared,
            closed_as,
            received,
        }
        .is_complete()
    };
    assert!(complete(2, 2, 2));
    assert!(!complete(2, 2, 1));
    assert!(!complete(2, 1, 1));
    assert!(!complete(1, 2, 2));
    assert!(!BatchEvent::Started { declared: 2 }.is_complete());
}
