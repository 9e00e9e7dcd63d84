//! Messages to and from bytes, with bounds on what a server's answer may make of this process's memory.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// The most parts (tensors and their values, versions) of an answer: a part of two bytes becomes a hundred in memory.
const MAX_PARTS: usize = 256;

/// Encodes `Q` and decodes `A`.
pub(crate) struct Bounded<Q, A>(PhantomData<(Q, A)>);

impl<Q, A> Bounded<Q, A> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<Q, A> Codec for Bounded<Q, A>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    type Encode = Q;
    type Decode = A;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::new()
    }

    fn decoder(&mut self) -> Self {
        Self::new()
    }
}

impl<Q: Message, A> Encoder for Bounded<Q, A> {
    type Item = Q;
    type Error = Status;

    fn encode(&mut self, item: Q, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // The buffer grows as far as memory goes: there is no error.
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl<Q, A: Message + Default> Decoder for Bounded<Q, A> {
    type Item = A;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<A>, Status> {
        // The bytes become the answer's values without a copy.
        decode(buffer.copy_to_bytes(buffer.remaining())).map(Some)
    }
}

/// Decodes an answer whose parts are few enough.
pub(crate) fn decode<A: Message + Default>(bytes: Bytes) -> Result<A, Status> {
    if parts(bytes.clone())? > MAX_PARTS {
        let message = format!("the answer has more than {MAX_PARTS} tensors");
        return Err(Status::data_loss(message));
    }
    A::decode(bytes).map_err(damaged)
}

/// Fields of variable length on a message's first level, as far as they count.
fn parts(mut message: impl Buf) -> Result<usize, Status> {
    let mut parts = 0;
    while message.has_remaining() && parts <= MAX_PARTS {
        let (tag, wire) = decode_key(&mut message).map_err(damaged)?;
        if wire == WireType::LengthDelimited {
            parts += 1;
            let length = decode_varint(&mut message).map_err(damaged)?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > message.remaining() {
                return Err(Status::data_loss("the answer is cut short"));
            }
            message.advance(length);
        } else {
            let context = DecodeContext::default();
            skip_field(wire, tag, &mut message, context).map_err(damaged)?;
        }
    }
    Ok(parts)
}

fn damaged(error: prost::DecodeError) -> Status {
    Status::data_loss(format!("the answer cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{InferOutput, InferResponse};

    fn answer(outputs: usize) -> Vec<u8> {
        let answer = InferResponse {
            model_version: "1".into(),
            outputs: vec![InferOutput::default(); outputs],
            ..InferResponse::default()
        };
        answer.encode_to_vec()
    }

    #[test]
    fn parts_of_an_answer_are_counted() {
        assert_eq!(parts(&answer(0)[..]).unwrap(), 1);
        assert_eq!(parts(&answer(9)[..]).unwrap(), 10);
        // Counting ends where it is too many.
        assert_eq!(parts(&answer(100_000)[..]).unwrap(), MAX_PARTS + 1);
    }

    #[test]
    fn damaged_answers_are_errors() {
        let whole = answer(3);
        for end in 1..whole.len() {
            // Some cuts leave a whole message; none may panic.
            let _ = parts(&whole[..end]);
        }
        for bytes in [
            &[0x2a, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
            &[0x2a],
            &[0x07],
            &[0xff; 20],
        ] {
            let status = parts(bytes).unwrap_err();
            assert_eq!(status.code(), tonic::Code::DataLoss, "{bytes:?}");
        }
    }
}
