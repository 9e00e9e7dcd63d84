//! Frames from cameras, video files and the test pattern.
//!
//! A source has its own thread: it is opened there, read there, and the callback runs there.
//! Files are read in order, without seeking: frames that are not selected are
//! skipped without converting their pixels, and nothing is read after the last selected one.

mod allowed;
mod camera_setting;
pub(crate) mod container;
mod container_ends;
mod damage;
mod delivery;
mod delivery_rate;
mod error;
mod file;
mod format;
mod genicam;
mod genicam_error;
mod network;
mod open;
mod pace;
mod pattern;
mod pictures;
mod pipe;
mod pushed;
mod read_error;
mod reader;
mod retry;
mod running;
mod selection;
pub(crate) mod signature;
mod stop;
mod thread;
mod tiff;
mod time;
mod video;
mod video_source;
mod webcam;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::jpeg::{CameraJpeg, JpegDecodeError};
use crate::{DeepImage, Image, PlanarImage, synthetic};

pub use camera_setting::{CameraSetting, CameraSettingError};
pub use damage::Damage;
pub use error::OpenError;
pub use format::{RawFormat, StreamFormat};
#[cfg(any(test, fuzzing))]
pub(crate) use genicam::fuzzing as genicam_fuzzing;
pub use genicam::{
    AravisMissing, CameraBinning, CameraBinningError, CameraRegion, CameraRegionError,
    CameraTrigger, CameraTriggerError, GenICamConfig,
};
pub use genicam_error::GenICamError;
pub use pictures::is_image_name;
pub use protocol::CaptureClock;
pub use pushed::{FramePusher, PushRefused};
pub use read_error::ReadError;
pub use running::{Capture, RunningCapture};
pub use selection::{FrameSelection, SelectionError};
pub use tiff::{SampleKind, TiffProblem};
pub use time::DriverTiming;
pub use webcam::{NoCameraName, WebcamConfig, camera_number};

/// Where frames come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A video file, a named pipe, standard input (`-`), an image sequence (`img_%04d.png`) or an address
    /// (`rtsp://`, `http://`, and what else FFmpeg opens).
    File(String),
    /// Images in this order, each a frame.
    Images {
        /// What to call them in messages.
        name: String,
        /// Their files.
        files: Vec<PathBuf>,
    },
    /// A video file that another machine has sent. It is opened as nothing but a container that holds
    /// its pictures itself.
    Upload(PathBuf),
    /// A camera of this machine.
    Webcam(WebcamConfig),
    /// A camera with a GenICam description: GigE Vision or USB3 Vision, through the library Aravis.
    GenICam(GenICamConfig),
    /// Synthetic animals. Without a frame limit it behaves as a camera does.
    TestPattern(synthetic::Config),
    /// Frames that the program itself hands in, by their name: see [`Capture::pushed`].
    Pushed(String),
}

/// What to capture.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the frames come from.
    pub source: Source,
    /// Which frames.
    pub selection: FrameSelection,
    /// Frames per second. Files are slowed down to it, live sources thinned to at most it.
    /// `None`: files as fast as they can be read, live sources at their own rate.
    pub fps: Option<f64>,
    /// Files without `fps` are read at the rate that they were recorded at.
    pub real_time: bool,
    /// What is peculiar to the kind of source.
    pub options: SourceOptions,
}

/// How a source is opened and read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// Numbered images may lack numbers; the others keep theirs. Otherwise a gap is an error.
    pub allow_gaps: bool,
    /// How frames are delivered.
    pub pixels: PixelForm,
    /// The format of a file or pipe, where it is not to be detected.
    pub format: Option<StreamFormat>,
    /// How long an address is looked for that has broken off or is silent; zero: not at all.
    pub reconnect_timeout: Duration,
}

/// How the frames of a source are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PixelForm {
    /// 8 bits, gray or BGR.
    #[default]
    Plain,
    /// As they are in the source: frames of more than 8 bits come as [`FrameContent::Deep`].
    Deep,
    /// As little converted as a JPEG needs: frames of luma and chroma come as [`FrameContent::Planar`].
    Planar,
}

/// The properties of an open source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// File name, address (without password) or camera.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// 1 or 3.
    pub channels: u8,
    /// Bits of a sample in the source, where they are more than 8.
    pub significant_bits: Option<u8>,
    /// The source's own rate, frames per second, where it is known.
    pub fps: Option<f64>,
    /// Frames in the source, where that is known; some containers only estimate it.
    pub total_frames: Option<u64>,
    /// Frames that the selection takes, where that is known.
    pub frames_to_send: Option<u64>,
    /// It does not wait for its reader: a camera, a network stream, an endless test pattern.
    pub is_live: bool,
}

/// One frame of a source.
#[derive(Debug, Clone)]
pub struct CapturedFrame {
    /// Files: the frame's index in the source. Live sources: a counter from 0 of the frames
    /// left after thinning to `fps`.
    pub frame_id: u64,
    /// When the frame was captured, as `clock` has it. Of a file: when the frame was due, or was read where
    /// frames are read as fast as possible.
    pub captured_at: SystemTime,
    /// The same moment by the monotonic clock.
    pub captured: Instant,
    /// When the frame was here; where `clock` is `Arrival`, the same as `captured`.
    pub arrived: Instant,
    /// What the time of its capture was read from.
    pub clock: CaptureClock,
    /// What the source delivered.
    pub content: FrameContent,
}

/// A frame's picture, as its source delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameContent {
    /// Pixels, as many as there are in this frame.
    Pixels(Image),
    /// A camera's own JPEG.
    Jpeg(CameraJpeg),
    /// Pixels of more than 8 bits, for [`PixelForm::Deep`].
    Deep(DeepImage),
    /// Luma and chroma as a JPEG has them, for [`PixelForm::Planar`].
    Planar(PlanarImage),
}

/// Size and channels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentShape {
    /// Width and height, pixels.
    pub(crate) size: (u32, u32),
    /// 1 (gray), 3 (BGR) or 4 (BGRA).
    pub(crate) channels: u8,
}

impl FrameContent {
    /// An image of 8 bits, in the colours that there are.
    ///
    /// # Errors
    /// A camera's JPEG cannot be decoded.
    pub(crate) fn image(&self) -> Result<Image, JpegDecodeError> {
        Ok(match self {
            FrameContent::Planar(planar) => planar.to_bgr(),
            other => other.brightness()?,
        })
    }

    /// An image of 8 bits that shows what is bright and dark: in colour where no conversion is needed for that.
    ///
    /// # Errors
    /// A camera's JPEG cannot be decoded.
    pub fn brightness(&self) -> Result<Image, JpegDecodeError> {
        Ok(match self {
            FrameContent::Pixels(image) => image.clone(),
            FrameContent::Jpeg(jpeg) => jpeg.decode()?,
            FrameContent::Deep(deep) => deep.narrow(),
            FrameContent::Planar(planar) => planar.luma(),
        })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.shape().size
    }

    /// 1 (gray), 3 (colour) or 4.
    pub fn channels(&self) -> u8 {
        self.shape().channels
    }

    /// Size and channels.
    pub(crate) fn shape(&self) -> ContentShape {
        let (size, channels) = match self {
            FrameContent::Pixels(image) => ((image.width, image.height), image.channels),
            FrameContent::Jpeg(jpeg) => {
                let header = jpeg.header;
                ((header.width, header.height), header.channels)
            }
            FrameContent::Deep(deep) => (deep.size(), deep.channels()),
            FrameContent::Planar(planar) => (planar.size(), 3),
        };
        ContentShape { size, channels }
    }
}

impl CapturedFrame {
    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.content.shape().size
    }

    /// The frame's pixels, if they are of 8 bits and not a camera's own JPEG.
    pub fn pixels(&self) -> Option<&Image> {
        match &self.content {
            FrameContent::Pixels(image) => Some(image),
            _ => None,
        }
    }
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureEnd {
    /// The last selected frame was delivered.
    Selected,
    /// The source ended.
    EndOfSource,
    /// The source ended earlier than announced, with no sign that anything is missing: the count was an
    /// estimate, or includes frames that are not to be shown. Worth a warning.
    Short {
        /// Frames that could be read.
        at: u64,
        /// Frames that were announced.
        expected: u64,
    },
    /// [`RunningCapture::stop`] was called, or the callback returned `Break`.
    Stopped,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureSummary {
    /// Frames delivered to the callback.
    pub frames: u64,
    /// Frames read from the source, delivered or not.
    pub read: u64,
    /// Frames of a camera or stream that were skipped because they could not be decoded.
    pub undecodable: u64,
    /// Frames of a camera that were left out because they were old, and of a program that gave way to newer ones
    /// before the capture was started.
    pub stale: u64,
    /// Frames that the camera has numbered and that did not arrive whole.
    pub lost: u64,
    /// Why there are no more.
    pub end: CaptureEnd,
}

/// The callback, which is sent to the thread.
type OnFrame = Box<dyn FnMut(CapturedFrame) -> ControlFlow<()> + Send>;
