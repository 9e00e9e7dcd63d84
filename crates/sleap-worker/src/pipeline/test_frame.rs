//! Frames for tests.

use std::time::{Duration, Instant};

use protocol::{Encoding, Frame, FrameMeta};

use super::FrameJob;

/// A frame of two gray pixels that has just come.
pub(crate) fn frame(frame_id: u64) -> FrameJob {
    FrameJob {
        frame: Frame {
            meta: FrameMeta {
                frame_id,
                width: 2,
                height: 1,
                channels: 1,
                encoding: Encoding::U8,
                nbytes: 2,
                captured_us: None,
                clock: None,
            },
            data: vec![1, 2].into(),
        },
        receive: Duration::ZERO,
        received_at: Instant::now(),
    }
}
