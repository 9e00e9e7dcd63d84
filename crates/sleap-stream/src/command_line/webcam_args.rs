//! Options of cameras of this machine.

use anyhow::{Result, bail};
use vision::capture::CameraSetting;

/// Options of cameras of this machine.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct WebcamArgs {
    /// Set a control of the camera, by its name: exposure=50; of a GenICam camera a feature: ExposureTime=5000.
    ///
    /// Of --camera: features by their GenICam names, in this order; 1 executes a command. Of --webcam: the names are those of its driver, which `sleap-stream cameras --controls` lists with their values;
    /// `exposure` (100 µs each), `focus`, `white_balance` and `zoom` are short for the usual long ones. Controls that switch
    /// something (auto_exposure=manual) are set before numbers. May be repeated.
    #[arg(
        long,
        value_name = "NAME=VALUE",
        requires = "any_camera",
        help_heading = "Input"
    )]
    pub camera_set: Vec<CameraSetting>,

    /// Format in which the camera delivers: MJPG, YUYV, GREY (default: MJPG where it has that).
    #[arg(
        long,
        value_name = "FORMAT",
        value_parser = pixel_format,
        requires = "webcam",
        help_heading = "Input"
    )]
    pub camera_format: Option<String>,
}

/// The four letters by which drivers name a format; short names have fewer.
fn pixel_format(text: &str) -> Result<String> {
    let is_name = (1..=4).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
    if !is_name {
        bail!(
            "a format has a name of up to four letters, such as MJPG, YUYV or GREY; `sleap-stream cameras` lists those of \
             each camera"
        );
    }
    Ok(text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_up_to_four_letters() {
        assert_eq!(pixel_format("yuyv").unwrap(), "YUYV");
        assert_eq!(pixel_format("Y16").unwrap(), "Y16");
        for other in ["", "MJPEG", "a b", "é", "Y16 "] {
            assert!(pixel_format(other).is_err(), "{other:?}");
        }
    }
}
