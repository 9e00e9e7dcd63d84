//! JSON messages: objects with a `type`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Message;
use crate::error::DecodeError;
use crate::frame_meta::FrameId;
use crate::limits::Limits;
use crate::names;
use crate::number::int;
use crate::prediction::Prediction;
use crate::rule_view::{RuleState, RuleViewError, ZoneEdit, Zones};
use crate::stream::StreamStart;

/// `body` as an object whose first key is `type`.
pub(super) fn write<T: Serialize>(kind: &'static str, body: &T) -> String {
    #[derive(Serialize)]
    struct Tagged<'a, T> {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(flatten)]
        body: &'a T,
    }
    // Serialising fails for maps with keys that are no strings and for failing writers: neither is here.
    serde_json::to_string(&Tagged { kind, body }).expect("bodies are plain structs")
}

/// A message that has a `type` and nothing else.
pub(super) fn write_bare(kind: &'static str) -> String {
    #[derive(Serialize)]
    struct Nothing {}
    write(kind, &Nothing {})
}

/// Reads a text that begins with `{`.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Message, DecodeError> {
    match read_strict(text, limits) {
        // Python's writer emits NaN and Infinity, which JSON does not have.
        Err(DecodeError::Json { .. }) if text.contains("NaN") || text.contains("Infinity") => {
            read_strict(&without_non_finite(text), limits)
        }
        result => result,
    }
}

fn read_strict(text: &str, limits: &Limits) -> Result<Message, DecodeError> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(rename = "type", default, borrow)]
        kind: Option<Cow<'a, str>>,
    }
    let tag: Tag = body("of unknown type", text)?;
    match tag.kind.as_deref().unwrap_or_default() {
        names::STREAM_START => stream_start(text, limits),
        names::STREAM_ACK => body(names::STREAM_ACK, text).map(Message::StreamAck),
        names::STREAM_END => body(names::STREAM_END, text).map(Message::StreamEnd),
        names::STREAM_COMPLETE => body(names::STREAM_COMPLETE, text).map(Message::StreamComplete),
        names::PREDICTION => prediction(text),
        names::FRAME_RECEIVED => answer(names::FRAME_RECEIVED, text).map(Message::FrameReceived),
        names::VIEW => body(names::VIEW, text).map(Message::View),
        names::PICTURE => body(names::PICTURE, text).map(Message::Picture),
        names::STATUS => body(names::STATUS, text).map(Message::Status),
        names::TRACK_NAMES => body(names::TRACK_NAMES, text).map(Message::TrackNames),
        names::ZONES => checked(names::ZONES, text, Zones::check).map(Message::Zones),
        names::RULES => checked(names::RULES, text, RuleState::check).map(Message::Rules),
        names::ZONE_EDIT => checked(names::ZONE_EDIT, text, ZoneEdit::check).map(Message::ZoneEdit),
        names::ZONE_RESULT => body(names::ZONE_RESULT, text).map(Message::ZoneResult),
        names::LANE_OFFER => body(names::LANE_OFFER, text).map(Message::LaneOffer),
        names::SHARD_REPORT => body(names::SHARD_REPORT, text).map(Message::ShardReport),
        names::LANE_ANSWER => body(names::LANE_ANSWER, text).map(Message::LaneAnswer),
        names::ERROR => answer(names::ERROR, text).map(Message::Error),
        names::BACKPRESSURE => body(names::BACKPRESSURE, text).map(Message::Backpressure),
        names::DRAIN => Ok(Message::Drain),
        _ => Ok(Message::Unknown {
            text: text.to_owned(),
        }),
    }
}

fn body<'a, T: Deserialize<'a>>(kind: &'static str, text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|source| DecodeError::Json {
        kind,
        frame_id: None,
        source,
    })
}

/// A message about rules, whose sizes and names are those of a peer.
fn checked<T: DeserializeOwned>(
    word: &'static str,
    text: &str,
    check: impl Fn(&T) -> Result<(), RuleViewError>,
) -> Result<T, DecodeError> {
    let read: T = body(word, text)?;
    match check(&read) {
        Ok(()) => Ok(read),
        Err(source) => Err(DecodeError::Rules { word, source }),
    }
}

/// The result of a frame. If a key is wrong, the error still has the frame, where that can be read.
fn answer<T: DeserializeOwned>(kind: &'static str, text: &str) -> Result<T, DecodeError> {
    #[derive(Deserialize)]
    struct FrameReferenceOnly {
        #[serde(deserialize_with = "int")]
        frame_id: FrameId,
    }
    serde_json::from_str(text).map_err(|source| DecodeError::Json {
        kind,
        frame_id: serde_json::from_str(text)
            .ok()
            .map(|FrameReferenceOnly { frame_id }| frame_id),
        source,
    })
}

fn stream_start(text: &str, limits: &Limits) -> Result<Message, DecodeError> {
    let start: StreamStart = body(names::STREAM_START, text)?;
    if start.batch_size > limits.max_batch {
        return Err(DecodeError::BatchTooLarge {
            word: names::STREAM_START,
            declared: start.batch_size,
            max: limits.max_batch,
        });
    }
    Ok(Message::StreamStart(start))
}

fn prediction(text: &str) -> Result<Message, DecodeError> {
    let prediction: Prediction = answer(names::PREDICTION, text)?;
    match prediction.check() {
        Ok(()) => Ok(Message::Prediction(prediction)),
        Err(source) => Err(DecodeError::Shape {
            frame_id: prediction.frame_id,
            source,
        }),
    }
}

/// `text` with `null` for every `NaN`, `Infinity` and `-Infinity` outside strings.
fn without_non_finite(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let token = ["NaN", "Infinity", "-Infinity"]
            .into_iter()
            .find(|token| !in_string && rest.starts_with(token));
        let (taken, written) = match (token, c) {
            (Some(token), _) => (token.len(), "null"),
            // An escaped character, a quote among them, does not end the string.
            (None, '\\') if in_string => {
                let len = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                (len, &rest[..len])
            }
            (None, _) => {
                in_string ^= c == '"';
                (c.len_utf8(), &rest[..c.len_utf8()])
            }
        };
        out.push_str(written);
        rest = &rest[taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_non_finite;

    #[test]
    fn only_numbers_become_null() {
        for (text, expected) in [
            (r#"[NaN,-Infinity,Infinity]"#, r#"[null,null,null]"#),
            (r#"{"NaN":NaN}"#, r#"{"NaN":null}"#),
            (r#"["\"NaN",NaN]"#, r#"["\"NaN",null]"#),
            (r#"["\\",NaN,"Infinity"]"#, r#"["\\",null,"Infinity"]"#),
            (r#"["ä\ä",NaN,"#, r#"["ä\ä",null,"#),
            (r#"["\"#, r#"["\"#),
        ] {
            assert_eq!(without_non_finite(text), expected);
        }
    }
}
