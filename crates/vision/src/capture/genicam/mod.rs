//! GenICam cameras as a source: GigE Vision and USB3 Vision.

mod clock;
mod find;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod pixels;
mod reader;
mod region;
mod session;
mod setting;
mod trigger;
mod unpack;
mod yuv;

use std::sync::Arc;
use std::time::Duration;

use super::camera_setting::CameraSetting;
use super::reader::{OpenedReader, SourceBehaviour};
use super::stop::StopSignal;
use super::{Config, OpenError, SourceInfo};
use find::find;
use reader::GenICamReader;
use session::Session;

pub(super) use pixels::demosaic;

pub use crate::aravis::AravisMissing;
pub use region::{CameraBinning, CameraBinningError, CameraRegion, CameraRegionError};
pub use trigger::{CameraTrigger, CameraTriggerError};

/// A GenICam camera, and how it is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GenICamConfig {
    /// Its serial number, its address in the network, its model, or a name that is stored in it; `None` for the
    /// first one that is found.
    pub camera: Option<String>,
    /// Features to set, in this order.
    pub settings: Vec<CameraSetting>,
    /// The part of its sensor to read; `None` leaves it as it is.
    pub region: Option<CameraRegion>,
    /// Pixels of its sensor that are read as one; `None` leaves them as they are.
    pub binning: Option<CameraBinning>,
    /// What makes it take a frame; `None` for a camera that runs by itself.
    pub trigger: Option<CameraTrigger>,
    /// Each of its frames is delivered; otherwise the newest one.
    pub every_frame: bool,
    /// How long it is looked for when it was lost.
    pub reconnect_timeout: Duration,
}

pub(super) fn open(
    camera: &GenICamConfig,
    config: &Config,
    stop: &Arc<StopSignal>,
) -> Result<OpenedReader, OpenError> {
    let found = find(camera.camera.as_deref())?;
    let session = Session::open(camera, &found, config.fps)?;
    let shape = session.shape;
    if camera.trigger.is_none() {
        session.start()?;
        let first = session.first_frame()?;
        session.stream.give_back(first);
    }
    let info = SourceInfo {
        name: session.name.clone(),
        width: shape.width,
        height: shape.height,
        channels: shape.channels,
        significant_bits: Some(shape.significant_bits).filter(|bits| *bits > 8),
        fps: session.rate,
        total_frames: None,
        frames_to_send: None,
        is_live: true,
    };
    let reader = GenICamReader::new((camera, config), found, Arc::clone(stop), session);
    Ok(OpenedReader {
        reader: Box::new(reader),
        info,
        kind: SourceBehaviour::Camera,
    })
}
