//! What the fuzz targets do with their input (`tests/fuzz`). The tests replay the committed inputs.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::coded::{CodedUnit, CollectorLimits, Shard, ShardCollector, ShardEncoder};
use crate::{Frame, FrameId, JobStatus, Limits, MAX_LATE_UNITS, Message, Payload, Reassembler};

/// Small enough that inputs reach them.
const LIMITS: Limits = Limits {
    max_frame_bytes: 4096,
    max_width: 512,
    max_height: 512,
    max_chunk_bytes: 1024,
    max_batch: 8,
    max_text_bytes: 4096,
};

/// One message. What is read is the same when it is written and read again.
pub fn message(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(message) = Message::from_text(text, &LIMITS)
    {
        same_again(&message);
    }
    if let Ok(message) = Message::from_binary(Bytes::copy_from_slice(data), &LIMITS) {
        same_again(&message);
    }
}

fn same_again(message: &Message) {
    if let Message::InferenceJob(text) = message {
        let event = JobStatus::from_text(text);
        assert_eq!(JobStatus::from_text(&event.to_string()), event);
    }
    let again = match message.encode() {
        // What is written may be longer than what was read: defaults are written in full.
        Payload::Text(text) => Message::from_text(&text, &Limits::default()),
        Payload::Binary(data) => Message::from_binary(data, &Limits::default()),
    };
    let again = again.expect("what is written can be read");
    assert_eq!(again.encode(), message.encode());
}

/// A channel. The reassembler beside a record of the messages: no frame differs from the record, and
/// no more is kept than the limits allow.
///
/// The input is a row of messages: kind (even: text), length (two bytes, little-endian), content.
pub fn session(mut data: &[u8]) {
    let mut reassembler = Reassembler::new(LIMITS);
    let mut came: (Option<FrameId>, Vec<u8>) = (None, Vec::new());
    while let Some(([kind, low, high], rest)) = data.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let content;
        (content, data) = rest.split_at(length);
        let decoded = match (kind % 2, std::str::from_utf8(content)) {
            (0, Ok(text)) => Message::from_text(text, &LIMITS),
            _ => Message::from_binary(Bytes::copy_from_slice(content), &LIMITS),
        };
        let frame = match decoded {
            Ok(message) => {
                note(&message, &mut came);
                reassembler.push(message).frame
            }
            Err(error) => {
                reassembler.push_error(&error);
                None
            }
        };
        if let Some(frame) = frame {
            as_it_came(&frame, &came);
        }
        assert!(reassembler.buffered_bytes() as u64 <= LIMITS.max_frame_bytes);
    }
}

fn note(message: &Message, (announced, bytes): &mut (Option<FrameId>, Vec<u8>)) {
    match message {
        Message::FrameMeta(meta) => {
            *announced = Some(meta.frame_id);
            bytes.clear();
        }
        Message::Chunk(chunk) => bytes.extend_from_slice(chunk),
        _ => {}
    }
}

fn as_it_came(frame: &Frame, (announced, bytes): &(Option<FrameId>, Vec<u8>)) {
    assert_eq!(Some(frame.meta.frame_id), *announced);
    assert_eq!(frame.meta.nbytes, bytes.len() as u64);
    let chunks = frame
        .messages(LIMITS.max_chunk_bytes)
        .filter_map(|message| match message {
            Message::Chunk(chunk) => Some(chunk),
            _ => None,
        });
    assert!(chunks.flatten().eq(bytes.iter().copied()));
}

/// Shards. Beside whatever the input has, those of a few units of its own: the collector delivers no unit
/// with another content, none twice, and keeps no more than its bounds.
///
/// The input is a row of steps: kind, and two bytes; kinds from 4 on have a message of so many bytes.
pub fn shards(mut data: &[u8]) {
    let limits = CollectorLimits {
        max_units: 4,
        max_bytes: 8192,
        ..CollectorLimits::default()
    };
    let units: Vec<CodedUnit> = (0..6).map(own_unit).collect();
    let wire = own_shards(&units);
    let mut collector = ShardCollector::new(limits.clone());
    let mut now = Instant::now();
    let mut delivered = Vec::new();
    while let Some(([kind, low, high], rest)) = data.split_first_chunk() {
        data = rest;
        let number = usize::from(u16::from_le_bytes([*low, *high]));
        let mut message = wire[number % wire.len()].to_vec();
        match kind % 8 {
            0 => {
                now += Duration::from_millis(number as u64 % 64);
                if number & 0x4000 != 0 {
                    collector.wait_for_late(Duration::from_millis(number as u64 % 512));
                }
                if number & 0x8000 != 0 {
                    collector.sent_before(number as u32 & 0x3fff, now);
                }
            }
            1 => {
                let place = number % message.len();
                message[place] ^= *kind;
            }
            2 | 3 => {}
            _ => {
                (message, data) = {
                    let (own, rest) = data.split_at(number.min(data.len()));
                    (own.to_vec(), rest)
                }
            }
        }
        let Ok(shard) = Shard::try_from(Bytes::from(message)) else {
            continue;
        };
        if let Some((number, unit)) = collector.push(shard, now).unit {
            assert!(!delivered.contains(&number), "unit {number} comes twice");
            // Also one that the input has made: it could have been sent.
            let again = ShardEncoder::default().starting_at(number).encode(&unit, 1);
            assert!(again.is_ok_and(|shards| !shards.is_empty()));
            delivered.push(number);
        }
        assert!(collector.missing(now).len() <= MAX_LATE_UNITS);
        assert!(collector.missing_at().is_none_or(|at| at > now));
        assert!(collector.held_bytes() <= limits.max_bytes);
        assert!(collector.held_units() <= limits.max_units);
    }
    collector.finish(now);
    assert_eq!(collector.held_bytes(), 0);
}

fn own_unit(number: u8) -> CodedUnit {
    CodedUnit {
        text: format!("unit {number}"),
        data: Bytes::from(vec![number; usize::from(number) * 700]),
    }
}

fn own_shards(units: &[CodedUnit]) -> Vec<Bytes> {
    let mut encoder = ShardEncoder::default();
    let shards = units.iter().map(|unit| encoder.encode(unit, 2));
    shards.flat_map(Result::unwrap_or_default).collect()
}

#[cfg(test)]
mod tests {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/replay.rs"
    ));

    #[test]
    fn messages_of_the_corpus() {
        replay("message", super::message);
    }

    #[test]
    fn sessions_of_the_corpus() {
        replay("session", super::session);
    }

    #[test]
    fn shards_of_the_corpus() {
        replay("shards", super::shards);
    }
}
