//! GenICam cameras: GigE Vision and USB3 Vision.

use crate::aravis::format::PixelFormat;
use crate::aravis::{self, AravisMissing, CallErrorKind, Camera, Device};

/// A GenICam camera.
#[derive(Debug, Clone, PartialEq)]
pub struct GenICamCamera {
    /// What opens it: `--camera genicam:` and this.
    pub key: String,
    /// Its maker.
    pub vendor: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// Its address in the network; empty where it has none.
    pub address: String,
    /// `GigEVision`, `USB3Vision`.
    pub protocol: String,
    /// The pixel formats that it offers now; whether each is read here.
    pub formats: Vec<(String, bool)>,
    /// The size of its frames as it is set now.
    pub size: (u32, u32),
    /// The largest frames that can be set.
    pub largest: (u32, u32),
    /// The least and the most frames per second, where that can be set.
    pub rates: Option<(f64, f64)>,
    /// Why it cannot be used now.
    pub problem: Option<String>,
}

/// The version of the library that opens GenICam cameras.
pub fn genicam_library() -> Result<String, AravisMissing> {
    aravis::version()
}

/// The GenICam cameras that are found within a second.
pub fn genicam() -> Result<Vec<GenICamCamera>, AravisMissing> {
    let devices = aravis::list()?;
    Ok(devices.into_iter().map(described).collect())
}

fn described(device: Device) -> GenICamCamera {
    let key = match device.serial.is_empty() {
        true => device.id.clone(),
        false => device.serial.clone(),
    };
    let mut camera = GenICamCamera {
        key,
        vendor: device.vendor,
        model: device.model,
        serial: device.serial,
        address: device.address,
        protocol: device.protocol,
        formats: Vec::new(),
        size: (0, 0),
        largest: (0, 0),
        rates: None,
        problem: None,
    };
    match Camera::open(&device.id) {
        Ok(open) => describe(&mut camera, &open),
        Err(error) if error.kind == CallErrorKind::Busy => camera.problem = Some(busy()),
        Err(error) => camera.problem = Some(format!("it cannot be opened: {error}")),
    }
    camera
}

fn busy() -> String {
    "busy: another program controls it. Close that program, then try again".to_owned()
}

fn describe(camera: &mut GenICamCamera, open: &Camera) {
    let formats = open.entries("PixelFormat").unwrap_or_default();
    let formats = formats.into_iter().map(|name| {
        let is_read = PixelFormat::by_name(&name).is_some();
        (name, is_read)
    });
    camera.formats = formats.collect();
    let side = |value: Option<i64>| {
        value
            .and_then(|it| u32::try_from(it).ok())
            .unwrap_or_default()
    };
    let now = |feature| side(open.integer(feature).ok());
    let most = |feature| side(open.integer_bounds(feature).ok().map(|it| it.1));
    camera.size = (now("Width"), now("Height"));
    camera.largest = (most("Width"), most("Height"));
    camera.rates = open.frame_rate_bounds().ok();
    if !open.is_controlled() {
        camera.problem = Some(busy());
    }
}
