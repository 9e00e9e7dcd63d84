//! Frames that a program hands in, and what becomes of them.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use protocol::{DerivedPoses, FrameId, Limits, Prediction};
use vision::capture::{CaptureClock, CapturedFrame, FrameContent, SourceInfo};

use crate::send::in_flight::ReturnedFrame;
use crate::send::latency::{PARTS, micros};

/// A frame of a program.
#[derive(Debug, Clone)]
pub struct PushedFrame {
    /// The picture.
    pub content: FrameContent,
    /// When it was captured; `None`: now.
    pub captured_at: Option<SystemTime>,
}

/// A frame is larger than what a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {width}x{height} pixels is too large: a side has {max} pixels at most")]
pub struct FrameTooLarge {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The longest side that is taken.
    pub max: u32,
}

/// What became of a frame.
#[derive(Debug, Clone)]
pub enum FrameOutcome {
    /// Its poses are here.
    Poses(Arc<FramePoses>),
    /// A newer frame has taken its place before it was sent.
    Replaced,
    /// The worker could not use it, for this reason.
    Failed(String),
    /// It has no result, for this reason.
    Lost(String),
}

/// The poses of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FramePoses {
    /// Counts the frames that were handed in, from 0.
    pub frame_id: FrameId,
    /// The poses, in pixels of the frame as it was handed in.
    pub prediction: Prediction,
    /// What was computed from them.
    pub derived: DerivedPoses,
    /// When the frame was captured, microseconds since 1970.
    pub captured_us: Option<u64>,
    /// From the capture until the poses were here, microseconds.
    pub age_us: u64,
    /// From handing the frame to the link until the poses were here, microseconds.
    pub round_trip_us: u64,
    /// The parts of the age, microseconds, by the names that the summary has.
    pub parts_us: [(&'static str, u64); PARTS.len()],
}

impl FramePoses {
    pub(super) fn new(
        prediction: &Prediction,
        derived: &DerivedPoses,
        returned: &ReturnedFrame,
    ) -> Self {
        let parts = returned.latency.parts();
        Self {
            frame_id: prediction.frame_id,
            prediction: prediction.clone(),
            derived: derived.clone(),
            captured_us: returned.captured_us,
            age_us: returned.latency.age(),
            round_trip_us: micros(returned.round_trip),
            parts_us: std::array::from_fn(|at| (PARTS[at], parts[at])),
        }
    }
}

impl PushedFrame {
    /// Checks its size.
    pub(super) fn check(&self) -> Result<(), FrameTooLarge> {
        let (width, height) = self.content.size();
        let limits = Limits::default();
        let max = limits.max_width.min(limits.max_height);
        match width > limits.max_width || height > limits.max_height {
            true => Err(FrameTooLarge { width, height, max }),
            false => Ok(()),
        }
    }

    /// What is known of the source whose first frame this is.
    pub(super) fn source_info(&self, pending: &SourceInfo) -> SourceInfo {
        let (width, height) = self.content.size();
        let significant_bits = match &self.content {
            FrameContent::Deep(deep) => Some(deep.significant_bits()),
            _ => None,
        };
        SourceInfo {
            width,
            height,
            channels: self.content.channels(),
            significant_bits,
            ..pending.clone()
        }
    }

    pub(super) fn into_captured(self, frame_id: FrameId) -> CapturedFrame {
        let (now, arrived) = (SystemTime::now(), Instant::now());
        // A capture that lies in the future is one whose clock is wrong.
        let age = self
            .captured_at
            .and_then(|at| now.duration_since(at).ok())
            .unwrap_or_default();
        let clock = match self.captured_at {
            Some(_) => CaptureClock::Device,
            None => CaptureClock::Arrival,
        };
        CapturedFrame {
            frame_id,
            captured_at: now.checked_sub(age).unwrap_or(now),
            captured: arrived.checked_sub(age).unwrap_or(arrived),
            arrived,
            clock,
            content: self.content,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vision::Image;

    use super::*;

    fn frame(width: u32, captured_at: Option<SystemTime>) -> PushedFrame {
        let image = Image::new(width, 1, 1, vec![0; width as usize]).unwrap();
        PushedFrame {
            content: FrameContent::Pixels(image),
            captured_at,
        }
    }

    #[test]
    fn a_time_of_capture_is_an_age_by_both_clocks() {
        let now = SystemTime::now();
        let age = Duration::from_secs(3);
        let captured = frame(1, Some(now - age)).into_captured(7);
        assert_eq!(
            (captured.frame_id, captured.clock),
            (7, CaptureClock::Device)
        );
        assert!(captured.arrived - captured.captured >= age);
        let ahead = frame(1, Some(now + age)).into_captured(8);
        assert_eq!(ahead.arrived, ahead.captured);
        let without = frame(1, None).into_captured(9);
        assert_eq!(without.clock, CaptureClock::Arrival);
    }

    #[test]
    fn a_frame_that_no_worker_takes_is_refused() {
        assert!(frame(16_384, None).check().is_ok());
        let error = frame(16_385, None).check().unwrap_err().to_string();
        assert!(
            error.contains("16385x1") && error.contains("16384"),
            "{error}"
        );
    }
}
