//! How the source of `--stream` is read.

use std::time::Duration;

use anyhow::{Result, bail};
use vision::capture::{PixelForm, RawFormat, SourceOptions, StreamFormat};

use crate::command_line::values::size;

/// The format of bare frames.
const RAW: &str = "rawvideo";

/// Options of reading files, pipes and images.
#[derive(Debug, clap::Args)]
pub struct SourceArgs {
    /// Let numbered images (frame_%04d.png) lack numbers: the others keep theirs.
    ///
    /// Otherwise a missing number is an error that names it.
    #[arg(long, help_heading = "Input")]
    pub allow_gaps: bool,

    /// Format of a pipe or file that is not to be detected: rawvideo, y4m, mkv, mjpeg, mpegts, avi, nut, h264, hevc.
    ///
    /// rawvideo is frames one after the other, without any header.
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub format: Option<String>,

    /// Size of the frames of --format rawvideo.
    #[arg(long, value_name = "WxH", value_parser = size, requires = "format", help_heading = "Input")]
    pub size: Option<(u32, u32)>,

    /// Pixel format of the frames of --format rawvideo, by FFmpeg's name: gray, bgr24, rgb24, yuv420p.
    #[arg(long, value_name = "NAME", requires = "format", help_heading = "Input")]
    pub pixel_format: Option<String>,
}

impl SourceArgs {
    /// What the options mean together.
    pub(super) fn options(
        &self,
        reconnect_timeout: Duration,
        pixels: PixelForm,
    ) -> Result<SourceOptions> {
        Ok(SourceOptions {
            pixels,
            allow_gaps: self.allow_gaps,
            format: self.stream_format()?,
            reconnect_timeout,
        })
    }

    fn stream_format(&self) -> Result<Option<StreamFormat>> {
        let Some(name) = self.format.as_deref() else {
            return Ok(None);
        };
        match (name, self.size, self.pixel_format.as_deref()) {
            (RAW, Some((width, height)), Some(pixels)) => {
                match RawFormat::new(width, height, pixels) {
                    Some(format) => Ok(Some(StreamFormat::Raw(format))),
                    None => bail!(
                        "--pixel-format {pixels} is none that FFmpeg has: gray, bgr24, rgb24 and yuv420p are some; \
                         `ffmpeg -pix_fmts` lists all"
                    ),
                }
            }
            (RAW, ..) => bail!(
                "--format rawvideo needs --size WIDTHxHEIGHT and --pixel-format NAME (gray, bgr24, ...)"
            ),
            (_, None, None) => match StreamFormat::named(name) {
                None => bail!(
                    "--format {name} is not known here: give rawvideo, {}",
                    StreamFormat::NAMES.join(", ")
                ),
                known => Ok(known),
            },
            _ => bail!("--size and --pixel-format are for --format rawvideo: {name} has its own"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, size: Option<(u32, u32)>, pixels: Option<&str>) -> Result<String, String> {
        let args = SourceArgs {
            allow_gaps: false,
            format: Some(name.to_owned()),
            size,
            pixel_format: pixels.map(str::to_owned),
        };
        let format = args.stream_format().map_err(|error| error.to_string())?;
        Ok(format!("{format:?}"))
    }

    #[test]
    fn bare_frames_need_a_size_and_a_pixel_format() {
        assert!(of(RAW, Some((4, 2)), Some("gray")).is_ok());
        for (size, pixels) in [(None, Some("gray")), (Some((4, 2)), None), (None, None)] {
            let error = of(RAW, size, pixels).unwrap_err();
            assert!(error.contains("--size WIDTHxHEIGHT"), "{error}");
        }
        let error = of(RAW, Some((4, 2)), Some("grey")).unwrap_err();
        assert!(error.contains("--pixel-format grey is none"), "{error}");
    }

    #[test]
    fn other_formats_are_known_and_have_a_size_of_their_own() {
        assert!(of("y4m", None, None).is_ok());
        let error = of("concat", None, None).unwrap_err();
        assert!(
            error.contains("rawvideo, avi") && error.contains("y4m"),
            "{error}"
        );
        let error = of("mkv", Some((4, 2)), None).unwrap_err();
        assert!(error.contains("for --format rawvideo"), "{error}");
    }
}
