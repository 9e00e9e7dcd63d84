//! Which camera a name means.

use crate::aravis::{self, Device};
use crate::capture::genicam_error::GenICamError;

/// The library's camera without hardware. Only its own name brings it into the list.
const FAKE: &str = "Fake_1";

/// A camera that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundCamera {
    /// Opens it.
    pub(super) id: String,
    /// What it is called in messages.
    pub(super) name: String,
    /// The library's list has it.
    pub(super) is_listed: bool,
}

/// The camera with this name; without a name the first one.
pub(super) fn find(name: Option<&str>) -> Result<FoundCamera, GenICamError> {
    if name == Some(FAKE) {
        aravis::enable_fake()?;
        return Ok(FoundCamera {
            id: FAKE.to_owned(),
            name: "Aravis Fake 1".to_owned(),
            is_listed: false,
        });
    }
    let devices = aravis::list()?;
    match name {
        None => {
            let is_real = |device: &&Device| device.id != FAKE;
            let first = devices.iter().find(is_real);
            first.map(found).ok_or(GenICamError::None)
        }
        Some(name) => named(name, &devices),
    }
}

fn named(name: &str, devices: &[Device]) -> Result<FoundCamera, GenICamError> {
    let unique = |device: &Device| {
        let names = [
            &device.id,
            &device.serial,
            &device.address,
            &device.hardware,
        ];
        names.into_iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let shared = |device: &Device| device.model.eq_ignore_ascii_case(name);
    let of = |is_it: &dyn Fn(&Device) -> bool| devices.iter().filter(|it| is_it(it)).collect();
    let mut matching: Vec<&Device> = of(&unique);
    if matching.is_empty() {
        matching = of(&shared);
    }
    match matching.as_slice() {
        [device] => Ok(found(device)),
        // A name that its owner has stored in the camera, or an address beyond this network.
        [] => Ok(FoundCamera {
            id: name.to_owned(),
            name: format!("camera {name}"),
            is_listed: false,
        }),
        several => Err(GenICamError::Several {
            name: name.to_owned(),
            present: several.iter().map(|it| label(it)).collect(),
        }),
    }
}

/// Whether a camera that was found before is there; its address may be another one. One that was given by an address
/// beyond this network cannot be looked for.
pub(super) fn is_there(camera: &FoundCamera) -> bool {
    let devices = || aravis::list().unwrap_or_default();
    !camera.is_listed || devices().iter().any(|device| device.id == camera.id)
}

/// The cameras that there are, for an error about one that is not.
pub(super) fn present() -> Vec<String> {
    let devices = aravis::list().unwrap_or_default();
    devices.iter().map(label).collect()
}

fn found(device: &Device) -> FoundCamera {
    FoundCamera {
        id: device.id.clone(),
        name: label(device),
        is_listed: true,
    }
}

/// `Basler acA1300-60gm 21810700`
fn label(device: &Device) -> String {
    let parts = [&device.vendor, &device.model, &device.serial];
    let parts: Vec<&str> = parts
        .into_iter()
        .map(String::as_str)
        .filter(|it| !it.is_empty())
        .collect();
    match parts.as_slice() {
        [] => device.id.clone(),
        parts => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(serial: &str, address: &str) -> Device {
        Device {
            id: format!("Basler-{serial}"),
            hardware: format!("00:11:{serial}"),
            address: address.to_owned(),
            vendor: "Basler".to_owned(),
            model: "acA1300".to_owned(),
            serial: serial.to_owned(),
            protocol: "GigEVision".to_owned(),
        }
    }

    #[test]
    fn a_camera_is_found_by_each_of_its_names() {
        let devices = [device("100", "10.0.0.2"), device("200", "10.0.0.3")];
        for name in ["200", "10.0.0.3", "Basler-200", "00:11:200", "BASLER-200"] {
            let camera = named(name, &devices).unwrap();
            assert_eq!(camera.id, "Basler-200", "{name}");
            assert_eq!(camera.name, "Basler acA1300 200");
        }
        assert_eq!(named("acA1300", &devices[..1]).unwrap().id, "Basler-100");
    }

    #[test]
    fn a_name_of_several_cameras_is_refused_and_an_unknown_one_is_tried() {
        let devices = [device("100", "10.0.0.2"), device("200", "10.0.0.3")];
        let error = named("aca1300", &devices).unwrap_err().to_string();
        assert!(
            error.contains("Basler acA1300 100, Basler acA1300 200"),
            "{error}"
        );
        assert_eq!(named("top-view", &devices).unwrap().id, "top-view");
    }
}
