//! Values of options.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};

/// How frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JpegQuality {
    /// By the camera.
    Camera,
    /// Here, 1 to 100.
    Here(u8),
}

pub(super) fn jpeg_quality(text: &str) -> Result<JpegQuality> {
    match text.parse::<u8>() {
        Ok(quality @ 1..=100) => Ok(JpegQuality::Here(quality)),
        _ if text == "camera" => Ok(JpegQuality::Camera),
        _ => bail!("'{text}' is not a JPEG quality: give 1 to 100, or `camera`"),
    }
}

pub(super) fn milliseconds(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(value) if (1.0..=3_600_000.0).contains(&value) => {
            Ok(Duration::from_secs_f64(value / 1e3))
        }
        _ => bail!("'{text}' is not a number of milliseconds from 1 up"),
    }
}

/// Milliseconds, and parts of one.
pub(super) fn tolerance(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=60_000.0).contains(&value) => Ok(Duration::from_secs_f64(value / 1e3)),
        _ => bail!("'{text}' is not a number of milliseconds from 0 to 60000"),
    }
}

/// As `milliseconds`, and 0.
pub(super) fn milliseconds_or_none(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Duration::ZERO),
        _ => milliseconds(text).map_err(|_| {
            anyhow!("'{text}' is not a number of milliseconds: give 0, or 1 and more")
        }),
    }
}

pub(super) fn size(text: &str) -> Result<(u32, u32)> {
    let parse = |side: &str| {
        side.parse::<u32>()
            .ok()
            .filter(|side| (1..=16_384).contains(side))
    };
    text.split_once(['x', 'X'])
        .and_then(|(width, height)| Some((parse(width)?, parse(height)?)))
        .ok_or_else(|| anyhow!("'{text}' is not a size: give WIDTHxHEIGHT, each from 1 to 16384"))
}

pub(super) fn frame_rate(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 100_000.0 => Ok(rate),
        _ => bail!("'{text}' is not a frame rate: give a number above 0"),
    }
}

/// As `seconds`, and 0.
pub(super) fn seconds_or_none(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(Duration::ZERO),
        _ => seconds(text).map_err(|_| anyhow!("'{text}' is not a number of seconds from 0 up")),
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 86_400.0 => Ok(Duration::from_secs_f64(value)),
        _ => bail!("'{text}' is not a number of seconds above 0"),
    }
}
