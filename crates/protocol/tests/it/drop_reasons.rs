//! Every way to lose a frame: what is reported, when, and that the next frame arrives.

use bytes::Bytes;
use protocol::{
    BatchEvent, DecodeError, DropReason, Dropped, Encoding, Frame, FrameMeta, Limits, Message,
    MetaError, Pushed, Reassembler,
};

const MAX_FRAME: u64 = 64;

fn reassembler() -> Reassembler {
    Reassembler::new(Limits {
        max_frame_bytes: MAX_FRAME,
        max_chunk_bytes: 16,
        max_batch: 4,
        ..Limits::default()
    })
}

fn meta(frame_id: u64, nbytes: u64) -> Message {
    Message::FrameMeta(FrameMeta {
        frame_id,
        height: 480,
        width: 640,
        channels: 3,
        encoding: Encoding::Jpeg,
        nbytes,
        captured_us: None,
        clock: None,
    })
}

fn chunk(bytes: usize) -> Message {
    Message::Chunk(Bytes::from(vec![7; bytes]))
}

fn end(frame_id: u64) -> Message {
    Message::FrameEnd(frame_id)
}

fn lost(frame_id: impl Into<Option<u64>>, reason: DropReason) -> Dropped {
    Dropped {
        frame_id: frame_id.into(),
        reason,
    }
}

/// Pushes `messages` and a good frame behind them, and returns what was dropped on the way.
#[track_caller]
fn dropped_by(messages: impl IntoIterator<Item = Message>) -> Vec<Dropped> {
    let mut reassembler = reassembler();
    let mut dropped = Vec::new();
    for message in messages {
        let pushed = reassembler.push(message);
        assert_eq!(pushed.frame, None, "a frame came out of a damaged sequence");
        dropped.extend(pushed.dropped);
    }
    let good = [meta(99, 3), chunk(3), end(99)].map(|message| reassembler.push(message));
    let [first, _, last] = good;
    assert_eq!(last.frame.map(|frame| frame.data.len()), Some(3));
    assert_eq!(last.dropped, None);
    dropped.extend(first.dropped);
    dropped
}

#[test]
fn each_lost_frame_is_reported_once_with_its_numbers() {
    use DropReason as R;
    let refused = |width, nbytes| {
        Message::FrameMeta(FrameMeta {
            frame_id: 5,
            height: 2,
            width,
            channels: 1,
            encoding: Encoding::U8,
            nbytes,
            captured_us: None,
            clock: None,
        })
    };
    let table: Vec<(&str, Vec<Message>, Vec<Dropped>)> = vec![
        (
            "a chunk is missing",
            vec![meta(5, 20), chunk(12), end(5)],
            vec![lost(
                5,
                R::Incomplete {
                    received: 12,
                    expected: 20,
                },
            )],
        ),
        (
            "all chunks are missing",
            vec![meta(5, 20), end(5)],
            vec![lost(
                5,
                R::Incomplete {
                    received: 0,
                    expected: 20,
                },
            )],
        ),
        (
            "a chunk came twice",
            vec![meta(5, 20), chunk(10), chunk(10), chunk(10), end(5)],
            vec![lost(
                5,
                R::Overrun {
                    received: 30,
                    expected: 20,
                },
            )],
        ),
        (
            "a chunk after the only one",
            vec![meta(5, 10), chunk(10), chunk(1), chunk(1), end(5)],
            vec![lost(
                5,
                R::Overrun {
                    received: 11,
                    expected: 10,
                },
            )],
        ),
        (
            "the end and the announcement of the next are missing",
            vec![meta(5, 20), chunk(10), chunk(10), end(6)],
            vec![lost(
                5,
                R::EndMismatch {
                    ended: 6,
                    received: 20,
                    expected: 20,
                },
            )],
        ),
        (
            "the end is missing",
            vec![meta(5, 20), chunk(16), chunk(4)],
            vec![lost(
                5,
                R::Superseded {
                    by: 99,
                    received: 20,
                    expected: 20,
                },
            )],
        ),
        (
            "announced twice",
            vec![meta(5, 20), meta(5, 20), end(5)],
            vec![
                lost(
                    5,
                    R::Superseded {
                        by: 5,
                        received: 0,
                        expected: 20,
                    },
                ),
                lost(
                    5,
                    R::Incomplete {
                        received: 0,
                        expected: 20,
                    },
                ),
            ],
        ),
        (
            "the announcement is missing",
            vec![chunk(10), chunk(10), end(5)],
            vec![lost(5, R::OrphanChunks { bytes: 20 })],
        ),
        (
            "the announcement and the end are missing",
            vec![chunk(10), chunk(3)],
            vec![lost(None, R::OrphanChunks { bytes: 13 })],
        ),
        (
            "only the end came",
            vec![end(5)],
            vec![lost(5, R::OrphanEnd)],
        ),
        (
            "a raw frame of the wrong size",
            vec![refused(3, 7), chunk(7), end(5)],
            vec![lost(
                5,
                R::Refused(MetaError::SizeMismatch {
                    nbytes: 7,
                    expected: 6,
                }),
            )],
        ),
        (
            "a frame over the limit",
            vec![meta(5, MAX_FRAME + 1), chunk(16), end(5)],
            vec![lost(
                5,
                R::Refused(MetaError::TooLarge {
                    nbytes: MAX_FRAME + 1,
                    max: MAX_FRAME,
                }),
            )],
        ),
        (
            "a frame over the limit, in the middle of another",
            vec![
                meta(4, 20),
                chunk(1),
                meta(5, MAX_FRAME + 1),
                chunk(16),
                end(5),
            ],
            vec![
                lost(
                    4,
                    R::Superseded {
                        by: 5,
                        received: 1,
                        expected: 20,
                    },
                ),
                lost(
                    5,
                    R::Refused(MetaError::TooLarge {
                        nbytes: MAX_FRAME + 1,
                        max: MAX_FRAME,
                    }),
                ),
            ],
        ),
        (
            "two of them",
            vec![meta(4, 20), refused(3, 7), meta(5, MAX_FRAME + 1)],
            vec![
                lost(
                    4,
                    R::Superseded {
                        by: 5,
                        received: 0,
                        expected: 20,
                    },
                ),
                lost(
                    5,
                    R::Refused(MetaError::SizeMismatch {
                        nbytes: 7,
                        expected: 6,
                    }),
                ),
                lost(
                    5,
                    R::Refused(MetaError::TooLarge {
                        nbytes: MAX_FRAME + 1,
                        max: MAX_FRAME,
                    }),
                ),
            ],
        ),
        (
            "a chunk over the limit",
            vec![meta(5, 20), chunk(17), chunk(3), end(5)],
            vec![lost(5, R::ChunkTooLarge { bytes: 17, max: 16 })],
        ),
        ("nothing but an empty chunk", vec![chunk(0)], vec![]),
    ];
    for (what, messages, expected) in table {
        assert_eq!(dropped_by(messages), expected, "{what}");
    }
}

#[test]
fn messages_that_are_not_part_of_a_frame_pass_through_its_middle() {
    let mut reassembler = reassembler();
    let start = Message::from_text(r#"{"type":"X"}"#, &Limits::default()).unwrap();
    for message in [meta(5, 20), chunk(16)] {
        assert_eq!(reassembler.push(message), Pushed::default());
    }
    for message in [Message::KeepAlive, start, Message::Ready] {
        assert_eq!(reassembler.push(message.clone()).other, Some(message));
    }
    assert_eq!(reassembler.push(chunk(4)), Pushed::default());
    assert!(reassembler.push(end(5)).frame.is_some());
}

#[test]
fn after_an_undecodable_part_of_a_frame_nothing_is_put_together() {
    let limits = Limits::default();
    let decode = |text: &str| Message::from_text(text, &limits).unwrap_err();
    let abandoned = |received, expected| {
        let reason = DropReason::Abandoned { received, expected };
        Some(lost(5, reason))
    };

    // The announcement of 6 is refused: neither 5 nor 6 may come out of the chunks that follow.
    let mut r = reassembler();
    r.push(meta(5, 20));
    r.push(chunk(10));
    assert_eq!(r.push_error(&decode("FRAME_META::6:1")), abandoned(10, 20));
    for message in [chunk(10), end(5)] {
        assert_eq!(r.push(message), Pushed::default());
    }

    // A chunk that is too large is lost with its frame.
    let mut r = reassembler();
    r.push(meta(5, 20));
    let error = DecodeError::ChunkTooLarge { bytes: 17, max: 16 };
    assert_eq!(r.push_error(&error), abandoned(0, 20));
    assert_eq!(r.push(end(5)), Pushed::default());

    // A refused end ends the frame in progress; chunks behind it are orphans again.
    let mut r = reassembler();
    r.push(meta(5, 20));
    assert_eq!(r.push_error(&decode("FRAME_END::x")), abandoned(0, 20));
    r.push(chunk(3));
    let orphans = DropReason::OrphanChunks { bytes: 3 };
    assert_eq!(r.push(end(6)).dropped, Some(lost(6, orphans)));

    // What is not part of a frame does not damage one.
    let mut r = reassembler();
    r.push(meta(5, 3));
    assert_eq!(r.push_error(&decode("BATCH_END::x")), None);
    assert_eq!(r.push_error(&decode("{")), None);
    r.push(chunk(3));
    assert!(r.push(end(5)).frame.is_some());
}

#[test]
fn a_reset_forgets_the_frame_and_the_batch() {
    let mut r = reassembler();
    assert_eq!(r.reset(), None);
    r.push(Message::BatchStart(2));
    r.push(meta(5, 20));
    r.push(chunk(10));
    assert!(r.buffered_bytes() >= 10);
    let abandoned = DropReason::Abandoned {
        received: 10,
        expected: 20,
    };
    assert_eq!(r.reset(), Some(lost(5, abandoned)));
    assert_eq!(r.buffered_bytes(), 0);
    let not_open = BatchEvent::NotOpen { closed_as: 2 };
    assert_eq!(r.push(Message::BatchEnd(2)).batch, Some(not_open));
    r.push(chunk(3));
    assert_eq!(
        r.reset(),
        Some(lost(None, DropReason::OrphanChunks { bytes: 3 }))
    );
    assert_eq!(r.reset(), None);
}

#[test]
fn a_frame_in_one_chunk_is_handed_on_without_a_copy() {
    let mut r = reassembler();
    let data = Bytes::from(vec![1; 16]);
    r.push(meta(5, 16));
    r.push(Message::Chunk(data.clone()));
    let frame = r.push(end(5)).frame.unwrap();
    assert_eq!(frame.data.as_ptr(), data.as_ptr());
}

#[test]
fn a_frame_is_cut_into_slices_of_its_own_bytes() {
    let data: Bytes = (0..100u8).collect();
    let Message::FrameMeta(meta) = meta(5, 0) else {
        unreachable!()
    };
    let frame = Frame::new(meta, data.clone()).unwrap();
    let mut at = data.as_ptr() as usize;
    for message in frame.messages(16) {
        let Message::Chunk(chunk) = message else {
            continue;
        };
        assert_eq!(chunk.as_ptr() as usize, at);
        at += chunk.len();
    }
    assert_eq!(at, data.as_ptr() as usize + 100);
}

#[test]
fn bytes_that_look_like_a_keep_alive_arrive_as_bytes() {
    let Message::FrameMeta(meta) = meta(5, 0) else {
        unreachable!()
    };
    for (data, chunk_bytes) in [
        (&b"KEEP_ALIVE"[..], 65_536),
        (b"KEEP_ALIVE", 10),
        (b"KEEP_ALIVEKEEP_ALIVE", 10),
        (b"0123456789KEEP_ALIVE!", 10),
    ] {
        let frame = Frame::new(meta.clone(), Bytes::from_static(data)).unwrap();
        let mut r = Reassembler::new(Limits::default());
        let mut arrived = None;
        for message in frame.messages(chunk_bytes) {
            let message = match message.encode() {
                protocol::Payload::Text(text) => Message::from_text(&text, &Limits::default()),
                protocol::Payload::Binary(data) => Message::from_binary(data, &Limits::default()),
            };
            arrived = arrived.or(r.push(message.unwrap()).frame);
        }
        assert_eq!(arrived, Some(frame));
    }
}
