//! ZMTP 3.1 with the NULL mechanism (rfc.zeromq.org/spec/37), as much of it as a publisher needs, for
//! peers of version 3.0 (rfc.zeromq.org/spec/23) too.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of a greeting.
pub(super) const GREETING_BYTES: usize = 64;

/// Bytes that a frame of a subscriber may have: topics are short.
const MAX_BODY: u64 = 512;

/// Another frame of the same message follows.
const FLAG_MORE: u8 = 1;
/// The size has eight bytes instead of one.
const FLAG_LONG: u8 = 2;
const FLAG_COMMAND: u8 = 4;

/// Why a peer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ZmtpError {
    #[error("it does not use ZMTP")]
    Signature,
    #[error("it uses ZMTP {major}, and 3 is the oldest that is supported")]
    Version { major: u8 },
    #[error("it needs the security mechanism {mechanism:?}, and only NULL is supported")]
    Mechanism { mechanism: String },
    #[error("a frame of {bytes} bytes; {MAX_BODY} are allowed")]
    TooLarge { bytes: u64 },
    #[error("reserved flags are set: {flags:#04x}")]
    Flags { flags: u8 },
    #[error("its first message is no READY")]
    NotReady,
    #[error("a socket of type {kind:?} cannot subscribe")]
    SocketType { kind: String },
}

/// The first bytes that a publisher sends.
pub(super) fn greeting() -> [u8; GREETING_BYTES] {
    let mut greeting = [0; GREETING_BYTES];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10..12].copy_from_slice(&[3, 1]);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// What a peer can do beyond ZMTP 3.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abilities {
    /// It answers PING, as peers of ZMTP 3.1 and later do.
    pub(super) heartbeat: bool,
}

/// Checks the first bytes of a peer.
pub(super) fn check_greeting(greeting: &[u8; GREETING_BYTES]) -> Result<Abilities, ZmtpError> {
    if greeting[0] != 0xff || greeting[9] & 1 == 0 {
        return Err(ZmtpError::Signature);
    }
    if greeting[10] < 3 {
        return Err(ZmtpError::Version {
            major: greeting[10],
        });
    }
    let mechanism = greeting[12..32].split(|byte| *byte == 0).next();
    match mechanism {
        Some(b"NULL") => Ok(Abilities {
            heartbeat: greeting[10..12] >= [3, 1][..],
        }),
        other => Err(ZmtpError::Mechanism {
            mechanism: String::from_utf8_lossy(other.unwrap_or_default()).into_owned(),
        }),
    }
}

/// The publisher's side of the handshake.
pub(super) fn ready() -> Bytes {
    frame(FLAG_COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x03PUB")
}

/// A message of a topic and a body.
pub(super) fn message(topic: &str, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(topic.len() + body.len() + 20);
    put_frame(&mut bytes, FLAG_MORE, topic.as_bytes());
    put_frame(&mut bytes, 0, body);
    bytes.freeze()
}

/// A request for a PONG. The time to live, in tenths of a second, is when the peer may close the
/// connection if it receives nothing more: 0 is never.
pub(super) fn ping() -> Bytes {
    frame(FLAG_COMMAND, b"\x04PING\0\0")
}

fn pong(context: &[u8]) -> Bytes {
    frame(FLAG_COMMAND, &[b"\x04PONG", context].concat())
}

fn frame(flags: u8, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(body.len() + 9);
    put_frame(&mut bytes, flags, body);
    bytes.freeze()
}

fn put_frame(bytes: &mut BytesMut, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(size) => {
            bytes.put_u8(flags);
            bytes.put_u8(size);
        }
        Err(_) => {
            bytes.put_u8(flags | FLAG_LONG);
            bytes.put_u64(body.len() as u64);
        }
    }
    bytes.put_slice(body);
}

/// A frame's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ZmtpHeader {
    flags: u8,
    /// Bytes of the body.
    pub(super) bytes: usize,
}

impl ZmtpHeader {
    /// How many bytes the size takes, from a frame's first byte.
    pub(super) fn size_bytes(flags: u8) -> Result<usize, ZmtpError> {
        match flags {
            0..=7 if flags & FLAG_LONG != 0 => Ok(8),
            0..=7 => Ok(1),
            _ => Err(ZmtpError::Flags { flags }),
        }
    }

    /// From a frame's first byte and its size, big-endian.
    pub(super) fn new(flags: u8, size: &[u8]) -> Result<Self, ZmtpError> {
        let bytes = size
            .iter()
            .fold(0, |size, byte| size << 8 | u64::from(*byte));
        match usize::try_from(bytes) {
            Ok(bytes) if bytes as u64 <= MAX_BODY => Ok(Self { flags, bytes }),
            _ => Err(ZmtpError::TooLarge { bytes }),
        }
    }
}

/// What a subscriber asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SubscriptionRequest {
    /// Messages whose topic begins with this.
    Subscribe(Vec<u8>),
    Cancel(Vec<u8>),
    /// To be answered with this, at once.
    Ping {
        pong: Bytes,
    },
}

/// Reads a frame that came after the handshake; `None` for one that asks for nothing.
pub(super) fn request(header: ZmtpHeader, body: &[u8]) -> Option<SubscriptionRequest> {
    if header.flags & FLAG_COMMAND == 0 {
        return match body.split_first() {
            Some((1, topic)) => Some(SubscriptionRequest::Subscribe(topic.to_vec())),
            Some((0, topic)) => Some(SubscriptionRequest::Cancel(topic.to_vec())),
            _ => None,
        };
    }
    let (name, data) = command(body)?;
    match name {
        b"SUBSCRIBE" => Some(SubscriptionRequest::Subscribe(data.to_vec())),
        b"CANCEL" => Some(SubscriptionRequest::Cancel(data.to_vec())),
        // Two bytes are the time that the peer waits; of the context 16 bytes count.
        b"PING" => {
            let context = data.get(2..).unwrap_or_default();
            let pong = pong(&context[..context.len().min(16)]);
            Some(SubscriptionRequest::Ping { pong })
        }
        _ => None,
    }
}

/// Checks a peer's side of the handshake.
pub(super) fn check_ready(header: ZmtpHeader, body: &[u8]) -> Result<(), ZmtpError> {
    let command = command(body).filter(|_| header.flags & FLAG_COMMAND != 0);
    let Some((b"READY", metadata)) = command else {
        return Err(ZmtpError::NotReady);
    };
    match socket_type(metadata) {
        Some(b"SUB" | b"XSUB") => Ok(()),
        other => Err(ZmtpError::SocketType {
            kind: String::from_utf8_lossy(other.unwrap_or_default()).into_owned(),
        }),
    }
}

/// A command's name and its data.
fn command(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = body.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn socket_type(mut metadata: &[u8]) -> Option<&[u8]> {
    loop {
        let (name, rest) = command(metadata)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        if name.eq_ignore_ascii_case(b"socket-type") {
            return Some(value);
        }
        metadata = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(flags: u8, body: &[u8]) -> ZmtpHeader {
        ZmtpHeader::new(flags, &[body.len() as u8]).unwrap()
    }

    #[test]
    fn messages_are_a_topic_and_a_body_of_any_size() {
        assert_eq!(message("pose", b"{}"), &b"\x01\x04pose\x00\x02{}"[..]);
        let long = message("pose", &[b'x'; 300]);
        assert_eq!(long[..15], *b"\x01\x04pose\x02\0\0\0\0\0\0\x01\x2c");
        assert_eq!(long.len(), 15 + 300);
    }

    #[test]
    fn greetings_of_others_are_refused() {
        let heartbeat = |minor: u8| {
            let mut greeting = greeting();
            greeting[11] = minor;
            check_greeting(&greeting).map(|abilities| abilities.heartbeat)
        };
        assert_eq!([0, 1, 2].map(heartbeat), [Ok(false), Ok(true), Ok(true)]);
        let changed = |place: usize, byte: u8| {
            let mut changed = greeting();
            changed[place] = byte;
            check_greeting(&changed).unwrap_err()
        };
        assert_eq!(changed(0, b'G'), ZmtpError::Signature);
        assert_eq!(changed(10, 1), ZmtpError::Version { major: 1 });
        assert!(matches!(changed(12, b'X'), ZmtpError::Mechanism { .. }));
    }

    #[test]
    fn only_subscribers_are_let_in() {
        let ready = |body: &[u8]| check_ready(header(FLAG_COMMAND, body), body);
        let sub = b"\x05READY\x08Identity\0\0\0\0\x0bSocket-Type\0\0\0\x03SUB";
        assert_eq!(ready(sub), Ok(()));
        let push = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
        assert!(matches!(ready(push), Err(ZmtpError::SocketType { kind }) if kind == "PUSH"));
        let torn = b"\x05READY\x0bSocket-Type\0\0\0\xffSUB";
        assert!(matches!(ready(torn), Err(ZmtpError::SocketType { .. })));
        assert_eq!(ready(b"\x05ERROR"), Err(ZmtpError::NotReady));
        assert_eq!(ready(b""), Err(ZmtpError::NotReady));
        assert_eq!(check_ready(header(0, sub), sub), Err(ZmtpError::NotReady));
    }

    #[test]
    fn requests_are_read_in_both_forms() {
        let read = |flags: u8, body: &[u8]| request(header(flags, body), body);
        let pose = || b"pose".to_vec();
        assert_eq!(
            read(0, b"\x01pose"),
            Some(SubscriptionRequest::Subscribe(pose()))
        );
        assert_eq!(
            read(0, b"\x00pose"),
            Some(SubscriptionRequest::Cancel(pose()))
        );
        assert_eq!(
            read(0, b"\x01"),
            Some(SubscriptionRequest::Subscribe(Vec::new()))
        );
        let command = read(FLAG_COMMAND, b"\x09SUBSCRIBEpose");
        assert_eq!(command, Some(SubscriptionRequest::Subscribe(pose())));
        let command = read(FLAG_COMMAND, b"\x06CANCELpose");
        assert_eq!(command, Some(SubscriptionRequest::Cancel(pose())));
        assert_eq!(ping(), b"\x04\x07\x04PING\0\0"[..]);
        let ping = read(FLAG_COMMAND, b"\x04PING\x00\x0aabc");
        let pong = Bytes::from_static(b"\x04\x08\x04PONGabc");
        assert_eq!(ping, Some(SubscriptionRequest::Ping { pong }));
        for nonsense in [&b""[..], b"\x02pose", b"\xff"] {
            assert_eq!(read(0, nonsense), None);
            assert_eq!(read(FLAG_COMMAND, nonsense), None);
        }
    }

    #[test]
    fn what_a_peer_claims_is_not_allocated() {
        assert_eq!(ZmtpHeader::size_bytes(FLAG_LONG), Ok(8));
        assert_eq!(
            ZmtpHeader::size_bytes(0x80),
            Err(ZmtpError::Flags { flags: 0x80 })
        );
        let huge = ZmtpHeader::new(FLAG_LONG, &[0xff; 8]);
        assert_eq!(huge, Err(ZmtpError::TooLarge { bytes: u64::MAX }));
        assert!(ZmtpHeader::new(FLAG_LONG, &[0, 0, 0, 0, 0, 0, 2, 0]).is_ok());
        assert!(ZmtpHeader::new(FLAG_LONG, &[0, 0, 0, 0, 0, 0, 2, 1]).is_err());
    }
}
