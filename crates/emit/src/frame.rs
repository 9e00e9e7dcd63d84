//! The data of a frame beside its poses.

use protocol::CaptureClock;

/// What is known of a frame beside its poses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EmittedFrame {
    /// When it was captured, microseconds since the Unix epoch by the client's clock.
    pub captured_us: Option<u64>,
    /// What that was read from.
    pub clock: Option<CaptureClock>,
    /// The number of the moment that it shows, where several cameras do.
    pub moment: Option<u64>,
}
