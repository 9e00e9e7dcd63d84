//! The file of predictions that a job writes.

use std::ops::{Deref, DerefMut};

use labels::{LabelsHeader, LabelsOutputs, VideoReference};
use tokio::runtime::Handle;

use super::JobContext;
use crate::files::reader::VideoInfo;
use crate::provenance::provenance;

/// The header of the predictions of a file, which the client calls `name`.
pub(super) fn header(context: &JobContext, name: &str, info: &VideoInfo) -> LabelsHeader {
    let ack = &context.ack;
    LabelsHeader {
        has_moments: false,
        skeleton: ack.skeleton.clone(),
        video: VideoReference {
            filename: name.to_owned(),
            frames: info.total_frames,
            height: info.height,
            width: info.width,
            channels: info.channels,
            fps: info.fps,
            ..VideoReference::default()
        },
        source: None,
        provenance: provenance(name, ack.model.as_ref()),
    }
}

/// Writes the predictions. A job that is dropped does not wait for the disk.
#[derive(Default)]
pub(super) struct LabelsWriter(LabelsOutputs);

impl LabelsWriter {
    /// Writes to these outputs.
    pub(super) fn new(outputs: LabelsOutputs) -> Self {
        Self(outputs)
    }
}

impl Deref for LabelsWriter {
    type Target = LabelsOutputs;

    fn deref(&self) -> &LabelsOutputs {
        &self.0
    }
}

impl DerefMut for LabelsWriter {
    fn deref_mut(&mut self) -> &mut LabelsOutputs {
        &mut self.0
    }
}

impl Drop for LabelsWriter {
    fn drop(&mut self) {
        let outputs = std::mem::take(&mut self.0);
        if !outputs.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(outputs));
        }
    }
}
