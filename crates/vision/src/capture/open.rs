//! Opens a source of any kind.

use std::sync::Arc;

use super::reader::{OpenedReader, SourceBehaviour};
use super::stop::StopSignal;
use super::{Config, OpenError, Source, file, genicam, pattern, webcam};

/// Opens the source of `config`, and counts the frames that it asks for. `stop` ends reads that wait.
pub(super) fn open(config: &Config, stop: &Arc<StopSignal>) -> Result<OpenedReader, OpenError> {
    let mut opened = match &config.source {
        Source::File(path) => file::open(path, &config.options, stop)?,
        source @ Source::Images { files, .. } => file::open_images(source, files, &config.options)?,
        Source::Upload(path) => file::open_upload(path, stop)?,
        Source::Webcam(webcam) => webcam::open(webcam, config, stop)?,
        Source::GenICam(camera) => genicam::open(camera, config, stop)?,
        Source::TestPattern(pattern) => pattern::open(pattern, stop),
        Source::Pushed(name) => return Err(OpenError::Pushed { name: name.clone() }),
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
fn check_ranges(config: &Config, opened: &OpenedReader) -> Result<(), OpenError> {
    let known = match opened.kind {
        SourceBehaviour::Stored { exact, .. } => exact,
        SourceBehaviour::Generated => true,
        SourceBehaviour::Pipe | SourceBehaviour::Stream | SourceBehaviour::Camera => false,
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
