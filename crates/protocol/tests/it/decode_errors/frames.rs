//! Announcements of frames, and what is too large.

use super::*;

#[test]
fn frame_announcements() {
    let number = |field, text: &str| MetaError::Number {
        field,
        text: text.to_owned(),
    };
    let mismatch = |nbytes, expected| MetaError::SizeMismatch { nbytes, expected };
    let size = |width, height| MetaError::Dimensions {
        width,
        height,
        max_width: 16_384,
        max_height: 16_384,
    };
    let empty = |width, height, nbytes| MetaError::Empty {
        width,
        height,
        nbytes,
    };
    let encoding = |found: &str| MetaError::Encoding {
        found: found.to_owned(),
    };
    const M: u64 = 1 << 20;
    for (fields, frame_id, expected) in [
        ("", None, MetaError::MissingFields { found: 1 }),
        (
            "7:2:3:1:uint8",
            Some(7),
            MetaError::MissingFields { found: 5 },
        ),
        ("-7:2:3:1:uint8:6", None, number("frame_id", "-7")),
        ("+7:2:3:1:uint8:6", None, number("frame_id", "+7")),
        (" 7:2:3:1:uint8:6", None, number("frame_id", " 7")),
        (
            "18446744073709551616:2:3:1:uint8:6",
            None,
            number("frame_id", "18446744073709551616"),
        ),
        ("7::3:1:uint8:6", Some(7), number("height", "")),
        (
            "7:4294967296:3:1:uint8:6",
            Some(7),
            number("height", "4294967296"),
        ),
        ("7:2:3.0:1:uint8:6", Some(7), number("width", "3.0")),
        ("7:2:3:256:uint8:6", Some(7), number("channel count", "256")),
        ("7:2:3:1:uint8:six", Some(7), number("byte count", "six")),
        ("7:2:3:1:uint8:-6", Some(7), number("byte count", "-6")),
        (
            "7:2:3:0:uint8:0",
            Some(7),
            MetaError::Channels { channels: 0 },
        ),
        (
            "7:2:3:2:uint8:12",
            Some(7),
            MetaError::Channels { channels: 2 },
        ),
        ("7:2:3:1:float32:24", Some(7), encoding("float32")),
        ("7:2:3:1:>u2:12", Some(7), encoding(">u2")),
        ("7:2:3:1:JPEG:12", Some(7), encoding("JPEG")),
        ("7:0:3:1:uint8:0", Some(7), empty(3, 0, 0)),
        ("7:2:0:1:uint8:0", Some(7), empty(0, 2, 0)),
        ("7:2:3:1:jpeg:0", Some(7), empty(3, 2, 0)),
        ("7:16385:1:1:uint8:16385", Some(7), size(1, 16_385)),
        ("7:1:4294967295:1:jpeg:9", Some(7), size(4_294_967_295, 1)),
        ("7:2:3:1:uint8:5", Some(7), mismatch(5, 6)),
        ("7:2:3:3:uint8:6", Some(7), mismatch(6, 18)),
        ("7:2:3:1:uint16:6", Some(7), mismatch(6, 12)),
        (
            "7:2:3:1:jpeg:134217729",
            Some(7),
            MetaError::TooLarge {
                nbytes: 128 * M + 1,
                max: 128 * M,
            },
        ),
        (
            "7:2:3:1:uint8:18446744073709551615",
            Some(7),
            MetaError::TooLarge {
                nbytes: u64::MAX,
                max: 128 * M,
            },
        ),
    ] {
        let error = refuse(&format!("FRAME_META::{fields}"));
        assert_eq!(error.frame_id(), frame_id, "{fields}");
        match error {
            DecodeError::FrameMeta { source, .. } => assert_eq!(source, expected, "{fields}"),
            other => panic!("{fields}: {other}"),
        }
    }
}

#[test]
fn dimensions_whose_product_passes_every_integer_are_refused_and_not_wrapped() {
    let wide_open = Limits {
        max_width: u32::MAX,
        max_height: u32::MAX,
        max_frame_bytes: u64::MAX,
        ..Limits::default()
    };
    // 2^32-1 squared, four 16-bit channels: 8 times 2^64. Wrapped it would be 2^67 - 2^36 + 8 mod 2^64.
    let wrapped = 8u64.wrapping_mul(u64::from(u32::MAX).wrapping_mul(u64::from(u32::MAX)));
    let text = format!("FRAME_META::1:4294967295:4294967295:4:uint16:{wrapped}");
    let error = refuse_with(&text, wide_open);
    assert!(
        matches!(
            error,
            DecodeError::FrameMeta {
                source: MetaError::SizeMismatch { .. },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn messages_over_the_limits() {
    let limits = || Limits {
        max_text_bytes: 20,
        max_chunk_bytes: 4,
        max_batch: 8,
        ..Limits::default()
    };
    let error = refuse_with(&"x".repeat(21), limits());
    assert!(
        matches!(error, DecodeError::TextTooLong { bytes: 21, max: 20 }),
        "{error}"
    );
    assert!(Message::from_text(&"x".repeat(20), &limits()).is_ok());

    let error = Message::from_binary(Bytes::from_static(b"12345"), &limits()).unwrap_err();
    assert!(
        matches!(error, DecodeError::ChunkTooLarge { bytes: 5, max: 4 }),
        "{error}"
    );
    assert!(Message::from_binary(Bytes::from_static(b"1234"), &limits()).is_ok());

    for word in ["BATCH_START", "BATCH_END"] {
        let error = refuse_with(&format!("{word}::9"), limits());
        assert!(
            matches!(error, DecodeError::BatchTooLarge { word: w, declared: 9, max: 8 } if w == word),
            "{error}"
        );
        assert!(Message::from_text(&format!("{word}::8"), &limits()).is_ok());
    }
    let error = refuse(r#"{"type":"STREAM_START","batch_size":1025}"#);
    assert!(
        matches!(
            error,
            DecodeError::BatchTooLarge {
                word: "STREAM_START",
                declared: 1025,
                max: 1024
            }
        ),
        "{error}"
    );
}
