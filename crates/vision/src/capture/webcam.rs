//! Cameras of this machine.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;

use opencv::videoio::{
    CAP_ANY, CAP_PROP_CONVERT_RGB, CAP_PROP_FOURCC, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT,
    CAP_PROP_FRAME_WIDTH, CAP_V4L2, VideoCapture, VideoCaptureTrait, VideoCaptureTraitConst,
    VideoWriter,
};

use super::error::present_text;
use super::reader::{CaptureReader, FrameReader, Grab, OpenedReader, ReadFault, SourceBehaviour};
use super::retry::{CameraRetry, FailedAttempt};
use super::{ContentShape, FrameContent, OpenError, SourceInfo};
use crate::jpeg::CameraJpeg;

/// Why a text names no camera.
#[derive(Debug, thiserror::Error)]
pub enum NoCameraName {
    /// Neither a number nor a device file.
    #[error(
        "that is neither a camera's number nor its device file (/dev/video0, /dev/v4l/by-id/...). {}",
        present_text(present)
    )]
    Text {
        /// Cameras that the system lists.
        present: Vec<String>,
    },
    /// The device file cannot be found.
    #[error("{source}. {}", present_text(present))]
    Absent {
        /// The system's error.
        source: io::Error,
        /// Cameras that the system lists.
        present: Vec<String>,
    },
    /// It is there, and is no camera's device file.
    #[error("{device} is no camera's device file. {}", present_text(present))]
    Other {
        /// The file to which the text leads.
        device: String,
        /// Cameras that the system lists.
        present: Vec<String>,
    },
}

/// The number of a camera that is given by its number or, on Linux, by its device file: `/dev/video0`, or a link
/// to it that keeps its name, such as those in `/dev/v4l/by-id`.
pub fn camera_number(text: &str) -> Result<u32, NoCameraName> {
    number_behind(text, |path| fs::canonicalize(path))
}

fn number_behind(
    text: &str,
    follow: impl Fn(&str) -> io::Result<PathBuf>,
) -> Result<u32, NoCameraName> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    // Whether it is there is found out where it is opened, which has more to report.
    if let Some(number) = number_of_device(Path::new(text)) {
        return Ok(number);
    }
    let present = devices();
    if !text.contains('/') {
        return Err(NoCameraName::Text { present });
    }
    match follow(text) {
        Err(source) => Err(NoCameraName::Absent { source, present }),
        Ok(device) => number_of_device(&device).ok_or_else(|| NoCameraName::Other {
            device: device.display().to_string(),
            present,
        }),
    }
}

/// 2 of `/dev/video2`.
fn number_of_device(path: &Path) -> Option<u32> {
    let number = path.to_str()?.strip_prefix("/dev/video")?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_number)
}

/// The compressed format that cameras offer, as V4L2 names it.
const MJPG: &str = "MJPG";

pub(super) fn open(
    index: u32,
    size: Option<(u32, u32)>,
    fps: Option<f64>,
    jpeg: bool,
) -> Result<OpenedReader, OpenError> {
    let policy = CameraRetry::for_os(std::env::consts::OS);
    let asked = CameraRequest { size, fps, jpeg };
    let (reader, first) = policy.run(|| attempt(index, asked, &policy), sleep)?;
    let fps = match &reader {
        Webcam::Pixels(reader) | Webcam::Jpeg(reader) => rate(&reader.capture),
    };
    let info = SourceInfo {
        name: format!("webcam {index}"),
        width: first.size.0,
        height: first.size.1,
        channels: first.channels,
        significant_bits: None,
        fps,
        total_frames: None,
        frames_to_send: None,
        is_live: true,
    };
    Ok(OpenedReader {
        reader: Box::new(reader),
        info,
        kind: SourceBehaviour::Camera,
    })
}

/// What a camera is asked for.
#[derive(Clone, Copy)]
struct CameraRequest {
    size: Option<(u32, u32)>,
    fps: Option<f64>,
    /// Its own JPEGs, unchanged.
    jpeg: bool,
}

/// An open camera.
enum Webcam {
    Pixels(CaptureReader),
    /// OpenCV passes the camera's bytes on, as an image of one row.
    Jpeg(CaptureReader),
}

impl FrameReader for Webcam {
    fn grab(&mut self) -> Result<Grab, ReadFault> {
        match self {
            Webcam::Pixels(reader) | Webcam::Jpeg(reader) => reader.grab(),
        }
    }

    fn retrieve(&mut self) -> Result<FrameContent, ReadFault> {
        match self {
            Webcam::Pixels(reader) => reader.retrieve(),
            Webcam::Jpeg(reader) => {
                let row = reader.image()?;
                let jpeg = CameraJpeg::from_camera(row.data).map_err(|_| ReadFault::Undecodable)?;
                Ok(FrameContent::Jpeg(jpeg))
            }
        }
    }
}

/// Opens the camera, asks for a format and reads one frame, whose size and channels it returns.
fn attempt(
    index: u32,
    asked: CameraRequest,
    policy: &CameraRetry,
) -> Result<(Webcam, ContentShape), FailedAttempt<OpenError>> {
    let name = || format!("webcam {index}");
    let failed = |error: opencv::Error| {
        FailedAttempt::Final(OpenError::OpenCv {
            name: name(),
            reason: error.message,
        })
    };
    let number = i32::try_from(index)
        .map_err(|_| FailedAttempt::Final(diagnose(index, &devices(), None)))?;
    let backend = if cfg!(target_os = "linux") {
        CAP_V4L2
    } else {
        CAP_ANY
    };
    let mut capture = VideoCapture::new(number, backend).map_err(failed)?;
    if !capture.is_opened().map_err(failed)? {
        return Err(not_opened(index));
    }
    let format = configure(&mut capture, asked).map_err(failed)?;
    if asked.jpeg && format != MJPG {
        return Err(FailedAttempt::Final(OpenError::NoCameraJpeg {
            index,
            format,
        }));
    }
    sleep(policy.settle);
    let reader = CaptureReader::new(capture);
    let mut reader = match asked.jpeg {
        true => Webcam::Jpeg(reader),
        false => Webcam::Pixels(reader),
    };
    for _ in 0..=policy.discard {
        if !matches!(reader.grab(), Ok(Grab::Frame(_))) {
            let attempts = policy.attempts;
            return Err(FailedAttempt::Again(OpenError::WebcamSilent {
                index,
                attempts,
            }));
        }
    }
    let attempts = policy.attempts;
    let first = reader.retrieve();
    let first = first.map_err(|fault| no_first_frame(fault, index, attempts));
    let first = first.map_err(FailedAttempt::Again)?;
    Ok((reader, first.shape()))
}

/// Why a camera that opens has no first frame.
fn no_first_frame(fault: ReadFault, index: u32, attempts: u32) -> OpenError {
    let name = format!("webcam {index}");
    match fault {
        ReadFault::Undecodable | ReadFault::Silent | ReadFault::ImageFile { .. } => {
            OpenError::WebcamSilent { index, attempts }
        }
        ReadFault::OpenCv(reason) | ReadFault::Ffmpeg(reason) | ReadFault::Broken(reason) => {
            OpenError::OpenCv { name, reason }
        }
        ReadFault::Image(source) => OpenError::Image { name, source },
    }
}

/// Asks for compressed frames first: at full size, raw ones rarely fit through USB.
///
/// A driver may accept everything and do something else, so what it chose is read back. Returns the
/// format's name.
fn configure(capture: &mut VideoCapture, asked: CameraRequest) -> opencv::Result<String> {
    let CameraRequest { size, fps, jpeg } = asked;
    let mjpg = VideoWriter::fourcc('M', 'J', 'P', 'G')?;
    capture.set(CAP_PROP_FOURCC, f64::from(mjpg))?;
    if let Some((width, height)) = size {
        // They take effect together, once both are there.
        capture.set(CAP_PROP_FRAME_WIDTH, f64::from(width))?;
        capture.set(CAP_PROP_FRAME_HEIGHT, f64::from(height))?;
    }
    if let Some(fps) = fps {
        capture.set(CAP_PROP_FPS, fps)?;
    }
    if jpeg {
        capture.set(CAP_PROP_CONVERT_RGB, 0.0)?;
    }
    let width = capture.get(CAP_PROP_FRAME_WIDTH)? as u32;
    let height = capture.get(CAP_PROP_FRAME_HEIGHT)? as u32;
    let format = fourcc_name(capture.get(CAP_PROP_FOURCC)?);
    tracing::info!(width, height, %format, fps = rate(capture), "webcam configured");
    if size.is_some_and(|size| size != (width, height)) {
        tracing::warn!(asked = ?size, width, height, "the webcam chose another size");
    }
    Ok(format)
}

fn rate(capture: &VideoCapture) -> Option<f64> {
    let fps = capture.get(CAP_PROP_FPS).ok()?;
    (fps.is_finite() && fps > 0.0 && fps <= 1000.0).then_some(fps)
}

fn fourcc_name(code: f64) -> String {
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let bytes = (code as i64 as u32).to_le_bytes();
    if bytes.iter().all(printable) {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    "unknown".to_owned()
}

fn not_opened(index: u32) -> FailedAttempt<OpenError> {
    let device = format!("/dev/video{index}");
    let access = cfg!(target_os = "linux").then(|| File::open(device).map(drop));
    match diagnose(index, &devices(), access) {
        // Another program may be about to close it.
        busy @ OpenError::WebcamUnusable { .. } => FailedAttempt::Again(busy),
        other => FailedAttempt::Final(other),
    }
}

/// Why a camera did not open. `access`: what opening its device file gives, where there is one.
fn diagnose(index: u32, devices: &[String], access: Option<io::Result<()>>) -> OpenError {
    let present = devices.to_vec();
    match access.map(|access| access.map_err(|error| error.kind())) {
        Some(Err(io::ErrorKind::NotFound)) => OpenError::NoSuchWebcam { index, present },
        Some(Err(io::ErrorKind::PermissionDenied)) => OpenError::WebcamPermission {
            device: format!("/dev/video{index}"),
        },
        None if i32::try_from(index).is_err() => OpenError::NoSuchWebcam { index, present },
        _ => OpenError::WebcamUnusable { index, present },
    }
}

/// The camera devices that the system lists, by number.
fn devices() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/dev") else {
        return Vec::new();
    };
    let number = |name: &str| name.strip_prefix("video")?.parse::<u32>().ok();
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| number(&entry.ok()?.file_name().to_string_lossy()))
        .collect();
    numbers.sort_unstable();
    numbers.iter().map(|n| format!("/dev/video{n}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_does_not_open_is_diagnosed() {
        let devices = vec!["/dev/video2".to_owned()];
        let of = |access| diagnose(0, &devices, access);
        let refused = |kind: io::ErrorKind| Some(Err(io::Error::from(kind)));
        let absent = of(refused(io::ErrorKind::NotFound));
        assert!(matches!(absent, OpenError::NoSuchWebcam { .. }));
        assert!(absent.to_string().contains("/dev/video2"));
        let forbidden = of(refused(io::ErrorKind::PermissionDenied));
        let words = forbidden.to_string();
        assert!(words.contains("/dev/video0") && words.contains("group `video`"));
        for unusable in [Some(Ok(())), refused(io::ErrorKind::ResourceBusy), None] {
            assert!(matches!(of(unusable), OpenError::WebcamUnusable { .. }));
        }
        let too_high = diagnose(u32::MAX, &devices, None);
        assert!(matches!(too_high, OpenError::NoSuchWebcam { .. }));
    }

    #[test]
    fn a_camera_may_be_given_by_its_device_file() {
        for (text, number) in [("0", 0), ("12", 12), ("/dev/video7", 7)] {
            assert_eq!(camera_number(text).unwrap(), number);
        }
        let linked = number_behind("/dev/v4l/by-id/usb-rig", |_| Ok("/dev/video3".into()));
        assert_eq!(linked.unwrap(), 3);
        for (text, words) in [
            ("", "neither"),
            ("-1", "neither"),
            ("front", "neither"),
            ("/dev/video", "No such file"),
            ("/dev/video+1", "No such file"),
            ("/dev/null", "/dev/null is no camera's device file"),
            ("/dev/v4l/by-id/none", "No such file"),
        ] {
            let error = camera_number(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn formats_are_named_by_their_letters() {
        let mjpg = f64::from(u32::from_le_bytes(*b"MJPG"));
        assert_eq!(fourcc_name(mjpg), "MJPG");
        for odd in [0.0, -1.0, f64::NAN, 1e300] {
            assert_eq!(fourcc_name(odd), "unknown");
        }
    }
}
