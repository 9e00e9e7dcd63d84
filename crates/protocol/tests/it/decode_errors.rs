//! What is refused, and with which numbers.

use bytes::Bytes;
use protocol::{DecodeError, FileNameError, Limits, Message, MetaError, ShapeError};

fn refuse(text: &str) -> DecodeError {
    refuse_with(text, Limits::default())
}

fn refuse_with(text: &str, limits: Limits) -> DecodeError {
    match Message::from_text(text, &limits) {
        Err(error) => error,
        Ok(message) => panic!("{text:?} was read as {message:?}"),
    }
}

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

#[test]
fn fields_of_text_messages() {
    let sha = "0".repeat(64);
    for (text, word, field, found) in [
        ("FRAME_END::", "FRAME_END", "frame_id", ""),
        ("FRAME_END::seven", "FRAME_END", "frame_id", "seven"),
        ("BATCH_START::-1", "BATCH_START", "frame count", "-1"),
        (
            "BATCH_END::4294967296",
            "BATCH_END",
            "frame count",
            "4294967296",
        ),
        ("FILE_META::a.slp:ten:x", "FILE_META", "size", "ten"),
        (
            "FILE_UPLOAD_CHECK::abc::a.slp",
            "FILE_UPLOAD_CHECK",
            "SHA-256",
            "abc",
        ),
        ("FILE_UPLOAD_READY::-1", "FILE_UPLOAD_READY", "offset", "-1"),
        (
            "FILE_UPLOAD_START::a::x::/d::1",
            "FILE_UPLOAD_START",
            "size",
            "x",
        ),
        (
            "FILE_UPLOAD_START::a::1::/d::2",
            "FILE_UPLOAD_START",
            "flag",
            "2",
        ),
        (
            "FILE_UPLOAD_PROGRESS::1::all",
            "FILE_UPLOAD_PROGRESS",
            "byte count",
            "all",
        ),
        ("AUTH_PROOF::", "AUTH_PROOF", "nonce", ""),
        ("AUTH_PROOF::AAAA", "AUTH_PROOF", "proof", ""),
        ("AUTH_PROOF::AAAA:B=", "AUTH_PROOF", "proof", "B="),
        ("AUTH_PROOF::A A:BBBB", "AUTH_PROOF", "nonce", "A A"),
    ] {
        match refuse(text) {
            DecodeError::Field {
                word: w,
                field: f,
                text: t,
            } => {
                assert_eq!((w, f, t.as_str()), (word, field, found), "{text}");
            }
            other => panic!("{text}: {other}"),
        }
    }
    for (text, word, expected, found) in [
        ("FILE_META::a.slp", "FILE_META", 2, 1),
        ("FILE_UPLOAD_CHECK::abc", "FILE_UPLOAD_CHECK", 2, 1),
        ("FILE_UPLOAD_START::a::1", "FILE_UPLOAD_START", 4, 2),
        ("FILE_UPLOAD_START::a::1::/d", "FILE_UPLOAD_START", 4, 3),
        ("FILE_UPLOAD_PROGRESS::1", "FILE_UPLOAD_PROGRESS", 2, 1),
    ] {
        match refuse(text) {
            DecodeError::MissingFields {
                word: w,
                expected: e,
                found: f,
            } => {
                assert_eq!((w, e, f), (word, expected, found), "{text}");
            }
            other => panic!("{text}: {other}"),
        }
    }
    for (more, field) in [
        ("big::c0ffee", "size"),
        ("7::", "upload id"),
        ("7::c0f-fee", "upload id"),
    ] {
        let error = refuse(&format!("FILE_UPLOAD_CHECK::{sha}::a.mp4::{more}"));
        assert!(
            matches!(&error, DecodeError::Field { field: found, .. } if *found == field),
            "{error}"
        );
        assert_eq!(error.transfer_word(), Some("FILE_UPLOAD_CHECK"));
    }
    assert_eq!(refuse("FRAME_END::seven").transfer_word(), None);
    for text in [
        "FILE_META::../a:1:x".to_owned(),
        format!("FILE_UPLOAD_CHECK::{sha}::a/b"),
        "FILE_UPLOAD_START::..::1::/d::1".to_owned(),
    ] {
        let error = refuse(&text);
        assert!(matches!(error, DecodeError::FileName { .. }), "{error}");
    }
}

#[test]
fn file_names_that_are_paths() {
    use protocol::FileName;
    let character = |found| FileNameError::Character { found };
    for (name, error) in [
        ("", FileNameError::Empty),
        (".", FileNameError::Dots),
        ("..", FileNameError::Dots),
        ("a..b", FileNameError::Dots),
        ("/etc/passwd", character('/')),
        ("..\\a", character('\\')),
        ("C:a", character(':')),
        ("a\0b", character('\0')),
        ("a\nb", character('\n')),
    ] {
        assert_eq!(FileName::new(name), Err(error), "{name:?}");
    }
    let long = "x".repeat(256);
    let error = FileNameError::TooLong {
        bytes: 256,
        max: 255,
    };
    assert_eq!(FileName::new(long), Err(error));
    for name in ["a", "labels.v003.slp", "mäuse 2.mp4", ".hidden", "x-y_z"] {
        assert_eq!(FileName::new(name).unwrap().as_str(), name);
    }
}

#[test]
fn json_with_wrong_values() {
    for (text, kind) in [
        ("{", "of unknown type"),
        ("{}x", "of unknown type"),
        (r#"{"type":7}"#, "of unknown type"),
        (r#"{"type":"STREAM_START","width":-1}"#, "STREAM_START"),
        (r#"{"type":"STREAM_START","width":640.5}"#, "STREAM_START"),
        (
            r#"{"type":"STREAM_START","width":4294967296}"#,
            "STREAM_START",
        ),
        (
            r#"{"type":"STREAM_START","total_frames":1e300}"#,
            "STREAM_START",
        ),
        (
            r#"{"type":"STREAM_START","total_frames":true}"#,
            "STREAM_START",
        ),
        (
            r#"{"type":"STREAM_START","jpeg_quality":101}"#,
            "STREAM_START",
        ),
        (
            r#"{"type":"STREAM_START","jpeg_quality":300}"#,
            "STREAM_START",
        ),
        (
            r#"{"type":"STREAM_START","significant_bits":7}"#,
            "STREAM_START",
        ),
        (
            r#"{"type":"STREAM_START","significant_bits":17}"#,
            "STREAM_START",
        ),
        (r#"{"type":"STREAM_START","fps":1e999}"#, "STREAM_START"),
        (r#"{"type":"STREAM_ACK","status":1}"#, "STREAM_ACK"),
        (
            r#"{"type":"STREAM_ACK","skeleton":{"edges":[[0,-1]]}}"#,
            "STREAM_ACK",
        ),
        (
            r#"{"type":"STREAM_ACK","skeleton":{"edges":[[0]]}}"#,
            "STREAM_ACK",
        ),
        (r#"{"type":"STREAM_END","total_sent":-1}"#, "STREAM_END"),
        (
            r#"{"type":"STREAM_COMPLETE","frames_dropped":0.5}"#,
            "STREAM_COMPLETE",
        ),
        (r#"{"type":"PREDICTION","instances":[]}"#, "PREDICTION"),
        (r#"{"type":"PREDICTION","frame_id":1}"#, "PREDICTION"),
        (
            r#"{"type":"PREDICTION","frame_id":1,"instances":[[[1]]]}"#,
            "PREDICTION",
        ),
        (
            r#"{"type":"PREDICTION","frame_id":1,"instances":[[[1,1e39]]]}"#,
            "PREDICTION",
        ),
        (
            r#"{"type":"PREDICTION","frame_id":18446744073709551616,"instances":[]}"#,
            "PREDICTION",
        ),
        (r#"{"type":"FRAME_RECEIVED"}"#, "FRAME_RECEIVED"),
        (
            r#"{"type":"FRAME_RECEIVED","frame_id":1,"timing":{"decode_us":-1}}"#,
            "FRAME_RECEIVED",
        ),
        (r#"{"type":"ERROR","frame_id":"1"}"#, "ERROR"),
    ] {
        match refuse(text) {
            DecodeError::Json { kind: k, .. } => assert_eq!(k, kind, "{text}"),
            other => panic!("{text}: {other}"),
        }
    }
    let nested = format!("{{\"type\":\"X\",\"a\":{}", "[".repeat(100_000));
    assert!(matches!(refuse(&nested), DecodeError::Json { .. }));
}

#[test]
fn an_answer_that_cannot_be_read_still_says_which_frame_it_is_about() {
    for (text, frame_id) in [
        (
            r#"{"type":"PREDICTION","frame_id":7,"instances":"none"}"#,
            Some(7),
        ),
        (
            r#"{"type":"PREDICTION","frame_id":7,"instances":NaN}"#,
            Some(7),
        ),
        (
            r#"{"type":"FRAME_RECEIVED","frame_id":7.0,"timing":3}"#,
            Some(7),
        ),
        (r#"{"type":"ERROR","frame_id":7,"message":3}"#, Some(7)),
        (
            r#"{"type":"PREDICTION","frame_id":-7,"instances":[]}"#,
            None,
        ),
        (r#"{"type":"PREDICTION","frame_id":7,"instances":["#, None),
        (r#"{"type":"STREAM_ACK","frame_id":7,"status":1}"#, None),
    ] {
        assert_eq!(refuse(text).frame_id(), frame_id, "{text}");
    }
}

#[test]
fn predictions_whose_arrays_do_not_fit() {
    for (rest, array, found, expected) in [
        (r#""confidence":[[1]]"#, "confidence", 1, 2),
        (r#""confidence":[[1],[1,2]]"#, "a row of confidence", 2, 1),
        (r#""instance_scores":[1,2,3]"#, "instance_scores", 3, 2),
        (r#""tracks":["a"]"#, "tracks", 1, 2),
        (r#""track_scores":[1]"#, "track_scores", 1, 2),
    ] {
        let text =
            format!(r#"{{"type":"PREDICTION","frame_id":9,"instances":[[[1,2]],[null]],{rest}}}"#);
        let error = refuse(&text);
        assert_eq!(error.frame_id(), Some(9));
        let DecodeError::Shape { source, .. } = error else {
            panic!("{rest}: {error}");
        };
        let expected = ShapeError {
            array,
            found,
            expected,
        };
        assert_eq!(source, expected, "{rest}");
    }
}

#[test]
fn an_error_shows_only_the_beginning_of_a_long_text() {
    let error = refuse(&format!("FRAME_END::{}", "y".repeat(10_000)));
    assert!(error.to_string().len() < 100, "{error}");
}
