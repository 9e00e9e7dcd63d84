//! Each way to lose a frame.

use super::*;

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
