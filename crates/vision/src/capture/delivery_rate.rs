//! When the frames of a source are delivered.

use super::pace::{FramePacer, FrameThinner, interval};
use super::reader::{OpenedReader, SourceBehaviour};
use super::{Config, Source};

/// How deliveries are spread over time.
pub(super) enum DeliveryRate {
    Free,
    /// A frame every interval.
    Paced(FramePacer),
    /// Each frame at its own time; the interval is for frames without one.
    Recorded(FramePacer),
    Thinned(FrameThinner),
}

impl DeliveryRate {
    pub(super) fn new(config: &Config, opened: &OpenedReader) -> DeliveryRate {
        if opened.reader.waits_for_triggers() {
            return DeliveryRate::Free;
        }
        // What comes through a pipe has the pace of its writer.
        let has_own_pace = opened.kind.pushes() || opened.kind == SourceBehaviour::Pipe;
        let is_recorded = config.fps.is_none() && config.real_time && !has_own_pace;
        let own = match &config.source {
            // One with a clock comes by itself, as a camera does.
            Source::TestPattern(pattern) if pattern.frames.is_none() && pattern.phase.is_none() => {
                opened.info.fps
            }
            _ if is_recorded => opened.info.fps,
            _ => None,
        };
        match interval(config.fps.or(own)) {
            None => DeliveryRate::Free,
            Some(interval) if opened.kind.pushes() => {
                DeliveryRate::Thinned(FrameThinner::new(interval))
            }
            Some(interval) if is_recorded => DeliveryRate::Recorded(FramePacer::new(interval)),
            Some(interval) => DeliveryRate::Paced(FramePacer::new(interval)),
        }
    }
}
