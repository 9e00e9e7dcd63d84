//! What messages and their parts report: lengths, order, bounds, and how they are logged.

use bytes::Bytes;
use protocol::text::Lines;
use protocol::{
    CaptureClock, Encoding, Frame, FrameMeta, Limits, Message, MetaError, Payload, UnitHeader,
};

fn meta(width: u32, height: u32) -> FrameMeta {
    FrameMeta {
        frame_id: 7,
        height,
        width,
        channels: 1,
        encoding: Encoding::Jpeg,
        nbytes: 3,
        captured_us: None,
        clock: None,
    }
}

#[test]
fn a_payload_has_the_bytes_of_the_wire() {
    for (payload, bytes) in [
        (Payload::Text(String::new()), 0),
        (Payload::Text("é!".into()), 3),
        (Payload::Binary(Bytes::new()), 0),
        (Payload::Binary(Bytes::from_static(&[1, 2])), 2),
    ] {
        assert_eq!(payload.len(), bytes);
        assert_eq!(payload.is_empty(), bytes == 0);
    }
}

#[test]
fn a_unit_that_waits_for_all_before_it_is_ordered() {
    let unit = |after| UnitHeader {
        number: 5,
        messages: 1,
        after,
    };
    assert!(unit(5).is_ordered());
    assert!(!unit(4).is_ordered());
}

#[test]
fn a_frame_without_pixels_is_refused_whichever_side_is_0() {
    for (width, height) in [(0, 20), (10, 0)] {
        let error = meta(width, height).check(&Limits::default());
        assert!(matches!(error, Err(MetaError::Empty { .. })), "{error:?}");
    }
}

#[test]
fn either_side_of_a_frame_can_be_too_long() {
    let limits = Limits {
        max_width: 10,
        max_height: 20,
        ..Limits::default()
    };
    assert_eq!(meta(10, 20).check(&limits), Ok(()));
    for (width, height) in [(11, 20), (10, 21)] {
        let error = meta(width, height).check(&limits);
        assert!(
            matches!(error, Err(MetaError::Dimensions { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn logs_tell_how_much_there_is_of_pixels_and_not_the_pixels() {
    let data = Bytes::from_static(&[201, 202, 203]);
    let frame = Frame {
        meta: meta(10, 20),
        data: data.clone(),
    };
    for (logged, words) in [
        (format!("{frame:?}"), "3 bytes"),
        (
            format!("{:?}", Payload::Binary(data.clone())),
            "Binary(3 bytes)",
        ),
        (
            format!("{:?}", Payload::Text("word".into())),
            "Text(\"word\")",
        ),
        (format!("{:?}", Message::Chunk(data)), "(3 bytes)"),
        (format!("{:?}", Message::FrameEnd(7)), "7"),
    ] {
        assert!(logged.contains(words), "{logged}");
        assert!(!logged.contains("202"), "{logged}");
    }
    let long = Message::TrackLog("x".repeat(5_000));
    let logged = format!("{long:?}");
    assert!((300..600).contains(&logged.len()), "{}", logged.len());
}

#[test]
fn numbers_in_json_have_their_meaning_or_a_reason() {
    let read = |json: &str| Message::from_text(json, &Limits::default());
    let start = |fps: &str| read(&format!(r#"{{"type": "STREAM_START", "fps": {fps}}}"#));
    for (fps, expected) in [
        ("30", Some(30.0)),
        ("0", None),
        ("-1", None),
        ("null", None),
    ] {
        let Ok(Message::StreamStart(start)) = start(fps) else {
            panic!("fps {fps}");
        };
        assert_eq!(start.fps, expected, "fps {fps}");
    }
    let error = read(r#"{"type": "STREAM_START", "width": 1.5}"#).unwrap_err();
    let reason = error.to_string();
    assert!(reason.contains("an integer in range"), "{reason}");
}

#[test]
fn lines_are_shown_in_one_line_however_they_were_made() {
    for (lines, shown) in [
        (Lines::from("one"), "one"),
        (Lines::from("one".to_owned()), "one"),
        (
            Lines::from(vec!["one".to_owned(), "two".to_owned()]),
            "one; two",
        ),
        (
            Lines::from(["one".to_owned(), "two".to_owned()]),
            "one; two",
        ),
    ] {
        assert_eq!(lines.to_string(), shown);
    }
}

#[test]
fn a_refusal_may_have_no_reason() {
    let read = |text: &str| Message::from_text(text, &Limits::default()).expect(text);
    for text in ["AUTH_FAILURE", "AUTH_FAILURE::"] {
        assert_eq!(read(text), Message::AuthFailure(String::new()), "{text}");
    }
}

#[test]
fn the_clock_of_a_capture_time_is_read_where_it_is_one() {
    for (fields, expected) in [
        ("", (None, None)),
        (":7", (Some(7), None)),
        (":7:driver", (Some(7), Some(CaptureClock::Driver))),
        (":7:device:later", (Some(7), Some(CaptureClock::Device))),
        (":7:sundial:9", (Some(7), None)),
        (":7:Driver", (Some(7), None)),
        (":x:driver", (None, None)),
        ("::arrival", (None, None)),
    ] {
        let text = format!("FRAME_META::1:2:2:1:uint8:4{fields}");
        let Ok(Message::FrameMeta(meta)) = Message::from_text(&text, &Limits::default()) else {
            panic!("{text} is not read");
        };
        assert_eq!((meta.captured_us, meta.clock), expected, "{text}");
    }
}
