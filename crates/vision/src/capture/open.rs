//! Opens a source of any kind.

use super::reader::{Nature, Opened};
use super::{Config, OpenError, Source, file, pattern, webcam};

/// Opens the source of `config`, and counts the frames that it asks for.
pub(super) fn open(config: &Config) -> Result<Opened, OpenError> {
    let mut opened = match &config.source {
        Source::File(path) => file::open(path)?,
        Source::Upload(path) => file::open_upload(path)?,
        Source::Webcam { index, size, jpeg } => webcam::open(*index, *size, config.fps, *jpeg)?,
        Source::TestPattern(pattern) => pattern::open(pattern),
    };
    let selection = &config.selection;
    opened.info.frames_to_send = match opened.info.total_frames {
        Some(total) => Some(selection.count(total)),
        None => selection.count_endless(),
    };
    check_ranges(config, &opened)?;
    Ok(opened)
}

/// Refuses ranges beyond the end where the end is known.
fn check_ranges(config: &Config, opened: &Opened) -> Result<(), OpenError> {
    let known = match opened.nature {
        Nature::Stored { exact, .. } => exact,
        Nature::Generated => true,
        Nature::Stream | Nature::Camera => false,
    };
    let Some(total) = opened.info.total_frames.filter(|_| known) else {
        return Ok(());
    };
    let beyond = config.selection.ranges.iter().find(|r| *r.end() >= total);
    match beyond {
        None => Ok(()),
        Some(range) => Err(OpenError::RangeBeyondEnd {
            name: opened.info.name.clone(),
            start: *range.start(),
            end: *range.end(),
            total,
        }),
    }
}
