//! What a receiver accepts from a peer, checked before anything is allocated.

use std::time::Duration;

/// Payload bytes of one chunk as senders cut frames: 64 KiB, which every peer can receive.
pub const CHUNK_BYTES: usize = 65_536;

/// How often a side that agreed to a heartbeat sends one.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// A peer that agreed to a heartbeat and sends nothing for so long is taken for lost.
pub const PEER_SILENCE: Duration = Duration::from_secs(5);

/// Upper bounds on what a peer may announce or send. All bounds are inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one frame as transferred. Default 128 MiB: an 8K BGR frame (100 MB) fits.
    pub max_frame_bytes: u64,
    /// Width of a frame in pixels. Default 16,384.
    pub max_width: u32,
    /// Height of a frame in pixels. Default 16,384.
    pub max_height: u32,
    /// Bytes of one binary message. Default 262,144, the message size that the Python peers advertise.
    pub max_chunk_bytes: usize,
    /// Frames of one batch. Default 1,024.
    pub max_batch: u32,
    /// Bytes of one text message. Default 1 MiB.
    pub max_text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame_bytes: 128 << 20,
            max_width: 16_384,
            max_height: 16_384,
            max_chunk_bytes: 262_144,
            max_batch: 1_024,
            max_text_bytes: 1 << 20,
        }
    }
}
