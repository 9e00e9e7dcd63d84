//! Cameras of this machine.

mod configure;
mod diagnose;
mod driver;
mod driver_clock;
mod name;
mod newest;

use std::thread::sleep;

use opencv::videoio::{CAP_ANY, CAP_V4L2, VideoCapture, VideoCaptureTraitConst};

use super::camera_setting::CameraSetting;
use super::reader::{CaptureReader, FrameReader, Grab, OpenedReader, ReadFault, SourceBehaviour};
use super::retry::{CameraRetry, FailedAttempt};
use super::time::{CaptureTime, DriverTiming};
use super::{ContentShape, FrameContent, OpenError, SourceInfo};
use crate::cameras::OpenFiles;
use crate::jpeg::CameraJpeg;
use configure::{MJPG, configure, rate};
use diagnose::{devices, diagnose, no_first_frame, not_opened};
use driver::Driver;

pub use name::{NoCameraName, camera_number};

/// A camera of this machine, and what it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebcamConfig {
    /// Its number: 2 is `/dev/video2`.
    pub index: u32,
    /// Width and height to ask for; the camera may choose others.
    pub size: Option<(u32, u32)>,
    /// Its own JPEGs are delivered as they come, neither decoded nor compressed again.
    /// An error where the camera makes none.
    pub jpeg: bool,
    /// The format in which it delivers, by its four letters; an error where it has none of that name.
    /// `None`: JPEG (MJPG) where there is one.
    pub format: Option<String>,
    /// Controls to set, by the driver's names for them.
    pub settings: Vec<CameraSetting>,
    /// Frames that the driver has kept are delivered even where newer ones are there.
    pub every_frame: bool,
}

pub(super) fn open(config: &WebcamConfig, fps: Option<f64>) -> Result<OpenedReader, OpenError> {
    let policy = CameraRetry::for_os(std::env::consts::OS);
    let (webcam, first) = policy.run(|| attempt(config, fps, &policy), sleep)?;
    let info = SourceInfo {
        name: format!("webcam {}", config.index),
        width: first.size.0,
        height: first.size.1,
        channels: first.channels,
        significant_bits: None,
        fps: rate(&webcam.reader.capture),
        total_frames: None,
        frames_to_send: None,
        is_live: true,
    };
    Ok(OpenedReader {
        reader: Box::new(webcam),
        info,
        kind: SourceBehaviour::Camera,
    })
}

/// An open camera.
struct Webcam {
    reader: CaptureReader,
    /// OpenCV passes the camera's own bytes on, as an image of one row.
    jpeg: bool,
    driver: Driver,
}

impl FrameReader for Webcam {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        self.driver.grab(&mut self.reader)
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        if !self.jpeg {
            return self.reader.retrieve();
        }
        let row = self.reader.image()?;
        let jpeg = CameraJpeg::from_camera(row.data).map_err(|_| ReadFault::Undecodable)?;
        Ok(FrameContent::Jpeg(jpeg))
    }

    fn capture_time(&mut self) -> CaptureTime {
        self.driver.time()
    }

    fn timing(&self) -> Option<DriverTiming> {
        self.driver.timing()
    }

    fn stale(&self) -> u64 {
        self.driver.stale()
    }
}

/// Opens the camera, asks for a format and reads one frame, whose size and channels it returns.
fn attempt(
    config: &WebcamConfig,
    fps: Option<f64>,
    policy: &CameraRetry,
) -> Result<(Webcam, ContentShape), FailedAttempt<OpenError>> {
    let (index, attempts) = (config.index, policy.attempts);
    let before = OpenFiles::of(index);
    let mut capture = open_capture(index)?;
    let format = configure(&mut capture, config, fps).map_err(|error| failed(index, error))?;
    check_format(config, format).map_err(FailedAttempt::Final)?;
    let mut driver = Driver::new(&before, config.every_frame);
    let set = driver.set(index, &config.settings);
    set.map_err(FailedAttempt::Final)?;
    sleep(policy.settle);
    let mut reader = CaptureReader::new(capture);
    for _ in 0..=policy.discard {
        if !matches!(reader.grab(), Ok(Grab::Frame(_))) {
            let silent = OpenError::WebcamSilent { index, attempts };
            return Err(FailedAttempt::Again(silent));
        }
    }
    // Buffers are there once frames come.
    driver.delivers();
    let mut webcam = Webcam {
        reader,
        jpeg: config.jpeg,
        driver,
    };
    let first = webcam.retrieve();
    let first = first.map_err(|fault| no_first_frame(fault, index, attempts));
    let first = first.map_err(FailedAttempt::Again)?;
    Ok((webcam, first.shape()))
}

fn failed(index: u32, error: opencv::Error) -> FailedAttempt<OpenError> {
    FailedAttempt::Final(OpenError::OpenCv {
        name: format!("webcam {index}"),
        reason: error.message,
    })
}

fn open_capture(index: u32) -> Result<VideoCapture, FailedAttempt<OpenError>> {
    let number = i32::try_from(index)
        .map_err(|_| FailedAttempt::Final(diagnose(index, &devices(), None)))?;
    let backend = match cfg!(target_os = "linux") {
        true => CAP_V4L2,
        false => CAP_ANY,
    };
    let capture = VideoCapture::new(number, backend).map_err(|error| failed(index, error))?;
    match capture.is_opened().map_err(|error| failed(index, error))? {
        true => Ok(capture),
        false => Err(not_opened(index)),
    }
}

/// Checks the format that the driver chose.
fn check_format(config: &WebcamConfig, format: String) -> Result<(), OpenError> {
    let index = config.index;
    if config.jpeg && format != MJPG {
        return Err(OpenError::NoCameraJpeg { index, format });
    }
    match &config.format {
        Some(wanted) if *wanted != format => Err(OpenError::WebcamFormat {
            index,
            wanted: wanted.clone(),
            found: format,
        }),
        _ => Ok(()),
    }
}
