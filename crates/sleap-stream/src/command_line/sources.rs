//! The sources that the options name.

use anyhow::{Result, bail};
use vision::capture::{Source, WebcamConfig};

use crate::command_line::args::Args;
use crate::command_line::named_source::named_source;
use crate::command_line::values::JpegQuality;

/// The sources that the options name: the cameras of a run, or one source.
pub(super) fn sources(args: &Args) -> Result<Vec<Source>> {
    let is_own_jpeg = args.jpeg_quality == Some(JpegQuality::Camera);
    let live = live(args) != Some(false);
    let webcams = args.webcam.iter().map(|index| {
        Source::Webcam(WebcamConfig {
            index: *index,
            size: args.webcam_size,
            jpeg: is_own_jpeg,
            format: args.webcam_args.camera_format.clone(),
            settings: args.webcam_args.camera_set.clone(),
            every_frame: args.every_frame,
        })
    });
    let settings = &args.webcam_args.camera_set;
    let cameras = args.camera.sources(settings, !live, args.reconnect_timeout);
    let patterns = args.test_pattern.iter().cloned().map(Source::TestPattern);
    let mut sources = named_sources(args)?;
    sources.extend(webcams.chain(cameras).chain(patterns));
    if sources.is_empty() {
        bail!(
            "there is nothing to stream: give a video file, --webcam N, --camera genicam, --test-pattern, or --send-file FILE"
        );
    }
    Ok(sources)
}

/// The sources that `--stream` and the words without an option name. Where `--stream` is given once, further words are
/// images of the same sequence.
fn named_sources(args: &Args) -> Result<Vec<Source>> {
    let words = args.stream_words();
    if let [first, second, ..] = words[..]
        && args.reading.format.is_some()
    {
        bail!("--format is for one file or pipe, and these are several: {first}, {second}");
    }
    match (&args.stream[..], &args.words[..]) {
        ([_, _, ..], []) => words.iter().map(|word| named_source(&[*word])).collect(),
        ([_, _, ..], [word, ..]) => {
            bail!("{word} stands beside several --stream: give --stream {word}")
        }
        _ if words.is_empty() => Ok(Vec::new()),
        _ => Ok(vec![named_source(&words)?]),
    }
}

/// The newest frame wins, or every frame counts; `None`: as suits the source.
pub(super) fn live(args: &Args) -> Option<bool> {
    match (args.live, args.every_frame || args.camera.trigger.is_some()) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}
