//! What a camera is asked for before it delivers.

use std::io;

use super::WebcamConfig;
use super::diagnose::device_error;
use super::formats::{JPEG, MJPG, PixelKind, code, names};
use crate::cameras::{CaptureDevice, StreamFormat, format_letters};
use crate::capture::retry::FailedAttempt;
use crate::capture::{OpenError, camera_setting};

/// The size that is asked for where none is named.
const USUAL_SIZE: (u32, u32) = (640, 480);

/// Asks for a format, a size and a rate; JPEG where no format is named: at full size, uncompressed frames rarely
/// fit through USB.
///
/// A driver may accept everything and do something else, so what it chose is what counts.
pub(super) fn configure(
    device: &CaptureDevice,
    asked: &WebcamConfig,
    fps: Option<f64>,
) -> Result<StreamFormat, FailedAttempt<OpenError>> {
    let set = |code, size| device.set_format(code, size);
    let format = choose(asked, &device.formats(), set);
    let format = format.map_err(|error| device_error(asked.index, error))?;
    check_format(asked, &format).map_err(FailedAttempt::Final)?;
    if let Some(rate) = wanted_rate(fps, device.rate()) {
        device.set_rate(rate);
    }
    let ((width, height), letters) = (format.size, format_letters(format.code));
    tracing::info!(width, height, format = %letters, fps = device.rate(), "webcam configured");
    if asked.size.is_some_and(|size| size != format.size) {
        tracing::warn!(asked = ?asked.size, width, height, "the webcam chose another size");
    }
    Ok(format)
}

/// The rate to ask for, in frames per second; `found`: the driver's own.
fn wanted_rate(asked: Option<f64>, found: Option<f64>) -> Option<f64> {
    // Some drivers begin with the least that they have.
    const USUAL_RATE: f64 = 30.0;
    let is_slow = found.is_some_and(|found| found < USUAL_RATE);
    asked.or(is_slow.then_some(USUAL_RATE))
}

/// The first of the formats in question that the driver chooses and that is read here; otherwise what the driver
/// chose at last. `listed`: the formats that the driver lists.
fn choose(
    asked: &WebcamConfig,
    listed: &[u32],
    set: impl Fn(u32, (u32, u32)) -> io::Result<StreamFormat>,
) -> io::Result<StreamFormat> {
    let size = asked.size.unwrap_or(USUAL_SIZE);
    if let Some(name) = &asked.format {
        return set(letters(name), size);
    }
    let is_jpeg = |code: &u32| [MJPG, JPEG].contains(code);
    let of_driver = |code: &u32| listed.contains(code) || listed.is_empty();
    let jpeg = [MJPG, JPEG].into_iter().filter(of_driver);
    let others = listed.iter().copied();
    let others = others.filter(|it| !is_jpeg(it) && PixelKind::of(*it).is_some());
    let mut found = None;
    for code in jpeg.chain(others.filter(|_| !asked.jpeg)) {
        let format = set(code, size)?;
        if PixelKind::of(format.code).is_some() {
            return Ok(format);
        }
        found = Some(format);
    }
    found.map_or_else(|| set(MJPG, size), Ok)
}

/// A format by its name; short names end in spaces (`Y16 `).
fn letters(name: &str) -> u32 {
    let mut letters = name.bytes().chain(std::iter::repeat(b' '));
    code(std::array::from_fn(|_| letters.next().unwrap_or(b' ')))
}

/// Checks the format that the driver chose.
fn check_format(asked: &WebcamConfig, format: &StreamFormat) -> Result<(), OpenError> {
    let (index, found) = (asked.index, format_letters(format.code));
    let kind = PixelKind::of(format.code);
    if asked.jpeg && kind != Some(PixelKind::Jpeg) {
        let format = found;
        return Err(OpenError::NoCameraJpeg { index, format });
    }
    match &asked.format {
        Some(wanted) if *wanted != found => Err(OpenError::WebcamFormat {
            index,
            wanted: wanted.clone(),
            found,
        }),
        _ if kind.is_none() => Err(OpenError::WebcamPixels {
            index,
            found,
            read: names().join(", "),
        }),
        _ => Ok(()),
    }
}

/// Sets controls, and says where the driver chose another value.
pub(super) fn set_controls(device: &CaptureDevice, asked: &WebcamConfig) -> Result<(), OpenError> {
    if asked.settings.is_empty() {
        return Ok(());
    }
    let index = asked.index;
    let pairs: Vec<(&str, &str)> = asked.settings.iter().map(camera_setting::pair).collect();
    let set = device.set_controls(&pairs);
    for control in set.map_err(|reason| OpenError::Control { index, reason })? {
        let (name, wanted) = (&control.name, control.wanted);
        match control.found {
            Some(found) if found != wanted => {
                tracing::warn!(control = %name, wanted, found, "the driver chose another value");
            }
            found => tracing::info!(control = %name, value = found, "control set"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cameras::Colours;

    /// What a driver chooses that has these formats and takes the first one for any other.
    fn chosen(asked: &WebcamConfig, formats: &[&[u8; 4]]) -> (StreamFormat, Result<(), OpenError>) {
        let formats: Vec<u32> = formats.iter().map(|it| code(**it)).collect();
        let set = |wanted, size| {
            let has = formats.contains(&wanted);
            Ok(StreamFormat {
                code: if has { wanted } else { formats[0] },
                size,
                stride: 0,
                colours: Colours::default(),
            })
        };
        let format = choose(asked, &formats, set).unwrap();
        (format, check_format(asked, &format))
    }

    #[test]
    fn jpegs_come_first_and_formats_that_are_not_read_are_passed_over() {
        let any = WebcamConfig::default();
        let name = |formats: &[&[u8; 4]]| {
            let (format, checked) = chosen(&any, formats);
            checked.map(|()| format_letters(format.code))
        };
        assert_eq!(name(&[b"YUYV", b"MJPG"]).unwrap(), "MJPG");
        assert_eq!(name(&[b"H264", b"JPEG", b"YUYV"]).unwrap(), "JPEG");
        assert_eq!(name(&[b"H264", b"Y16 "]).unwrap(), "Y16");
        let error = name(&[b"H264"]).unwrap_err();
        assert!(error.to_string().contains("H264"), "{error}");
        assert_eq!(chosen(&any, &[b"YUYV"]).0.size, USUAL_SIZE);
    }

    #[test]
    fn a_driver_that_is_slow_by_itself_is_asked_for_the_usual_rate() {
        assert_eq!(wanted_rate(Some(10.0), Some(60.0)), Some(10.0));
        assert_eq!(wanted_rate(None, Some(5.0)), Some(30.0));
        assert_eq!(wanted_rate(None, Some(60.0)), None);
        assert_eq!(wanted_rate(None, None), None);
    }

    #[test]
    fn what_was_asked_for_and_is_not_there_is_an_error() {
        let jpeg = WebcamConfig {
            jpeg: true,
            ..WebcamConfig::default()
        };
        assert!(chosen(&jpeg, &[b"YUYV", b"JPEG"]).1.is_ok());
        let error = chosen(&jpeg, &[b"YUYV", b"GREY"]).1.unwrap_err();
        assert!(matches!(error, OpenError::NoCameraJpeg { format, .. } if format == "YUYV"));
        let deep = WebcamConfig {
            format: Some("Y10".into()),
            ..WebcamConfig::default()
        };
        assert_eq!(chosen(&deep, &[b"YUYV", b"Y10 "]).0.code, code(*b"Y10 "));
        let error = chosen(&deep, &[b"YUYV"]).1.unwrap_err();
        assert!(matches!(error, OpenError::WebcamFormat { .. }), "{error}");
    }
}
