//! Every way to lose a frame: what is reported, when, and that the next frame arrives.

mod losses;
mod whole;

use bytes::Bytes;
use protocol::{
    BatchEvent, DecodeError, DropReason, Dropped, Encoding, Frame, FrameMeta, Limits, Message,
    MetaError, Pushed, Reassembler,
};

const MAX_FRAME: u64 = 64;

fn reassembler() -> Reassembler {
    Reassembler::new(Limits {
        max_frame_bytes: MAX_FRAME,
        max_chunk_bytes: 16,
        max_batch: 4,
        ..Limits::default()
    })
}

fn meta(frame_id: u64, nbytes: u64) -> Message {
    Message::FrameMeta(FrameMeta {
        frame_id,
        height: 480,
        width: 640,
        channels: 3,
        encoding: Encoding::Jpeg,
        nbytes,
        captured_us: None,
        clock: None,
    })
}

fn chunk(bytes: usize) -> Message {
    Message::Chunk(Bytes::from(vec![7; bytes]))
}

fn end(frame_id: u64) -> Message {
    Message::FrameEnd(frame_id)
}

fn lost(frame_id: impl Into<Option<u64>>, reason: DropReason) -> Dropped {
    Dropped {
        frame_id: frame_id.into(),
        reason,
    }
}

/// Pushes `messages` and a good frame behind them, and returns what was dropped on the way.
#[track_caller]
fn dropped_by(messages: impl IntoIterator<Item = Message>) -> Vec<Dropped> {
    let mut reassembler = reassembler();
    let mut dropped = Vec::new();
    for message in messages {
        let pushed = reassembler.push(message);
        assert_eq!(pushed.frame, None, "a frame came out of a damaged sequence");
        dropped.extend(pushed.dropped);
    }
    let good = [meta(99, 3), chunk(3), end(99)].map(|message| reassembler.push(message));
    let [first, _, last] = good;
    assert_eq!(last.frame.map(|frame| frame.data.len()), Some(3));
    assert_eq!(last.dropped, None);
    dropped.extend(first.dropped);
    dropped
}
