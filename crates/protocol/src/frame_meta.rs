//! The announcement of a frame.

use std::fmt;

use thiserror::Error;

use crate::clock::CaptureClock;
use crate::fields::{digits, excerpt};
use crate::limits::Limits;
use crate::names;

/// The number of a frame within a stream: the index in the source for files, a running counter for cameras.
pub type FrameId = u64;

/// Bits of a 16-bit sample.
const FULL_BITS: u8 = 16;

/// How a frame's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// 8-bit samples, rows packed, channels interleaved (gray, BGR or BGRA). Wire name `uint8`.
    U8,
    /// 16-bit little-endian samples in the same order. Wire name `uint16`.
    U16 {
        /// Bits of a sample that the source fills, from the lowest on: 8 to 16. They are not in the
        /// frame's announcement but in that of its stream: 16 in a frame that comes from the wire,
        /// until [`Encoding::of_stream`].
        significant_bits: u8,
    },
    /// One JPEG image. Wire name `jpeg`.
    Jpeg,
}

impl Encoding {
    /// 16-bit samples that use their full range.
    pub const FULL_U16: Encoding = Encoding::U16 {
        significant_bits: FULL_BITS,
    };

    /// The encoding of a frame of a stream that announces samples of so many bits; `None`: all.
    pub fn of_stream(self, significant_bits: Option<u8>) -> Encoding {
        match (self, significant_bits) {
            (Encoding::U16 { .. }, Some(significant_bits)) => Encoding::U16 { significant_bits },
            _ => self,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::U8 => "uint8",
            Encoding::U16 { .. } => "uint16",
            Encoding::Jpeg => "jpeg",
        }
    }

    /// Bytes of one sample; `None` for a compressed frame.
    pub fn sample_bytes(self) -> Option<u64> {
        match self {
            Encoding::U8 => Some(1),
            Encoding::U16 { .. } => Some(2),
            Encoding::Jpeg => None,
        }
    }

    fn from_wire(text: &str) -> Result<Self, MetaError> {
        match text {
            "uint8" => Ok(Encoding::U8),
            "uint16" => Ok(Encoding::FULL_U16),
            "jpeg" => Ok(Encoding::Jpeg),
            other => Err(MetaError::Encoding {
                found: excerpt(other),
            }),
        }
    }
}

/// Why the announcement of a frame is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetaError {
    /// Fields are missing.
    #[error("{found} fields, at least 6 are needed")]
    MissingFields {
        /// Fields that there are.
        found: usize,
    },
    /// Not a plain decimal number in the field's range.
    #[error("{text:?} is not a valid {field}")]
    Number {
        /// What the field is.
        field: &'static str,
        /// A short excerpt of it.
        text: String,
    },
    /// An encoding that is not known.
    #[error("dtype {found:?} is not one of uint8, uint16, jpeg")]
    Encoding {
        /// A short excerpt of it.
        found: String,
    },
    /// Neither gray, BGR nor BGRA.
    #[error("{channels} channels, only 1, 3 and 4 are accepted")]
    Channels {
        /// As announced.
        channels: u8,
    },
    /// A side is zero, or there are no bytes.
    #[error("an empty frame: {width}x{height}, {nbytes} bytes")]
    Empty {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes of the frame.
        nbytes: u64,
    },
    /// A side is over the limits.
    #[error("{width}x{height} pixels, at most {max_width}x{max_height} are accepted")]
    Dimensions {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The limit of the width.
        max_width: u32,
        /// The limit of the height.
        max_height: u32,
    },
    /// More bytes than the limits allow.
    #[error("{nbytes} bytes, at most {max} are accepted")]
    TooLarge {
        /// Bytes of the frame.
        nbytes: u64,
        /// The limit.
        max: u64,
    },
    /// A raw frame whose byte count is not height x width x channels x sample size.
    #[error("{nbytes} bytes announced, but the dimensions make {expected}")]
    SizeMismatch {
        /// Bytes of the frame.
        nbytes: u64,
        /// Bytes that the dimensions make.
        expected: u64,
    },
}

/// The announcement of one frame (`FRAME_META`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameMeta {
    /// The frame.
    pub frame_id: FrameId,
    /// Height in pixels.
    pub height: u32,
    /// Width in pixels.
    pub width: u32,
    /// 1 (gray), 3 (BGR) or 4 (BGRA).
    pub channels: u8,
    /// How its bytes are to be read.
    pub encoding: Encoding,
    /// Bytes of the frame as transferred.
    pub nbytes: u64,
    /// When the frame was captured: microseconds since the Unix epoch by the client's clock.
    pub captured_us: Option<u64>,
    /// What that was read from, where the client says so. It is sent with `captured_us` only.
    pub clock: Option<CaptureClock>,
}

impl FrameMeta {
    /// Bytes that the dimensions make; `None` for a compressed frame.
    pub fn raw_bytes(&self) -> Option<u64> {
        // Pixels fit a u64, samples may not: a saturated number is more than any frame has.
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
        // Six fields, the capture time, its clock, and the rest, which belongs to later extensions.
        let parts: Vec<&str> = fields.splitn(9, ':').collect();
        let &[frame_id, height, width, channels, dtype, nbytes, ..] = parts.as_slice() else {
            return Err(MetaError::MissingFields { found: parts.len() });
        };
        let captured_us = parts.get(6).and_then(|text| digits(text));
        let clock = parts.get(7).and_then(|name| CaptureClock::from_name(name));
        Ok(Self {
            frame_id: number(frame_id, "frame_id")?,
            height: number(height, "height")?,
            width: number(width, "width")?,
            channels: number(channels, "channel count")?,
            encoding: Encoding::from_wire(dtype)?,
            nbytes: number(nbytes, "byte count")?,
            captured_us,
            clock: clock.filter(|_| captured_us.is_some()),
        })
    }
}

impl fmt::Display for FrameMeta {
    /// The wire form, `FRAME_META::…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}::{}:{}:{}:{}:{}:{}",
            names::FRAME_META,
            self.frame_id,
            self.height,
            self.width,
            self.channels,
            self.encoding.as_str(),
            self.nbytes
        )?;
        match (self.captured_us, self.clock) {
            (Some(captured_us), Some(clock)) => write!(f, ":{captured_us}:{clock}"),
            (Some(captured_us), None) => write!(f, ":{captured_us}"),
            (None, _) => Ok(()),
        }
    }
}

fn number<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, MetaError> {
    digits(text).ok_or_else(|| MetaError::Number {
        field,
        text: excerpt(text),
    })
}
