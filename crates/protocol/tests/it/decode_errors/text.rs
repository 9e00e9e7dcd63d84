//! Fields of text messages.

use super::*;

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
