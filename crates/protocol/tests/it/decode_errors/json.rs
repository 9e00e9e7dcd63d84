//! Messages in JSON.

use super::*;

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

#[test]
fn rules_that_cannot_be_shown() {
    let many = |what: &str, times: usize| vec![what; times].join(",");
    let zone = r#"{"name":"a","circle":[1,2,3]}"#;
    let corners = many("[1,2]", 1025);
    let large = format!(r#"{{"name":"a","polygon":[{corners}]}}"#);
    let event = r#"{"rule":"r","edge":"enter","cause":"condition"}"#;
    for (word, body, reason) in [
        (
            "ZONES",
            format!(r#""zones":[{}]"#, many(zone, 257)),
            "257 zones",
        ),
        (
            "ZONES",
            format!(r#""zones":[{large},{large}]"#),
            "2050 corners",
        ),
        (
            "ZONES",
            r#""zones":[{"name":"a","polygon":[[1,2],[3,4]]}]"#.to_owned(),
            "fewer than three",
        ),
        (
            "ZONES",
            r#""zones":[{"name":"a","circle":[1e7,2,3]}]"#.to_owned(),
            "not in a picture",
        ),
        (
            "ZONES",
            r#""zones":[{"name":"\u001b","circle":[1,2,3]}]"#.to_owned(),
            "a name",
        ),
        ("ZONES", r#""zones":[{"name":"a"}]"#.to_owned(), "malformed"),
        ("ZONES", r#""at":"page""#.to_owned(), "malformed"),
        (
            "RULES",
            format!(r#""active":[{}]"#, many("1", 257)),
            "257 zones",
        ),
        (
            "RULES",
            format!(r#""events":[{}]"#, many(event, 21)),
            "21 events",
        ),
        ("RULES", r#""events":[{"rule":""}]"#.to_owned(), "a name"),
        ("RULES", r#""active":[-1]"#.to_owned(), "malformed"),
        (
            "ZONE_EDIT",
            format!(r#""id":1,"name":"a","polygon":[{}]"#, many("[1,2]", 2049)),
            "2049 corners",
        ),
        (
            "ZONE_EDIT",
            format!(r#""id":1,"name":"{}","circle":[1,2,3]"#, "x".repeat(1025)),
            "a name",
        ),
        ("ZONE_EDIT", r#""id":1,"name":"a""#.to_owned(), "malformed"),
        (
            "ZONE_EDIT",
            r#""name":"a","circle":[1,2,3]"#.to_owned(),
            "malformed",
        ),
    ] {
        let text = format!(r#"{{"type":"{word}",{body}}}"#);
        let error = Message::from_text(&text, &Limits::default()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(word) && error.contains(reason), "{error}");
    }
}
