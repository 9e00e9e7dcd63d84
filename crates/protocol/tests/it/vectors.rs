//! Messages as the Python peers write them (`vectors/make.py`) are read, and written back the same.

use bytes::Bytes;
use protocol::{Frame, FrameMeta, Limits, Message, Payload, Reassembler};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vector {
    name: String,
    kind: String,
    text: Option<String>,
    json: Option<String>,
    hex: Option<String>,
    reads: Option<Value>,
}

fn lines<T: for<'de> Deserialize<'de>>(file: &str) -> Vec<T> {
    file.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn messages() -> Vec<Vector> {
    lines(include_str!("../vectors/messages.jsonl"))
}

#[test]
fn text_and_binary_messages_are_written_back_byte_for_byte() {
    let mut seen = 0;
    for vector in messages() {
        let limits = Limits::default();
        let (message, wire) = match (&vector.text, &vector.hex) {
            (Some(text), _) => (
                Message::from_text(text, &limits),
                Payload::Text(text.clone()),
            ),
            (_, Some(hex)) => {
                let data = unhex(hex);
                let message = Message::from_binary(data.clone(), &limits);
                (message, Payload::Binary(data))
            }
            _ => continue,
        };
        let message = message.unwrap_or_else(|e| panic!("{}: {e}", vector.name));
        assert_eq!(message.kind(), vector.kind, "{}", vector.name);
        assert_eq!(message.encode(), wire, "{}", vector.name);
        seen += 1;
    }
    assert!(seen > 40, "{seen} vectors");
}

#[test]
fn json_messages_are_written_back_as_the_same_value_with_their_type_first() {
    let mut seen = 0;
    for vector in messages() {
        let Some(json) = &vector.json else { continue };
        let message = Message::from_text(json, &Limits::default())
            .unwrap_or_else(|e| panic!("{}: {e}", vector.name));
        assert_eq!(message.kind(), vector.kind, "{}", vector.name);
        let Payload::Text(written) = message.encode() else {
            panic!("{} is written as binary", vector.name);
        };
        let expected = vector
            .reads
            .unwrap_or_else(|| serde_json::from_str(json).unwrap());
        let found: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(plain(found), plain(expected), "{}", vector.name);
        let first = format!("{{\"type\":\"{}\"", vector.kind);
        assert!(written.starts_with(&first), "{written}");
        seen += 1;
    }
    assert!(seen > 20, "{seen} vectors");
}

#[test]
fn a_session_of_the_python_client_gives_its_frames() {
    #[derive(Deserialize)]
    struct Step {
        text: Option<String>,
        chunk: Option<Piece>,
    }
    #[derive(Deserialize)]
    struct Piece {
        frame: u64,
        offset: u64,
        length: u64,
    }

    let limits = Limits::default();
    let mut reassembler = Reassembler::new(limits.clone());
    let (mut frames, mut batches, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let steps: Vec<Step> = lines(include_str!("../vectors/session.jsonl"));
    for step in &steps {
        let message = match (&step.text, &step.chunk) {
            (Some(text), _) => Message::from_text(text, &limits).unwrap(),
            (_, Some(piece)) => {
                let bytes = piece.offset..piece.offset + piece.length;
                let data = bytes.map(|i| pattern(piece.frame, i)).collect::<Bytes>();
                Message::from_binary(data, &limits).unwrap()
            }
            _ => panic!("a step is a text or a chunk"),
        };
        let pushed = reassembler.push(message);
        assert_eq!(pushed.dropped, None);
        frames.extend(pushed.frame);
        batches.extend(pushed.batch);
        others.extend(pushed.other.map(|message| message.kind()));
    }

    assert_eq!(others, ["STREAM_START", "STREAM_END"]);
    let ids: Vec<_> = frames.iter().map(|frame| frame.meta.frame_id).collect();
    assert_eq!(ids, [0, 10, 20, 30, 40, 50, 60]);
    for Frame { meta, data } in &frames {
        let FrameMeta {
            frame_id, nbytes, ..
        } = *meta;
        let sent: Vec<u8> = (0..nbytes).map(|i| pattern(frame_id, i)).collect();
        assert!(data == &sent, "frame {frame_id} differs");
    }
    let complete = batches.iter().filter(|event| event.is_complete()).count();
    assert_eq!((batches.len(), complete), (6, 3));

    // Cut by this crate, the frames make the same messages as the Python client's.
    let again: usize = frames.iter().map(|f| f.messages(65_536).count()).sum();
    assert_eq!(again + batches.len() + others.len(), steps.len());
}

fn pattern(frame_id: u64, i: u64) -> u8 {
    ((7 * i + frame_id) % 251) as u8
}

fn unhex(hex: &str) -> Bytes {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap() as u8;
    hex.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// Python's `30` and `30.0` are one number.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() && n.as_f64().is_some_and(|x| x.fract() == 0.0) => {
            Value::from(n.as_f64().unwrap() as i64)
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(keys) => keys.into_iter().map(|(k, v)| (k, plain(v))).collect(),
        other => other,
    }
}
