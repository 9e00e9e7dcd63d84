//! What a run that streams is to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use closed_loop::LoadedRules;
use metrics_server::MetricsAddress;
use tracking::{OneEuroOptions, TrackerOptions};
use vision::capture::{self, Source, SourceInfo};

use crate::connect::ConnectConfig;
use crate::connect::lanes::LaneCount;
use crate::report::events::EventWriter;
use crate::report::mode::ReportMode;

/// What becomes of pixels before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PixelEncoding {
    /// Raw.
    Raw,
    /// As JPEG of this quality.
    Jpeg(u8),
    /// They come as a camera's JPEGs.
    Camera,
}

/// How far poses are carried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AheadTime {
    /// From the capture by so much.
    Fixed(Duration),
    /// To the moment when the pose is here, and so much later.
    Age {
        /// How long what acts on the pose takes to take effect.
        delay: Duration,
    },
}

impl AheadTime {
    /// Seconds from the capture of a pose that is so old.
    pub(crate) fn seconds(self, age_us: u64) -> f64 {
        match self {
            Self::Fixed(time) => time.as_secs_f64(),
            Self::Age { delay } => age_us as f64 / 1e6 + delay.as_secs_f64(),
        }
    }
}

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// The source and what is read of it.
    pub(crate) capture: capture::Config,
    /// Counted where frames are sent: what a live source drops before does not count.
    pub(crate) max_frames: Option<u64>,
    /// Size of the frames that are sent, instead of the source's.
    pub(crate) resize: Option<(u32, u32)>,
    /// How pixels are sent.
    pub(crate) encoding: PixelEncoding,
    /// The newest frame wins, or every frame counts; `None`: as suits the source.
    pub(crate) live: Option<bool>,
    /// Poses should stay younger than this.
    pub(crate) max_latency: Option<Duration>,
    /// Frames that the worker runs in one call of its model.
    pub(crate) batch_size: u32,
    /// Files of predictions.
    pub(crate) outputs: Vec<PathBuf>,
    /// PNG file of the last frame with its poses.
    pub(crate) snapshot: Option<PathBuf>,
    /// Video of the frames that are sent.
    pub(crate) record: Option<PathBuf>,
    /// Existing files are replaced.
    pub(crate) overwrite: bool,
    /// A window shows the stream.
    pub(crate) display: bool,
    /// Targets of poses.
    pub(crate) emit: Vec<emit::Target>,
    /// How the animals are told apart; `None` where they are not.
    pub(crate) tracking: Option<TrackerOptions>,
    /// How far poses are carried on; `None` where they are not.
    pub(crate) ahead: Option<AheadTime>,
    /// How poses are smoothed; `None` where they are not.
    pub(crate) smooth: Option<OneEuroOptions>,
    /// What acts on poses.
    pub(crate) rules: Option<LoadedRules>,
    /// How the worker is found.
    pub(crate) connect: ConnectConfig,
    /// Associations that share the frames.
    pub(crate) lanes: Option<LaneCount>,
    /// Where metrics are served; `None`: nowhere.
    pub(crate) metrics: Option<MetricsAddress>,
    /// What is reported, and where.
    pub(crate) report_mode: ReportMode,
    /// The name of the camera, where there are several.
    pub(crate) camera: Option<Arc<str>>,
}

/// What the program streams.
#[derive(Debug)]
pub struct RunConfig {
    /// One stream, or one for each of several cameras.
    pub(crate) streams: Vec<Config>,
    /// Frames of several cameras that were captured within this time belong to one moment; `None`: as suits their rate.
    pub(crate) sync_tolerance: Option<Duration>,
    /// The file of the table of moments.
    pub(crate) moments_file: Option<PathBuf>,
    /// The rules that act on several cameras, with the file of their events.
    pub(crate) rules: Option<LoadedRules>,
}

impl Config {
    /// The source is a synthetic one.
    pub(crate) fn is_pattern(&self) -> bool {
        matches!(self.capture.source, Source::TestPattern(_))
    }

    /// An output refers to a video, whose frames have one size. Images have each their own.
    pub(crate) fn needs_one_size(&self) -> bool {
        let is_slp = |path: &PathBuf| path.extension().is_some_and(|end| end == "slp");
        let is_list = matches!(self.capture.source, Source::Images { .. });
        !is_list && self.outputs.iter().any(is_slp)
    }

    /// The source is what another program writes.
    pub(crate) fn is_piped(&self) -> bool {
        matches!(&self.capture.source, Source::File(name) if is_pipe(name))
    }

    /// The source is a video or images that are all there, and not what is still being recorded.
    pub(crate) fn has_end(&self) -> bool {
        match &self.capture.source {
            Source::File(name) => is_path(name) && !is_pipe(name),
            Source::Images { .. } => true,
            _ => false,
        }
    }

    /// Poses are for `--emit` alone, and nothing else of the stream is kept or shown.
    pub(crate) fn only_emits(&self) -> bool {
        let keeps = !self.outputs.is_empty() || self.snapshot.is_some() || self.record.is_some();
        !self.emit.is_empty() && !keeps && !self.display && self.rules.is_none()
    }

    /// What writes events of the stream; `None` where messages are for people, or where there are none.
    pub(crate) fn events(&self) -> Option<EventWriter> {
        EventWriter::of(self.report_mode).map(|events| events.about(self.camera.clone()))
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

/// Whether a source is what another program writes: standard input, or a named pipe.
pub(crate) fn is_pipe(name: &str) -> bool {
    #[cfg(unix)]
    let is_named_pipe = {
        use std::os::unix::fs::FileTypeExt;
        let metadata = std::fs::metadata(name);
        metadata.is_ok_and(|metadata| metadata.file_type().is_fifo())
    };
    #[cfg(not(unix))]
    let is_named_pipe = false;
    name == "-" || is_named_pipe
}
