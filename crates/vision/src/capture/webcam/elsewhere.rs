//! A camera that is read through OpenCV, on systems without V4L2.

use std::io;
use std::sync::Arc;

use opencv::core::Mat;
use opencv::videoio::{
    CAP_ANY, CAP_PROP_CONVERT_RGB, CAP_PROP_FOURCC, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT,
    CAP_PROP_FRAME_WIDTH, VideoCapture, VideoCaptureTrait, VideoCaptureTraitConst, VideoWriter,
};

use super::WebcamConfig;
use super::diagnose::not_opened;
use crate::capture::reader::{FrameReader, Grab, GrabbedFrame, ReadFault};
use crate::capture::retry::FailedAttempt;
use crate::capture::stop::StopSignal;
use crate::capture::{Config, FrameContent, OpenError};
use crate::jpeg::CameraJpeg;
use crate::mat::to_image;

/// The format that is asked for where none is named.
const MJPG: &str = "MJPG";

/// An open camera.
pub(super) struct Webcam {
    capture: VideoCapture,
    /// OpenCV passes the camera's own bytes on, as an image of one row.
    jpeg: bool,
}

impl Webcam {
    pub(super) fn open(
        webcam: &WebcamConfig,
        config: &Config,
        _stop: &Arc<StopSignal>,
    ) -> Result<Webcam, FailedAttempt<OpenError>> {
        let index = webcam.index;
        let number = i32::try_from(index).map_err(|_| not_opened(index, None))?;
        let failed = |error: opencv::Error| {
            FailedAttempt::Final(OpenError::WebcamDriver {
                index,
                source: io::Error::other(error.message),
            })
        };
        let mut capture = VideoCapture::new(number, CAP_ANY).map_err(failed)?;
        if !capture.is_opened().map_err(failed)? {
            return Err(not_opened(index, None));
        }
        let format = configure(&mut capture, webcam, config.fps).map_err(failed)?;
        check(webcam, format).map_err(FailedAttempt::Final)?;
        Ok(Webcam {
            capture,
            jpeg: webcam.jpeg,
        })
    }

    /// The rate that the driver has set, frames per second.
    pub(super) fn rate(&self) -> Option<f64> {
        let fps = self.capture.get(CAP_PROP_FPS).ok()?;
        (fps.is_finite() && fps > 0.0 && fps <= 1000.0).then_some(fps)
    }
}

/// Asks for a format, a size and a rate; the name of the format that was chosen.
fn configure(
    capture: &mut VideoCapture,
    asked: &WebcamConfig,
    fps: Option<f64>,
) -> opencv::Result<String> {
    let wanted = asked.format.as_deref().unwrap_or(MJPG);
    let mut letters = wanted.chars().chain(std::iter::repeat(' '));
    let [a, b, c, d] = std::array::from_fn(|_| letters.next().unwrap_or(' '));
    capture.set(CAP_PROP_FOURCC, f64::from(VideoWriter::fourcc(a, b, c, d)?))?;
    if let Some((width, height)) = asked.size {
        // They take effect together, once both are there.
        capture.set(CAP_PROP_FRAME_WIDTH, f64::from(width))?;
        capture.set(CAP_PROP_FRAME_HEIGHT, f64::from(height))?;
    }
    if let Some(fps) = fps {
        capture.set(CAP_PROP_FPS, fps)?;
    }
    if asked.jpeg {
        capture.set(CAP_PROP_CONVERT_RGB, 0.0)?;
    }
    let bytes = (capture.get(CAP_PROP_FOURCC)? as i64 as u32).to_le_bytes();
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn check(asked: &WebcamConfig, format: String) -> Result<(), OpenError> {
    let index = asked.index;
    if !asked.settings.is_empty() {
        return Err(OpenError::NoControls { index });
    }
    if asked.jpeg && format != MJPG {
        return Err(OpenError::NoCameraJpeg { index, format });
    }
    match &asked.format {
        Some(wanted) if *wanted != format => Err(OpenError::WebcamFormat {
            index,
            wanted: wanted.clone(),
            found: format,
        }),
        _ => Ok(()),
    }
}

impl FrameReader for Webcam {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        Ok(match self.capture.grab() {
            Ok(true) => Grab::Frame(GrabbedFrame::default()),
            Ok(false) => Grab::End,
            Err(error) => return Err(ReadFault::Broken(error.message)),
        })
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        let mut frame = Mat::default();
        match self.capture.retrieve_def(&mut frame) {
            Ok(true) => {}
            Ok(false) => return Err(ReadFault::Undecodable),
            Err(error) => return Err(ReadFault::Broken(error.message)),
        }
        let image = to_image(&frame)?;
        match self.jpeg {
            true => CameraJpeg::from_camera(image.data)
                .map(FrameContent::Jpeg)
                .map_err(|_| ReadFault::Undecodable),
            false => Ok(FrameContent::Pixels(image)),
        }
    }
}
