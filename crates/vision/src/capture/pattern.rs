//! The test pattern as a source.

mod clocked;

use std::sync::Arc;

use super::reader::{FrameReader, Grab, GrabbedFrame, OpenedReader, ReadFault, SourceBehaviour};
use super::stop::StopSignal;
use super::{FrameContent, SourceInfo};
use crate::synthetic;
use clocked::ClockedPattern;

struct PatternReader {
    renderer: synthetic::Renderer,
    frames: Option<u64>,
    /// Frames grabbed.
    position: u64,
}

/// `stop` ends the wait for the next frame.
pub(super) fn open(config: &synthetic::Config, stop: &Arc<StopSignal>) -> OpenedReader {
    let renderer = synthetic::Renderer::new(config);
    let (first, _) = renderer.frame(0);
    let info = SourceInfo {
        name: "test pattern".to_owned(),
        width: first.width,
        height: first.height,
        channels: first.channels,
        significant_bits: None,
        fps: Some(config.fps).filter(|fps| *fps > 0.0),
        total_frames: config.frames,
        frames_to_send: None,
        is_live: config.frames.is_none(),
    };
    let clock = config.phase.and_then(|phase| clocked::ticks(config, phase));
    let (reader, kind): (Box<dyn FrameReader>, _) = match clock {
        Some(ticks) => (
            Box::new(ClockedPattern::new(renderer, ticks, stop)),
            SourceBehaviour::Camera,
        ),
        None => (
            Box::new(PatternReader {
                renderer,
                frames: config.frames,
                position: 0,
            }),
            SourceBehaviour::Generated,
        ),
    };
    OpenedReader { reader, info, kind }
}

impl FrameReader for PatternReader {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        if self.frames.is_some_and(|frames| self.position >= frames) {
            return Ok(Grab::End);
        }
        self.position += 1;
        Ok(Grab::Frame(GrabbedFrame::default()))
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        let (image, _) = self.renderer.frame(self.position.saturating_sub(1));
        Ok(FrameContent::Pixels(image))
    }
}
