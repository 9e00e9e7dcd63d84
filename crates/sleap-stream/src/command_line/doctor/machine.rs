//! What this machine has for a client: libraries, cameras, a display.

use std::io::Write;

use anyhow::Result;
use cli::doctor::CheckReport;
use vision::Image;
use vision::cameras::{self, Problem};
use vision::jpeg::{Color, JpegDecoder, JpegEncoder, JpegLimits};

pub(super) fn libraries(report: &mut CheckReport<impl Write>) {
    for (name, version) in vision::linked_libraries() {
        report.ok(name, version);
    }
    match jpeg_works() {
        Ok(()) => report.ok("JPEG", "encodes and decodes"),
        Err(error) => report.fail("JPEG", format!("{error:#}"), "build the program again"),
    }
}

fn jpeg_works() -> Result<()> {
    let image = Image::new(16, 16, 3, vec![90; 16 * 16 * 3])?;
    let jpeg = JpegEncoder::new(80)?.encode(&image)?;
    JpegDecoder::new()?.decode(&jpeg, Color::Bgr, &JpegLimits::default())?;
    Ok(())
}

/// `needed`: the camera that has to work.
pub(super) fn cameras(report: &mut CheckReport<impl Write>, needed: Option<u32>) {
    const SUBJECT: &str = "cameras";
    let cameras = cameras::list();
    if cameras.is_empty() && needed.is_none() {
        let advice = "videos and --test-pattern can be streamed; `sleap-stream cameras` says more";
        return report.absent(SUBJECT, "none was found", advice);
    }
    if let Some(index) = needed.filter(|index| cameras.iter().all(|camera| camera.index != *index))
    {
        report.fail(
            SUBJECT,
            format!("there is no camera {index}"),
            "plug it in; `sleap-stream cameras` lists those there are",
        );
    }
    for camera in &cameras {
        let subject = format!("camera {}", camera.index);
        let advice = match &camera.problem {
            None => {
                let jpeg = if camera.has_jpeg() {
                    "MJPG too"
                } else {
                    "no MJPG"
                };
                report.ok(
                    &subject,
                    format!("{}, {} modes, {jpeg}", camera.name, camera.modes.len()),
                );
                continue;
            }
            Some(Problem::Permission { .. }) => cameras::GROUP_ADVICE,
            Some(Problem::Busy { .. }) => "close that program",
            Some(Problem::Other(_)) => "unplug it and plug it in again",
        };
        let found = camera
            .problem
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        match needed == Some(camera.index) {
            true => report.fail(&subject, found, advice),
            false => report.warn(&subject, found, advice),
        }
    }
}

pub(super) fn display(report: &mut CheckReport<impl Write>) {
    match vision::window::probe() {
        Ok(()) => report.ok("display", "--display can be used"),
        Err(error) => report.absent(
            "display",
            format!("--display cannot be used: {error}"),
            "without one, --snapshot FILE.png keeps the last frame with its poses",
        ),
    }
}
