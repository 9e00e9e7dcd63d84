//! What a run that streams is to do.

use std::path::PathBuf;
use std::time::Duration;

use vision::capture::{self, Source, SourceInfo};

use crate::connect::ConnectConfig;
use crate::connect::lanes::LaneCount;
use crate::report::mode::ReportMode;

/// What becomes of pixels before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PixelEncoding {
    Raw,
    Jpeg(u8),
    /// They come as a camera's JPEGs.
    Camera,
}

/// What a run is to do.
#[derive(Debug)]
pub struct Config {
    pub(crate) capture: capture::Config,
    /// Counted where frames are sent: what a live source drops before does not count.
    pub(crate) max_frames: Option<u64>,
    pub(crate) resize: Option<(u32, u32)>,
    pub(crate) encoding: PixelEncoding,
    /// The newest frame wins, or every frame counts; `None`: as suits the source.
    pub(crate) live: Option<bool>,
    pub(crate) max_latency: Option<Duration>,
    pub(crate) batch_size: u32,
    pub(crate) outputs: Vec<PathBuf>,
    pub(crate) snapshot: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    pub(crate) overwrite: bool,
    pub(crate) display: bool,
    pub(crate) emit: Vec<emit::Target>,
    pub(crate) connect: ConnectConfig,
    pub(crate) lanes: LaneCount,
    pub(crate) report_mode: ReportMode,
}

impl Config {
    /// Limits what FFmpeg may open for the source. To be called before any thread exists: it sets an
    /// environment variable.
    pub fn restrict_source(&self) {
        capture::restrict(&self.capture.source);
    }

    /// The source is a synthetic one.
    pub(crate) fn is_pattern(&self) -> bool {
        matches!(self.capture.source, Source::TestPattern(_))
    }

    /// Poses are for `--emit` alone, and nothing else of the stream is kept or shown.
    pub(crate) fn only_emits(&self) -> bool {
        let keeps = !self.outputs.is_empty() || self.snapshot.is_some() || self.record.is_some();
        !self.emit.is_empty() && !keeps && !self.display
    }

    /// How many frames there will be, where that is known.
    pub(crate) fn frames_to_send(&self, info: &SourceInfo) -> Option<u64> {
        match (info.frames_to_send, self.max_frames) {
            (Some(there), Some(wanted)) => Some(there.min(wanted)),
            (there, wanted) => there.or(wanted),
        }
    }

    /// The newest frame wins; otherwise every frame counts.
    pub(crate) fn is_live(&self, info: &SourceInfo) -> bool {
        self.live.unwrap_or(info.is_live)
    }

    /// As STREAM_START carries it.
    pub(crate) fn jpeg_quality(&self) -> Option<u8> {
        match self.encoding {
            PixelEncoding::Raw => None,
            PixelEncoding::Jpeg(quality) => Some(quality),
            // The camera does not report it; nothing is lost between the camera and the worker.
            PixelEncoding::Camera => Some(100),
        }
    }
}

/// Whether a source's name is a file's, and no address.
pub(crate) fn is_path(name: &str) -> bool {
    !name.contains("://")
}
