//! What is simulated.

use std::time::Duration;

use protocol::FrameId;

use super::MS;

/// What a worker does with a frame that it has processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It returns nothing for it.
    Lost,
    /// Its result cannot be read, save for the frame's number.
    Damaged,
}

/// From and until, since the start.
pub(super) type Spans = Vec<(Duration, Duration)>;

/// What is simulated.
pub(crate) struct SimConfig {
    /// Time between two frames; `None`: a file, as fast as it is taken.
    pub(crate) interval: Option<Duration>,
    /// This many frames come at once, and then none for as long.
    pub(crate) burst: u32,
    /// Frames that there are.
    pub(crate) frames: u64,
    pub(crate) encode: Duration,
    /// Bytes of a frame at full quality and size.
    pub(crate) bytes: f64,
    /// Bytes per second.
    pub(crate) rate: f64,
    /// In one direction.
    pub(crate) delay: Duration,
    /// Nothing moves on the link then.
    pub(crate) stalls: Spans,
    /// The model's time for a frame that it begins with at a time since the start.
    pub(crate) service: fn(Duration) -> Duration,
    /// The worker begins with no frame then.
    pub(crate) stops: Spans,
    /// What becomes of a frame that the model begins with at a time since the start.
    pub(crate) fate: fn(FrameId, Duration) -> Fate,
    /// How long there may be no result before the stream ends.
    pub(crate) result_timeout: Duration,
    /// Adapt to this target.
    pub(crate) target: Option<Duration>,
    pub(crate) batch_size: u32,
}

impl SimConfig {
    /// A camera at 30 frames per second, a near and wide link, a model of 10 ms.
    pub(crate) fn camera() -> Self {
        Self {
            interval: Some(Duration::from_nanos(33_333_333)),
            burst: 1,
            frames: 900,
            encode: MS,
            bytes: 30e3,
            rate: 200e6,
            delay: MS / 5,
            stalls: Vec::new(),
            service: |_| 10 * MS,
            stops: Vec::new(),
            fate: |_, _| Fate::Answered,
            result_timeout: Duration::from_secs(60),
            target: None,
            batch_size: 1,
        }
    }

    /// A file, else the same.
    pub(crate) fn file() -> Self {
        Self {
            interval: None,
            ..Self::camera()
        }
    }

    /// Age of a pose that waits for nothing.
    pub(crate) fn pure(&self) -> Duration {
        let transfer = Duration::from_secs_f64(self.bytes / self.rate);
        self.encode + transfer + 2 * self.delay + (self.service)(Duration::ZERO)
    }
}
