//! What the fuzz targets do with their input (`tests/fuzz`). The tests replay the committed inputs.

use bytes::BytesMut;
use webrtc::peer_connection::RTCSessionDescription;

use crate::ice::candidates;
use crate::udp::turn_stream::framing;

pub use crate::channel::receive::fuzzing::merge;
pub use crate::signaling::fuzzing::{peer, server};

/// A peer's session description, on its way to the WebRTC library and in it.
pub fn description(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let usable = candidates::without_unusable(text);
    assert!(usable.len() <= text.len());
    candidates::of_description(&usable);
    candidates::none_will_come(&usable);
    candidates::without_related_addresses(text);
    // The library parses as soon as it is given the text.
    let _ = RTCSessionDescription::offer(usable.clone());
    let _ = RTCSessionDescription::answer(usable);
}

/// What a TURN server sends over TCP: no message is longer than the bound, and the messages are
/// the stream's bytes in order, save for padding.
pub fn turn_stream(data: &[u8]) {
    let mut stream = BytesMut::from(data);
    while let Ok(Some(message)) = framing::next_message(&mut stream) {
        assert!(message.len() <= framing::MAX_MESSAGE);
        let mut again = BytesMut::new();
        framing::append(&mut again, &message);
        let end = data.len() - stream.len();
        let begin = end - again.len();
        assert_eq!(message, data[begin..begin + message.len()]);
    }
}

#[cfg(test)]
mod tests {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/replay.rs"
    ));

    #[test]
    fn descriptions_of_the_corpus() {
        replay("description", super::description);
    }

    #[test]
    fn lanes_of_the_corpus() {
        replay("merge", super::merge);
    }

    #[test]
    fn signaling_of_the_corpus() {
        replay("peer", super::peer);
        replay("server", super::server);
    }

    #[test]
    fn turn_streams_of_the_corpus() {
        replay("turn_stream", super::turn_stream);
    }
}
