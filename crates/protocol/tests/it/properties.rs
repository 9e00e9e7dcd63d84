//! What holds for every frame, every text and every sequence of messages.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use protocol::{
    CaptureClock, Encoding, Frame, FrameMeta, Limits, Message, Payload, Prediction, Pushed,
    Reassembler, Timing,
};

fn tight() -> Limits {
    Limits {
        max_frame_bytes: 600,
        max_width: 40,
        max_height: 40,
        max_chunk_bytes: 64,
        max_batch: 4,
        max_text_bytes: 4096,
    }
}

fn over_the_wire(message: &Message, limits: &Limits) -> Message {
    let decoded = match message.encode() {
        Payload::Text(text) => Message::from_text(&text, limits),
        Payload::Binary(data) => Message::from_binary(data, limits),
    };
    decoded.unwrap_or_else(|error| panic!("{message:?}: {error}"))
}

const CLOCKS: [Option<CaptureClock>; 4] = [
    None,
    Some(CaptureClock::Driver),
    Some(CaptureClock::Device),
    Some(CaptureClock::Arrival),
];

prop_compose! {
    fn frame(frame_id: u64)(
        height in 1u32..=6, width in 1u32..=6, channels in prop::sample::select(vec![1u8, 3, 4]),
        encoding in prop::sample::select(vec![Encoding::U8, Encoding::FULL_U16, Encoding::Jpeg]),
        captured_us in any::<Option<u64>>(), clock in prop::sample::select(CLOCKS.to_vec()),
        bytes in vec(any::<u8>(), 1..300), repeated in any::<u8>(),
    ) -> Frame {
        let mut meta = FrameMeta { frame_id, height, width, channels, encoding, nbytes: 0, captured_us, clock: clock.filter(|_| captured_us.is_some()) };
        let data = match meta.raw_bytes() {
            // The frame's number makes its bytes its own.
            Some(len) => (0..len).map(|i| (i as u8).wrapping_mul(repeated | 1) ^ frame_id as u8).collect(),
            None => Bytes::from(bytes),
        };
        meta.nbytes = data.len() as u64;
        Frame::new(meta, data).unwrap()
    }
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    (1usize..6).prop_flat_map(|n| (0..n as u64).map(|i| frame(i * 37)).collect::<Vec<_>>())
}

fn push_all(messages: impl IntoIterator<Item = Message>) -> Vec<Pushed> {
    let mut reassembler = Reassembler::new(tight());
    let pushed = messages.into_iter().map(|message| {
        let pushed = reassembler.push(message);
        assert!(reassembler.buffered_bytes() as u64 <= tight().max_frame_bytes);
        pushed
    });
    pushed.collect()
}

fn delivered(pushed: Vec<Pushed>) -> Vec<Frame> {
    pushed
        .into_iter()
        .filter_map(|pushed| pushed.frame)
        .collect()
}

proptest! {
    #[test]
    fn any_chunking_round_trips(frames in frames(), chunk_bytes in 1usize..=64) {
        let messages = frames.iter().flat_map(|frame| frame.messages(chunk_bytes));
        let pushed = push_all(messages.map(|message| over_the_wire(&message, &tight())));
        prop_assert!(pushed.iter().all(|pushed| pushed.dropped.is_none()));
        prop_assert_eq!(delivered(pushed), frames);
    }

    #[test]
    fn chunks_of_any_lengths_round_trip(frame in frame(5), cuts in vec(0usize..64, 0..40)) {
        let mut rest = frame.data.clone();
        let mut messages = vec![Message::FrameMeta(frame.meta.clone())];
        for cut in cuts {
            messages.push(Message::Chunk(rest.split_to(cut.min(rest.len()))));
        }
        while !rest.is_empty() {
            messages.push(Message::Chunk(rest.split_to(rest.len().min(64))));
        }
        messages.push(Message::FrameEnd(5));
        prop_assert_eq!(delivered(push_all(messages)), vec![frame]);
    }
}

/// One thing that goes wrong on the way, at places that are taken modulo the length.
#[derive(Clone, Debug)]
enum Damage {
    /// Any number of messages does not arrive.
    Lose(Vec<prop::sample::Index>),
    Repeat(prop::sample::Index, prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    /// A chunk or text arrives without its end.
    Truncate(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        vec(at(), 1..8).prop_map(Damage::Lose),
        (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        (at(), at()).prop_map(|(a, b)| Damage::Swap(a, b)),
        (at(), at()).prop_map(|(which, len)| Damage::Truncate(which, len)),
    ]
}

/// The frame that each message belongs to, and the message.
fn tagged(frames: &[Frame], chunk_bytes: usize) -> Vec<(u64, Payload)> {
    let of = |frame: &Frame| {
        let id = frame.meta.frame_id;
        let messages: Vec<_> = frame.messages(chunk_bytes).collect();
        messages
            .into_iter()
            .map(move |message| (id, message.encode()))
    };
    frames.iter().flat_map(of).collect()
}

/// Whether swapping two messages changes what can be seen. Chunks carry no number: their order
/// within a frame, and among chunks of one length, is guaranteed by the channel.
fn is_visible(a: &(u64, Payload), b: &(u64, Payload)) -> bool {
    match (&a.1, &b.1) {
        (Payload::Binary(x), Payload::Binary(y)) => a.0 != b.0 && x.len() != y.len(),
        _ => true,
    }
}

fn apply(damage: &Damage, wire: &mut Vec<(u64, Payload)>) {
    match damage {
        Damage::Lose(places) => {
            for place in places {
                wire.remove(place.index(wire.len()));
                if wire.is_empty() {
                    return;
                }
            }
        }
        Damage::Repeat(from, to) => {
            let message = wire[from.index(wire.len())].clone();
            wire.insert(to.index(wire.len()), message);
        }
        Damage::Swap(a, b) => {
            let (a, b) = (a.index(wire.len()), b.index(wire.len()));
            if is_visible(&wire[a], &wire[b]) {
                wire.swap(a, b);
            }
        }
        Damage::Truncate(which, len) => {
            let which = which.index(wire.len());
            match &mut wire[which].1 {
                Payload::Binary(data) => data.truncate(len.index(data.len())),
                Payload::Text(text) => text.truncate(len.index(text.len())),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_sequence_never_yields_a_wrong_frame(
        frames in frames(), chunk_bytes in 1usize..=64, damage in damage(),
    ) {
        let mut wire = tagged(&frames, chunk_bytes);
        apply(&damage, &mut wire);
        let mut reassembler = Reassembler::new(tight());
        for (_, payload) in wire {
            let decoded = match payload {
                Payload::Text(text) => Message::from_text(&text, &tight()),
                Payload::Binary(data) => Message::from_binary(data, &tight()),
            };
            let frame = match decoded {
                Ok(message) => reassembler.push(message).frame,
                Err(error) => {
                    reassembler.push_error(&error);
                    None
                }
            };
            if let Some(frame) = frame {
                let sent = frames.iter().find(|sent| sent.meta.frame_id == frame.meta.frame_id);
                prop_assert_eq!(Some(&frame.data), sent.map(|sent| &sent.data));
            }
        }
    }
}

/// Texts that are near to messages, and texts that are not.
fn text() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "FRAME_META",
        "FRAME_END",
        "BATCH_START",
        "BATCH_END",
        "AUTH_CHALLENGE",
        "AUTH_RESPONSE",
        "AUTH_PROOF",
        "AUTH_SUCCESS",
        "AUTH_FAILURE",
        "PACKAGE_TYPE",
        "FILE_META",
        "END_OF_FILE",
        "READY",
        "ERROR",
        "FILE_UPLOAD_CHECK",
        "FILE_UPLOAD_CACHE_HIT",
        "FILE_UPLOAD_START",
        "FILE_UPLOAD_PROGRESS",
        "FILE_UPLOAD_READY",
        "FILE_UPLOAD_COMPLETE",
        "CACHE_HIT",
        "PROGRESS",
        "COMPLETE",
        "INFERENCE_JOB_",
        "INFERENCE_JOBS_DONE",
        "TRACK_LOG:",
    ];
    let word = prop::sample::select(WORDS);
    prop_oneof![
        any::<String>(),
        (word.clone(), any::<String>()).prop_map(|(word, rest)| format!("{word}::{rest}")),
        (word, "[0-9a-z:./\\\\]{0,40}").prop_map(|(word, rest)| format!("{word}::{rest}")),
        "FRAME_META::[0-9]{1,3}:[0-9]{1,2}:[0-9]{1,2}:[134]:(uint8|uint16|jpeg):[0-9]{1,3}(:[0-9a-z]{0,9}){0,3}",
        (
            known_json(),
            any::<prop::sample::Index>(),
            "[\\[\\]{}\":,0-9a-zN.-]{0,6}"
        )
            .prop_map(mutate),
    ]
}

fn known_json() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        r#"{"type":"STREAM_START","source_name":"a","fps":30.0,"width":640,"jpeg_quality":0}"#,
        r#"{"type":"STREAM_ACK","status":"ready","skeleton":{"nodes":["a"],"edges":[[0,0]]}}"#,
        r#"{"type":"STREAM_END","total_sent":1,"elapsed_seconds":0.5,"average_fps":NaN}"#,
        r#"{"type":"STREAM_COMPLETE","frames_received":1,"predictions":null}"#,
        r#"{"type":"PREDICTION","frame_id":1,"instances":[[[1,2.5],null]],"confidence":[[0.1,NaN]]}"#,
        r#"{"type":"FRAME_RECEIVED","frame_id":1,"timing":{"queue_us":3}}"#,
        r#"{"type":"ERROR","frame_id":null,"reason":"\"\\NaN"}"#,
        r#"{"type":"OTHER","a":-Infinity}"#,
    ])
}

fn mutate((json, at, inserted): (&str, prop::sample::Index, String)) -> String {
    let at = at.index(json.len() + 1);
    let end = json.len().min(at + inserted.len() / 2);
    format!("{}{inserted}{}", &json[..at], &json[end..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_text_that_is_read_is_written_back_to_the_same_message(text in text()) {
        if let Ok(message) = Message::from_text(&text, &tight()) {
            // Written forms may be longer: defaults are spelled out.
            prop_assert_eq!(&over_the_wire(&message, &Limits::default()), &message);
        }
    }

    #[test]
    fn binary_is_read_as_it_is(data in vec(any::<u8>(), 0..100)) {
        let data = Bytes::from(data);
        match Message::from_binary(data.clone(), &tight()) {
            Ok(message) => prop_assert_eq!(message.encode(), Payload::Binary(data)),
            Err(_) => prop_assert!(data.len() > 64),
        }
    }

    #[test]
    fn no_sequence_of_texts_and_bytes_passes_the_limits(
        steps in vec(prop_oneof![
            text().prop_map(Payload::Text),
            vec(any::<u8>(), 0..100).prop_map(|data| Payload::Binary(data.into())),
        ], 0..60),
    ) {
        let mut reassembler = Reassembler::new(tight());
        for step in steps {
            let decoded = match step {
                Payload::Text(text) => Message::from_text(&text, &tight()),
                Payload::Binary(data) => Message::from_binary(data, &tight()),
            };
            match decoded {
                Ok(message) => {
                    let frame = reassembler.push(message).frame;
                    prop_assert!(frame.is_none_or(|frame| frame.meta.check(&tight()).is_ok()));
                }
                Err(error) => drop(reassembler.push_error(&error)),
            }
            prop_assert!(reassembler.buffered_bytes() as u64 <= tight().max_frame_bytes);
        }
    }
}

fn any_point() -> impl Strategy<Value = Option<[f32; 2]>> {
    prop::option::of([any::<f32>(), any::<f32>()])
}

prop_compose! {
    fn prediction()(
        frame_id in any::<u64>(),
        rows in vec(vec((any_point(), any::<Option<f32>>()), 0..5), 0..4),
        scored in any::<bool>(), queue_us in any::<Option<u64>>(),
    ) -> Prediction {
        let (instances, confidence): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|row| row.into_iter().unzip()).unzip();
        let scores = if scored { instances.len() } else { 0 };
        Prediction {
            frame_id, instances, confidence,
            instance_scores: vec![Some(f32::NAN); scores],
            tracks: vec![None; scores],
            track_scores: vec![Some(0.5); scores],
            timing: Timing { queue_us, ..Timing::default() },
        }
    }
}

proptest! {
    #[test]
    fn predictions_round_trip_with_null_for_what_is_not_finite(prediction in prediction()) {
        let limits = Limits::default();
        let read = over_the_wire(&Message::Prediction(prediction.clone()), &limits);
        let mut expected = prediction;
        for point in expected.instances.iter_mut().flatten() {
            *point = point.filter(|xy| xy.iter().all(|v| v.is_finite()));
        }
        for score in expected.confidence.iter_mut().flatten() {
            *score = score.filter(|v| v.is_finite());
        }
        expected.instance_scores.fill(None);
        prop_assert_eq!(read, Message::Prediction(expected));
    }
}
