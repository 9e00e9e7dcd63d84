//! The reassembler beside a naive model that keeps every message and looks back at each end.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use protocol::{
    BatchEvent, DropReason, Dropped, Encoding, Frame, FrameMeta, Limits, Message, Reassembler,
};

const MAX_CHUNK: usize = 8;
const MAX_FRAME: u64 = 20;
const MAX_BATCH: u32 = 3;

fn limits() -> Limits {
    Limits {
        max_frame_bytes: MAX_FRAME,
        max_chunk_bytes: MAX_CHUNK,
        max_batch: MAX_BATCH,
        ..Limits::default()
    }
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "steps are few")]
enum Step {
    Message(Message),
    /// An announcement that cannot be decoded.
    BadMeta,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0u64..3;
    let chunk = vec(any::<u8>(), 0..=MAX_CHUNK + 1);
    prop_oneof![
        3 => (id.clone(), 1..MAX_FRAME + 2).prop_map(|(id, nbytes)| Step::Message(meta(id, nbytes))),
        6 => chunk.prop_map(|data| Step::Message(Message::Chunk(data.into()))),
        3 => id.prop_map(|id| Step::Message(Message::FrameEnd(id))),
        1 => (0..MAX_BATCH + 2).prop_map(|n| Step::Message(Message::BatchStart(n))),
        1 => (0..MAX_BATCH + 2).prop_map(|n| Step::Message(Message::BatchEnd(n))),
        1 => Just(Step::Message(Message::KeepAlive)),
        1 => Just(Step::BadMeta),
    ]
}

/// Whole frames among the steps, so that many sequences deliver some.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let whole = (
        0u64..3,
        vec(any::<u8>(), 1..=MAX_FRAME as usize),
        1..=MAX_CHUNK,
    )
        .prop_map(|(id, data, chunk_bytes)| {
            let Message::FrameMeta(meta) = meta(id, 0) else {
                unreachable!()
            };
            let frame = Frame::new(meta, data.into()).unwrap();
            frame.messages(chunk_bytes).map(Step::Message).collect()
        });
    let one = step().prop_map(|step| vec![step]);
    vec(prop_oneof![1 => whole, 3 => one], 0..40).prop_map(|parts| parts.concat())
}

fn meta(frame_id: u64, nbytes: u64) -> Message {
    Message::FrameMeta(FrameMeta {
        frame_id,
        height: 5,
        width: 5,
        channels: 3,
        encoding: Encoding::Jpeg,
        nbytes,
        captured_us: None,
        clock: None,
    })
}

/// The frame that the last of `history` completes, seen from the end backwards.
fn completed(history: &[Step]) -> Option<Frame> {
    let (Step::Message(Message::FrameEnd(ended)), before) = history.split_last()? else {
        return None;
    };
    let begins = |step: &Step| {
        matches!(
            step,
            Step::BadMeta | Step::Message(Message::FrameMeta(_) | Message::FrameEnd(_))
        )
    };
    let at = before.iter().rposition(begins)?;
    let Step::Message(Message::FrameMeta(meta)) = &before[at] else {
        return None;
    };
    let mut data = Vec::new();
    for step in &before[at..] {
        if let Step::Message(Message::Chunk(chunk)) = step {
            if chunk.len() > MAX_CHUNK {
                return None;
            }
            data.extend_from_slice(chunk);
        }
    }
    let fits =
        meta.frame_id == *ended && meta.nbytes <= MAX_FRAME && meta.nbytes == data.len() as u64;
    fits.then(|| Frame {
        meta: meta.clone(),
        data: Bytes::from(data),
    })
}

/// The declared size of the batch that is open after `history`, and the frames that came in it.
fn open_batch(history: &[Step]) -> Option<(u32, u32)> {
    let marker = |step: &Step| {
        matches!(
            step,
            Step::Message(Message::BatchStart(_) | Message::BatchEnd(_))
        )
    };
    let at = history.iter().rposition(marker)?;
    let Step::Message(Message::BatchStart(declared)) = history[at] else {
        return None;
    };
    let frames = (at + 1..=history.len()).filter(|end| completed(&history[..*end]).is_some());
    (declared <= MAX_BATCH).then_some((declared, frames.count() as u32))
}

fn expected_batch_event(history: &[Step]) -> Option<BatchEvent> {
    let (last, before) = history.split_last()?;
    let open = open_batch(before);
    match last {
        Step::Message(Message::BatchStart(declared)) => Some(match open {
            _ if *declared > MAX_BATCH => BatchEvent::Refused {
                declared: *declared,
                max: MAX_BATCH,
            },
            None => BatchEvent::Started {
                declared: *declared,
            },
            Some((old, received)) => BatchEvent::Abandoned {
                declared: old,
                received,
                next: *declared,
            },
        }),
        Step::Message(Message::BatchEnd(closed_as)) => Some(match open {
            None => BatchEvent::NotOpen {
                closed_as: *closed_as,
            },
            Some((declared, received)) => BatchEvent::Ended {
                declared,
                closed_as: *closed_as,
                received,
            },
        }),
        _ => match (completed(history), open) {
            (Some(_), Some((declared, received))) if received == declared => {
                Some(BatchEvent::Overfull { declared })
            }
            _ => None,
        },
    }
}

fn is_of_an_announced_frame(dropped: &Dropped) -> bool {
    !matches!(
        dropped.reason,
        DropReason::OrphanChunks { .. } | DropReason::OrphanEnd
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_reassembler_does_what_the_model_does(steps in steps()) {
        let mut reassembler = Reassembler::new(limits());
        let mut history = Vec::new();
        let mut outcomes = Vec::new();
        let mut announced = Vec::new();
        for step in steps {
            history.push(step.clone());
            let Step::Message(message) = step else {
                let error = Message::from_text("FRAME_META::1:2", &limits()).unwrap_err();
                outcomes.extend(reassembler.push_error(&error).and_then(|d| d.frame_id));
                continue;
            };
            if let Message::FrameMeta(meta) = &message {
                announced.push(meta.frame_id);
            }
            let passes = matches!(message, Message::KeepAlive).then(|| message.clone());
            let pushed = reassembler.push(message);
            prop_assert_eq!(&pushed.frame, &completed(&history));
            prop_assert_eq!(pushed.batch, expected_batch_event(&history));
            prop_assert_eq!(pushed.other, passes);
            prop_assert!(reassembler.buffered_bytes() as u64 <= MAX_FRAME);
            let lost = pushed.dropped.filter(is_of_an_announced_frame);
            outcomes.extend(lost.and_then(|dropped| dropped.frame_id));
            outcomes.extend(pushed.frame.map(|frame| frame.meta.frame_id));
        }
        let rest = reassembler.reset().filter(is_of_an_announced_frame);
        outcomes.extend(rest.and_then(|dropped| dropped.frame_id));
        // Every announced frame has one outcome: delivered or dropped, in order.
        prop_assert_eq!(outcomes, announced);
    }
}
