//! STUN messages and ChannelData in a byte stream (RFC 8656, sections 2.1 and 12.5).
//!
//! Both begin with their length. ChannelData is padded to four bytes in a stream and need not be
//! in a datagram.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

const STUN_HEADER: usize = 20;
const CHANNEL_HEADER: usize = 4;
/// Longest message: ChannelData with its padding, or a STUN message, of 16-bit length.
pub(crate) const MAX_MESSAGE: usize = STUN_HEADER + u16::MAX as usize + 1;

/// Bytes that are no TURN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum TurnFramingError {
    #[error("its bytes are neither STUN nor ChannelData (they begin with {0:#04x})")]
    Kind(u8),
    #[error("a STUN message of {0} bytes is not a multiple of four")]
    Length(usize),
}

/// The length of the message that begins with these four bytes: `(bytes, bytes with padding)`.
fn length(header: [u8; 4]) -> Result<(usize, usize), TurnFramingError> {
    let declared = u16::from_be_bytes([header[2], header[3]]) as usize;
    match header[0] >> 6 {
        0b00 if declared.is_multiple_of(4) => Ok((STUN_HEADER + declared, STUN_HEADER + declared)),
        0b00 => Err(TurnFramingError::Length(declared)),
        0b01 => {
            let bytes = CHANNEL_HEADER + declared;
            Ok((bytes, bytes.next_multiple_of(4)))
        }
        _ => Err(TurnFramingError::Kind(header[0])),
    }
}

/// Takes the next whole message out of `stream`, without padding. `None`: it is not all there.
///
/// Never asks for more than [`MAX_MESSAGE`] bytes.
pub(crate) fn next_message(stream: &mut BytesMut) -> Result<Option<Bytes>, TurnFramingError> {
    let Some(header) = stream.first_chunk::<4>() else {
        return Ok(None);
    };
    let (bytes, padded) = length(*header)?;
    if stream.len() < padded {
        return Ok(None);
    }
    // A copy, so that the stream's buffer can be used again at once.
    let message = Bytes::copy_from_slice(&stream[..bytes]);
    stream.advance(padded);
    Ok(Some(message))
}

/// Appends a datagram to `stream` with the padding it needs. One that is no message or not whole
/// is left out: in a stream it would spoil all that follow.
pub(crate) fn append(stream: &mut BytesMut, datagram: &[u8]) {
    let Some(header) = datagram.first_chunk::<4>() else {
        return;
    };
    let Ok((bytes, padded)) = length(*header) else {
        return;
    };
    if let Some(message) = datagram.get(..bytes) {
        stream.extend_from_slice(message);
        stream.extend_from_slice(&[0; 3][..padded - bytes]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Binding request without attributes.
    const BINDING: &[u8] = &[
        0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ];

    #[test]
    fn channel_data_is_padded_in_the_stream_alone() {
        let mut stream = BytesMut::new();
        append(&mut stream, &[0x40, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]);
        append(&mut stream, BINDING);
        append(&mut stream, &[0x4f, 0xff, 0x00, 0x00]);
        let mut expected = vec![0x40, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5, 0, 0, 0];
        expected.extend(BINDING);
        expected.extend([0x4f, 0xff, 0x00, 0x00]);
        assert_eq!(stream, expected);
        let mut next = || next_message(&mut stream).expect("valid").expect("whole");
        assert_eq!(next(), &[0x40, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5][..]);
        assert_eq!(next(), BINDING);
        assert_eq!(next(), &[0x4f, 0xff, 0x00, 0x00][..]);
        assert!(stream.is_empty());
    }

    #[test]
    fn padding_that_a_datagram_brings_is_not_doubled() {
        let mut stream = BytesMut::new();
        append(&mut stream, &[0x40, 0x01, 0x00, 0x01, 7, 0, 0, 0]);
        assert_eq!(stream, &[0x40, 0x01, 0x00, 0x01, 7, 0, 0, 0][..]);
    }

    #[test]
    fn what_is_no_message_never_enters_the_stream() {
        let mut stream = BytesMut::new();
        for datagram in [
            &[][..],
            &[0x40, 0, 0],
            &[0x80; 30],
            &BINDING[..19],
            &[0x40, 0, 0, 9, 1],
        ] {
            append(&mut stream, datagram);
        }
        assert!(stream.is_empty());
    }

    #[test]
    fn hostile_bytes_are_refused_and_lengths_are_bounded() {
        let next = |bytes: &[u8]| next_message(&mut BytesMut::from(bytes));
        assert_eq!(next(b"HTTP/1.1 400 Bad Request"), Ok(None));
        assert_eq!(next(&[0x80, 0, 0, 0]), Err(TurnFramingError::Kind(0x80)));
        assert_eq!(next(&[0xff; 40]), Err(TurnFramingError::Kind(0xff)));
        assert_eq!(
            next(&[0x00, 0x01, 0x00, 0x03]),
            Err(TurnFramingError::Length(3))
        );
        for kind in [0x00, 0x3f, 0x40, 0x7f] {
            let (_, padded) = length([kind, 0xff, 0xff, 0xfc]).expect("valid");
            assert!(padded <= MAX_MESSAGE);
        }
        assert_eq!(length([0x40, 0, 0xff, 0xff]), Ok((65_539, 65_540)));
    }

    fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let channel = proptest::collection::vec(any::<u8>(), 0..60).prop_map(|data| {
            let mut message = vec![0x40, 0x00, 0x00, data.len() as u8];
            message.extend(data);
            message
        });
        let stun = (0_usize..8).prop_map(|words| {
            let mut message = BINDING.to_vec();
            message[3] = 4 * words as u8;
            message.resize(20 + 4 * words, 0xab);
            message
        });
        proptest::collection::vec(prop_oneof![channel, stun], 0..20)
    }

    proptest! {
        #[test]
        fn any_cutting_of_the_stream_gives_the_same_messages(
            messages in messages(),
            cuts in proptest::collection::vec(1_usize..50, 1..40),
        ) {
            let mut stream = BytesMut::new();
            for message in &messages {
                append(&mut stream, message);
            }
            let (mut received, mut arrived, mut cuts) = (Vec::new(), BytesMut::new(), cuts.iter().cycle());
            while !stream.is_empty() {
                let cut = stream.len().min(*cuts.next().expect("endless"));
                arrived.extend_from_slice(&stream.split_to(cut));
                while let Some(message) = next_message(&mut arrived).expect("valid") {
                    received.push(message.to_vec());
                }
            }
            prop_assert_eq!(received, messages);
            prop_assert!(arrived.is_empty());
        }

        #[test]
        fn any_bytes_end_in_messages_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut stream = BytesMut::from(&bytes[..]);
            while let Ok(Some(message)) = next_message(&mut stream) {
                prop_assert!(message.len() <= MAX_MESSAGE);
            }
        }
    }
}
