//! How pixels are sent, as the options say.

use anyhow::{Result, bail};
use vision::cameras::JPEG;

use crate::command_line::args::Args;
use crate::command_line::values::JpegQuality;
use crate::config::{PixelEncoding, is_path};

/// JPEG quality where the options name none, but raw pixels would not do.
const DEFAULT_QUALITY: u8 = 80;

/// The encoding that the options mean together.
pub(super) fn encoding(args: &Args) -> Result<PixelEncoding> {
    if args.max_latency.is_some() {
        let is_file = args.stream_words().into_iter().any(is_path);
        let is_triggered = args.camera.trigger.is_some();
        if args.every_frame || ((is_file || is_triggered) && !args.live) {
            bail!("--max-latency is for live streams; add --live to let the newest frame win");
        }
        if args.jpeg_quality == Some(JpegQuality::Camera) {
            bail!(
                "--max-latency cannot make a camera's own JPEGs smaller: give --jpeg-quality a number"
            );
        }
    }
    match args.jpeg_quality {
        Some(JpegQuality::Camera) if args.webcam.is_empty() || !args.camera.camera.is_empty() => {
            bail!("--jpeg-quality camera is for --webcam: other sources make no JPEGs")
        }
        Some(JpegQuality::Camera) if has_other_format(args) => {
            bail!(
                "--jpeg-quality camera sends the camera's own JPEGs: leave out --camera-format, or give MJPG"
            )
        }
        Some(JpegQuality::Camera) if args.resize.is_some() => {
            bail!(
                "--jpeg-quality camera sends what the camera makes: --webcam-size changes its size, --resize cannot"
            )
        }
        Some(JpegQuality::Camera) => Ok(PixelEncoding::Camera),
        Some(JpegQuality::Here(quality)) => Ok(PixelEncoding::Jpeg(quality)),
        None if args.max_latency.is_some() => {
            tracing::info!(
                quality = DEFAULT_QUALITY,
                "--max-latency sends JPEG instead of raw pixels"
            );
            Ok(PixelEncoding::Jpeg(DEFAULT_QUALITY))
        }
        None => Ok(PixelEncoding::Raw),
    }
}

/// The camera is to deliver in a format that is no JPEG.
fn has_other_format(args: &Args) -> bool {
    let format = args.webcam_args.camera_format.as_deref();
    format.is_some_and(|format| !JPEG.contains(&format))
}
