//! A frame, its announcement, and how it is cut into messages.

use std::fmt;

use bytes::Bytes;

use crate::error::{MetaError, excerpt};
use crate::message::{KEEP_ALIVE, words};
use crate::{Limits, Message};

/// Names a frame within a stream: the index in the source for files, a running counter for cameras.
pub type FrameId = u64;

/// How a frame's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// 8-bit samples, rows packed, channels interleaved (gray, BGR or BGRA). Wire name `uint8`.
    U8,
    /// 16-bit little-endian samples in the same order. Wire name `uint16`.
    U16,
    /// One JPEG image. Wire name `jpeg`.
    Jpeg,
}

impl Encoding {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::U8 => "uint8",
            Encoding::U16 => "uint16",
            Encoding::Jpeg => "jpeg",
        }
    }

    /// Bytes of one sample; `None` for a compressed frame.
    pub fn sample_bytes(self) -> Option<u64> {
        match self {
            Encoding::U8 => Some(1),
            Encoding::U16 => Some(2),
            Encoding::Jpeg => None,
        }
    }

    fn from_wire(text: &str) -> Result<Self, MetaError> {
        match text {
            "uint8" => Ok(Encoding::U8),
            "uint16" => Ok(Encoding::U16),
            "jpeg" => Ok(Encoding::Jpeg),
            other => Err(MetaError::Encoding {
                found: excerpt(other),
            }),
        }
    }
}

/// The announcement of one frame (`FRAME_META`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameMeta {
    pub frame_id: FrameId,
    /// Height in pixels.
    pub height: u32,
    /// Width in pixels.
    pub width: u32,
    /// 1 (gray), 3 (BGR) or 4 (BGRA).
    pub channels: u8,
    pub encoding: Encoding,
    /// Bytes of the frame as transferred.
    pub nbytes: u64,
    /// When the frame was captured: microseconds since the Unix epoch by the client's clock.
    pub captured_us: Option<u64>,
}

impl FrameMeta {
    /// Bytes that the dimensions make; `None` for a compressed frame.
    pub fn raw_bytes(&self) -> Option<u64> {
        // Pixels fit a u64, samples may not: no frame has that many bytes, so saturating tells them apart.
        let samples = (u64::from(self.height) * u64::from(self.width))
            .saturating_mul(u64::from(self.channels));
        Some(samples.saturating_mul(self.encoding.sample_bytes()?))
    }

    /// Checks that the fields agree with each other and stay within `limits`.
    pub fn check(&self, limits: &Limits) -> Result<(), MetaError> {
        let &Self {
            height,
            width,
            channels,
            nbytes,
            ..
        } = self;
        if !matches!(channels, 1 | 3 | 4) {
            return Err(MetaError::Channels { channels });
        }
        if height == 0 || width == 0 || nbytes == 0 {
            return Err(MetaError::Empty {
                width,
                height,
                nbytes,
            });
        }
        if height > limits.max_height || width > limits.max_width {
            return Err(MetaError::Dimensions {
                width,
                height,
                max_width: limits.max_width,
                max_height: limits.max_height,
            });
        }
        if nbytes > limits.max_frame_bytes {
            return Err(MetaError::TooLarge {
                nbytes,
                max: limits.max_frame_bytes,
            });
        }
        match self.raw_bytes() {
            Some(expected) if expected != nbytes => {
                Err(MetaError::SizeMismatch { nbytes, expected })
            }
            _ => Ok(()),
        }
    }

    /// Reads what follows `FRAME_META::`. The error comes with the frame's number, where it could be read.
    pub(crate) fn from_wire(
        fields: &str,
        limits: &Limits,
    ) -> Result<Self, (Option<FrameId>, MetaError)> {
        let frame_id = number(fields.split(':').next().unwrap_or_default(), "frame_id").ok();
        Self::parse(fields)
            .and_then(|meta| meta.check(limits).map(|()| meta))
            .map_err(|error| (frame_id, error))
    }

    fn parse(fields: &str) -> Result<Self, MetaError> {
        // Six fields, the capture time, and the rest, which belongs to later extensions.
        let parts: Vec<&str> = fields.splitn(8, ':').collect();
        let &[frame_id, height, width, channels, dtype, nbytes, ..] = parts.as_slice() else {
            return Err(MetaError::MissingFields { found: parts.len() });
        };
        Ok(Self {
            frame_id: number(frame_id, "frame_id")?,
            height: number(height, "height")?,
            width: number(width, "width")?,
            channels: number(channels, "channel count")?,
            encoding: Encoding::from_wire(dtype)?,
            nbytes: number(nbytes, "byte count")?,
            captured_us: parts.get(6).and_then(|text| digits(text)),
        })
    }
}

impl fmt::Display for FrameMeta {
    /// The wire form, `FRAME_META::…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}::{}:{}:{}:{}:{}:{}",
            words::FRAME_META,
            self.frame_id,
            self.height,
            self.width,
            self.channels,
            self.encoding.as_str(),
            self.nbytes
        )?;
        match self.captured_us {
            Some(captured_us) => write!(f, ":{captured_us}"),
            None => Ok(()),
        }
    }
}

/// A whole frame: its announcement and its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub meta: FrameMeta,
    pub data: Bytes,
}

impl Frame {
    /// A frame of `data`; sets `meta.nbytes` and checks raw data against the dimensions.
    pub fn new(mut meta: FrameMeta, data: Bytes) -> Result<Self, MetaError> {
        meta.nbytes = data.len() as u64;
        let own_size = Limits {
            max_frame_bytes: u64::MAX,
            max_width: u32::MAX,
            max_height: u32::MAX,
            ..Limits::default()
        };
        meta.check(&own_size)?;
        Ok(Self { meta, data })
    }

    /// The frame as it goes over the wire: announcement, chunks of at most `chunk_bytes` bytes, end.
    ///
    /// Chunks are slices of [`data`](Self::data): no byte is copied. A chunk that would read as
    /// the keep-alive message is cut in two.
    pub fn messages(&self, chunk_bytes: usize) -> impl Iterator<Item = Message> + '_ {
        let chunks = Chunks {
            rest: self.data.clone(),
            chunk_bytes: chunk_bytes.max(1),
        };
        std::iter::once(Message::FrameMeta(self.meta.clone()))
            .chain(chunks.map(Message::Chunk))
            .chain(std::iter::once(Message::FrameEnd(self.meta.frame_id)))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("meta", &self.meta)
            .field("data", &format_args!("{} bytes", self.data.len()))
            .finish()
    }
}

struct Chunks {
    rest: Bytes,
    chunk_bytes: usize,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        let mut len = self.chunk_bytes.min(self.rest.len());
        if self.rest[..len] == *KEEP_ALIVE {
            len /= 2;
        }
        Some(self.rest.split_to(len))
    }
}

fn number<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, MetaError> {
    digits(text).ok_or_else(|| MetaError::Number {
        field,
        text: excerpt(text),
    })
}

/// A plain decimal number: digits only, no sign, no blanks.
pub(crate) fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
