//! What does not lose one.

use super::*;

#[test]
fn messages_that_are_not_part_of_a_frame_pass_through_its_middle() {
    let mut reassembler = reassembler();
    let start = Message::from_text(r#"{"type":"X"}"#, &Limits::default()).unwrap();
    for message in [meta(5, 20), chunk(16)] {
        assert_eq!(reassembler.push(message), Pushed::default());
    }
    for message in [Message::KeepAlive, start, Message::Ready] {
        assert_eq!(reassembler.push(message.clone()).other, Some(message));
    }
    assert_eq!(reassembler.push(chunk(4)), Pushed::default());
    assert!(reassembler.push(end(5)).frame.is_some());
}

#[test]
fn after_an_undecodable_part_of_a_frame_nothing_is_put_together() {
    let limits = Limits::default();
    let decode = |text: &str| Message::from_text(text, &limits).unwrap_err();
    let abandoned = |received, expected| {
        let reason = DropReason::Abandoned { received, expected };
        Some(lost(5, reason))
    };

    // The announcement of 6 is refused: neither 5 nor 6 may come out of the chunks that follow.
    let mut r = reassembler();
    r.push(meta(5, 20));
    r.push(chunk(10));
    assert_eq!(r.push_error(&decode("FRAME_META::6:1")), abandoned(10, 20));
    for message in [chunk(10), end(5)] {
        assert_eq!(r.push(message), Pushed::default());
    }

    // A chunk that is too large is lost with its frame.
    let mut r = reassembler();
    r.push(meta(5, 20));
    let error = DecodeError::ChunkTooLarge { bytes: 17, max: 16 };
    assert_eq!(r.push_error(&error), abandoned(0, 20));
    assert_eq!(r.push(end(5)), Pushed::default());

    // A refused end ends the frame in progress; chunks behind it are orphans again.
    let mut r = reassembler();
    r.push(meta(5, 20));
    assert_eq!(r.push_error(&decode("FRAME_END::x")), abandoned(0, 20));
    r.push(chunk(3));
    let orphans = DropReason::OrphanChunks { bytes: 3 };
    assert_eq!(r.push(end(6)).dropped, Some(lost(6, orphans)));

    // What is not part of a frame does not damage one.
    let mut r = reassembler();
    r.push(meta(5, 3));
    assert_eq!(r.push_error(&decode("BATCH_END::x")), None);
    assert_eq!(r.push_error(&decode("{")), None);
    r.push(chunk(3));
    assert!(r.push(end(5)).frame.is_some());
}

#[test]
fn a_reset_forgets_the_frame_and_the_batch() {
    let mut r = reassembler();
    assert_eq!(r.reset(), None);
    r.push(Message::BatchStart(2));
    r.push(meta(5, 20));
    r.push(chunk(10));
    assert!(r.buffered_bytes() >= 10);
    let abandoned = DropReason::Abandoned {
        received: 10,
        expected: 20,
    };
    assert_eq!(r.reset(), Some(lost(5, abandoned)));
    assert_eq!(r.buffered_bytes(), 0);
    let not_open = BatchEvent::NotOpen { closed_as: 2 };
    assert_eq!(r.push(Message::BatchEnd(2)).batch, Some(not_open));
    r.push(chunk(3));
    assert_eq!(
        r.reset(),
        Some(lost(None, DropReason::OrphanChunks { bytes: 3 }))
    );
    assert_eq!(r.reset(), None);
}

#[test]
fn a_frame_in_one_chunk_is_handed_on_without_a_copy() {
    let mut r = reassembler();
    let data = Bytes::from(vec![1; 16]);
    r.push(meta(5, 16));
    r.push(Message::Chunk(data.clone()));
    let frame = r.push(end(5)).frame.unwrap();
    assert_eq!(frame.data.as_ptr(), data.as_ptr());
}

#[test]
fn a_frame_is_cut_into_slices_of_its_own_bytes() {
    let data: Bytes = (0..100u8).collect();
    let Message::FrameMeta(meta) = meta(5, 0) else {
        unreachable!()
    };
    let frame = Frame::new(meta, data.clone()).unwrap();
    let mut at = data.as_ptr() as usize;
    for message in frame.messages(16) {
        let Message::Chunk(chunk) = message else {
            continue;
        };
        assert_eq!(chunk.as_ptr() as usize, at);
        at += chunk.len();
    }
    assert_eq!(at, data.as_ptr() as usize + 100);
}

#[test]
fn bytes_that_look_like_a_keep_alive_arrive_as_bytes() {
    let Message::FrameMeta(meta) = meta(5, 0) else {
        unreachable!()
    };
    for (data, chunk_bytes) in [
        (&b"KEEP_ALIVE"[..], 65_536),
        (b"KEEP_ALIVE", 10),
        (b"KEEP_ALIVEKEEP_ALIVE", 10),
        (b"0123456789KEEP_ALIVE!", 10),
    ] {
        let frame = Frame::new(meta.clone(), Bytes::from_static(data)).unwrap();
        let mut r = Reassembler::new(Limits::default());
        let mut arrived = None;
        for message in frame.messages(chunk_bytes) {
            let message = match message.encode() {
                protocol::Payload::Text(text) => Message::from_text(&text, &Limits::default()),
                protocol::Payload::Binary(data) => Message::from_binary(data, &Limits::default()),
            };
            arrived = arrived.or(r.push(message.unwrap()).frame);
        }
        assert_eq!(arrived, Some(frame));
    }
}
