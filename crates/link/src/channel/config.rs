use std::time::Duration;

use protocol::{CHUNK_BYTES, Limits};

/// Settings of one channel.
#[derive(Debug, Clone)]
pub struct ChannelConfig {
    /// Bounds that every received message is checked against.
    pub limits: Limits,
    /// Longest binary message of a frame, in bytes; a lower limit of the peer takes precedence.
    pub chunk_bytes: usize,
    /// Longest time that closing waits for unsent messages.
    pub close_timeout: Duration,
    /// Lanes that the peer may open for one channel, the first one included; 1: none beside it.
    /// At most [`protocol::MAX_LANES`].
    pub max_lanes: usize,
    /// Lanes for shards that the peer may have open for one channel; 0: none.
    pub max_shard_lanes: usize,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            chunk_bytes: CHUNK_BYTES,
            close_timeout: Duration::from_secs(5),
            max_lanes: 1,
            max_shard_lanes: 0,
        }
    }
}
