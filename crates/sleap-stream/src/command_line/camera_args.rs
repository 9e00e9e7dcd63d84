//! Options of cameras with a GenICam description.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use vision::capture::{
    CameraBinning, CameraRegion, CameraSetting, CameraTrigger, GenICamConfig, Source,
};

/// The word before a camera's name.
const KIND: &str = "genicam";

/// What `--camera` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraName {
    /// The first camera that is found, where it is `None`.
    pub name: Option<String>,
}

impl FromStr for CameraName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = match text.split_once(':') {
            None if text == KIND => None,
            Some((KIND, name)) if !name.is_empty() => Some(name.to_owned()),
            _ => bail!(
                "'{text}' is no camera: give genicam for the first one that is found, or genicam:NAME with its serial \
                 number, address or model. --webcam N takes other cameras"
            ),
        };
        Ok(Self { name })
    }
}

impl fmt::Display for CameraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{KIND}:{name}"),
            None => f.write_str(KIND),
        }
    }
}

/// Options of cameras with a GenICam description.
#[derive(Debug, clap::Args)]
pub struct CameraArgs {
    /// GenICam camera to stream (GigE Vision, USB3 Vision): genicam for the first one, or genicam:NAME.
    ///
    /// NAME is its serial number, address or model. The newest frame wins. It needs the library Aravis; `sleap-stream
    /// cameras` lists the cameras. May be repeated, as --webcam.
    #[arg(
        long,
        value_name = "genicam[:NAME]",
        conflicts_with_all = ["test_pattern", "send_file"],
        help_heading = "Input"
    )]
    pub camera: Vec<CameraName>,

    /// Part of the camera's sensor to read: its middle, or from column X and row Y on.
    #[arg(
        long,
        value_name = "WxH[+X+Y]",
        requires = "camera",
        help_heading = "Input"
    )]
    pub camera_roi: Option<CameraRegion>,

    /// Pixels of the camera's sensor to read as one, in both directions or in columns and rows.
    #[arg(
        long,
        value_name = "N|HxV",
        requires = "camera",
        help_heading = "Input"
    )]
    pub camera_binning: Option<CameraBinning>,

    /// Take a frame of the camera for each trigger only: a signal at its input, or one of this program.
    ///
    /// Every frame is sent, as with --every-frame, and has the trigger's number; a missed one is an error at the end.
    /// Software triggers come at the rate of --fps.
    #[arg(
        long,
        value_name = "hardware:LINE|software",
        requires = "camera",
        help_heading = "Input"
    )]
    pub trigger: Option<CameraTrigger>,
}

impl CameraArgs {
    /// The cameras that are named, as sources.
    pub(super) fn sources(
        &self,
        settings: &[CameraSetting],
        every_frame: bool,
        reconnect_timeout: Duration,
    ) -> Vec<Source> {
        let source = |camera: &CameraName| {
            Source::GenICam(GenICamConfig {
                camera: camera.name.clone(),
                settings: settings.to_vec(),
                region: self.camera_roi,
                binning: self.camera_binning,
                trigger: self.trigger.clone(),
                every_frame,
                reconnect_timeout,
            })
        };
        self.camera.iter().map(source).collect()
    }

    /// Refuses a rate that a camera cannot have.
    pub(super) fn check_rate(&self, fps: Option<f64>) -> Result<()> {
        if let (Some(CameraTrigger::Hardware(line)), Some(_)) = (&self.trigger, fps) {
            bail!("--fps has no effect on triggers at {line}: leave it out");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_named_after_its_kind() {
        for (text, name) in [
            ("genicam", None),
            ("genicam:GV01", Some("GV01")),
            ("genicam:00:11:22", Some("00:11:22")),
        ] {
            let camera: CameraName = text.parse().unwrap();
            assert_eq!(camera.name.as_deref(), name);
            assert_eq!(camera.to_string(), text);
        }
        for text in ["", "0", "genicam:", "usb:1"] {
            let error = text.parse::<CameraName>().unwrap_err().to_string();
            assert!(error.contains("--webcam N"), "{text}: {error}");
        }
    }
}
