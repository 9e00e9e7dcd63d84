//! Cameras of this machine.

#[cfg(target_os = "linux")]
mod camera;
#[cfg(target_os = "linux")]
mod configure;
mod diagnose;
#[cfg(target_os = "linux")]
mod driver_clock;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod formats;
mod name;
#[cfg(target_os = "linux")]
mod newest;
#[cfg(target_os = "linux")]
mod pixels;
#[cfg(target_os = "linux")]
mod sequence;

use std::sync::Arc;
use std::thread::sleep;

use super::camera_setting::CameraSetting;
use super::reader::{FrameReader, Grab, OpenedReader, ReadFault, SourceBehaviour};
use super::retry::{CameraRetry, FailedAttempt};
use super::stop::StopSignal;
use super::{Config, FrameContent, OpenError, SourceInfo};
#[cfg(target_os = "linux")]
use camera::Webcam;
use diagnose::no_first_frame;
#[cfg(not(target_os = "linux"))]
use elsewhere::Webcam;

pub use name::{NoCameraName, camera_number};

/// So many frames after opening may be damaged: what some cameras send first is cut off.
const MAX_DAMAGED: u32 = 10;

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

pub(super) fn open(
    webcam: &WebcamConfig,
    config: &Config,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let policy = CameraRetry::for_os(std::env::consts::OS);
    let (camera, first) = policy.run(|| attempt(webcam, config, stop, &policy), sleep)?;
    let shape = first.shape();
    let info = SourceInfo {
        name: format!("webcam {}", webcam.index),
        width: shape.size.0,
        height: shape.size.1,
        channels: shape.channels,
        significant_bits: match first {
            FrameContent::Deep(deep) => Some(deep.significant_bits()),
            _ => None,
        },
        fps: camera.rate(),
        total_frames: None,
        frames_to_send: None,
        is_live: true,
    };
    Ok(OpenedReader {
        reader: Box::new(camera),
        info,
        kind: SourceBehaviour::Camera,
    })
}

/// Opens the camera and reads one frame.
fn attempt(
    webcam: &WebcamConfig,
    config: &Config,
    stop: &Arc<StopSignal>,
    policy: &CameraRetry,
) -> Result<(Webcam, FrameContent), FailedAttempt<OpenError>> {
    let (index, attempts) = (webcam.index, policy.attempts);
    let silent = || FailedAttempt::Again(OpenError::WebcamSilent { index, attempts });
    let mut camera = Webcam::open(webcam, config, stop)?;
    sleep(policy.settle);
    for _ in 0..policy.discard {
        if !matches!(camera.grab(), Ok(Grab::Frame(_))) {
            return Err(silent());
        }
    }
    let mut damaged = 0;
    loop {
        if !matches!(camera.grab(), Ok(Grab::Frame(_))) {
            return Err(silent());
        }
        match camera.retrieve() {
            Ok(first) => return Ok((camera, first)),
            Err(ReadFault::Undecodable) if damaged < MAX_DAMAGED => damaged += 1,
            Err(fault) => return Err(FailedAttempt::Again(no_first_frame(fault, index, attempts))),
        }
    }
}
