//! The format of the pipe between a reader and its worker.
//!
//! One line of JSON ([`OpenReply`]), then records: [`HEADER`] bytes, numbers little-endian, and as many
//! bytes as they announce.
//!
//! | byte | frame | end |
//! |---|---|---|
//! | 0 | `F` | `E` |
//! | 1 | channels | 0 |
//! | 4 | width, u32 | 0 |
//! | 8 | height, u32 | 0 |
//! | 12 | bytes of pixels, u32 | bytes of the reason, u32; 0: the video is complete |
//! | 16 | frame id, u64 | 0 |
//! | 24 | when it was read, nanoseconds since 1970, u64 | 0 |

use protocol::Limits;
use serde::{Deserialize, Serialize};

/// Bytes before pixels or a reason.
pub(super) const HEADER: usize = 32;

/// Bytes of the first line, and of a reason, at most.
pub(super) const MAX_TEXT: usize = 16 << 10;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OpenReply {
    Video(VideoInfo),
    /// Why it cannot be read.
    Failed(String),
}

/// A video's size, rate and length, as in [`vision::capture::SourceInfo`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::files) struct VideoInfo {
    /// Pixels.
    pub(in crate::files) width: u32,
    /// Pixels.
    pub(in crate::files) height: u32,
    pub(in crate::files) channels: u8,
    /// Frames per second, where that is known.
    pub(in crate::files) fps: Option<f64>,
    /// Where that is known.
    pub(in crate::files) total_frames: Option<u64>,
}

/// Whether a worker takes frames of this shape.
pub(in crate::files) fn fits(limits: &Limits, width: u32, height: u32, channels: u8) -> bool {
    let pixels = u64::from(width) * u64::from(height);
    width <= limits.max_width
        && height <= limits.max_height
        && pixels * u64::from(channels) <= limits.max_frame_bytes
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordHeader {
    Frame(FrameShape),
    /// The end; so many bytes of a reason follow.
    End(u32),
}

/// The size and time of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameShape {
    pub(super) channels: u8,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes of pixels.
    pub(super) bytes: u32,
    pub(super) frame_id: u64,
    /// Nanoseconds since 1970.
    pub(super) captured_ns: u64,
}

impl RecordHeader {
    /// The header as bytes.
    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        match self {
            RecordHeader::Frame(shape) => {
                header[..2].copy_from_slice(&[b'F', shape.channels]);
                header[4..8].copy_from_slice(&shape.width.to_le_bytes());
                header[8..12].copy_from_slice(&shape.height.to_le_bytes());
                header[12..16].copy_from_slice(&shape.bytes.to_le_bytes());
                header[16..24].copy_from_slice(&shape.frame_id.to_le_bytes());
                header[24..].copy_from_slice(&shape.captured_ns.to_le_bytes());
            }
            RecordHeader::End(bytes) => {
                header[0] = b'E';
                header[12..16].copy_from_slice(&bytes.to_le_bytes());
            }
        }
        header
    }

    /// Reads a header; `None` where it is malformed.
    pub(super) fn from_bytes(header: &[u8; HEADER]) -> Option<Self> {
        let small = |at: usize| header[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        let large = |at: usize| header[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        match header[0] {
            b'F' => Some(RecordHeader::Frame(FrameShape {
                channels: header[1],
                width: small(4)?,
                height: small(8)?,
                bytes: small(12)?,
                frame_id: large(16)?,
                captured_ns: large(24)?,
            })),
            b'E' => Some(RecordHeader::End(small(12)?)),
            _ => None,
        }
    }
}

/// The beginning of a text, as long as the pipe takes it.
pub(super) fn cut(text: &str) -> &str {
    // In JSON a character may take six times the bytes.
    let mut end = text.len().min(MAX_TEXT / 8);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let shape = FrameShape {
            channels: 3,
            width: 0x0102_0304,
            height: 0x0506_0708,
            bytes: 0x090A_0B0C,
            frame_id: 0x0D0E_0F10_1112_1314,
            captured_ns: 0x1516_1718_191A_1B1C,
        };
        for record in [
            RecordHeader::Frame(shape),
            RecordHeader::End(0),
            RecordHeader::End(77),
        ] {
            assert_eq!(RecordHeader::from_bytes(&record.to_bytes()), Some(record));
        }
        assert_eq!(RecordHeader::from_bytes(&[0; HEADER]), None);
    }

    #[test]
    fn texts_end_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "ü".repeat(MAX_TEXT);
        assert!(long.starts_with(cut(&long)) && cut(&long).len() <= MAX_TEXT / 8);
    }
}
