//! All outputs of a run.

mod output;
mod revision;

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{CreateError, OutputError};
use crate::header::LabelsHeader;
use crate::new_file::check_all_free;
use crate::record::PredictionRecord;
use crate::thread::{OutputState, OutputStatus, RECORD_QUEUE_LEN};
use output::LabelsOutput;
pub use output::WrittenFile;
use revision::KeptRecords;
pub use revision::Revision;

/// All outputs of a run, each with its own thread.
///
/// Dropping it writes what was taken and waits for that; [`finish`](Self::finish) also returns what
/// failed.
#[derive(Debug, Default)]
pub struct LabelsOutputs {
    outputs: Vec<LabelsOutput>,
    /// What all of them are written again from.
    kept: Option<Box<KeptRecords>>,
}

/// What a run has left in its outputs.
#[derive(Debug, Default)]
pub struct FinishedOutputs {
    /// What outputs lack, and why.
    pub lacking: Vec<OutputError>,
    /// Records that are in every output.
    pub written: u64,
    /// The files that hold records, with how many.
    pub files: Vec<WrittenFile>,
    /// Files without any record, which were removed: they would look like results.
    pub removed: Vec<PathBuf>,
}

/// Ends the wait of [`LabelsOutputs::finish`].
#[derive(Debug, Clone)]
pub struct AbortHandle(Vec<Arc<OutputState>>);

impl AbortHandle {
    /// Abandons outputs that are not complete by now.
    pub fn abort(&self) {
        self.0.iter().for_each(|shared| shared.abandon());
    }
}

impl LabelsOutputs {
    /// Creates all outputs. A file that exists is an error unless `overwrite` is set. After an error
    /// no output is left: files that were created for the others are removed.
    pub fn open(
        paths: &[PathBuf],
        overwrite: bool,
        header: &LabelsHeader,
    ) -> Result<Self, CreateError> {
        check_all_free(paths, overwrite)?;
        let mut outputs = Self::default();
        for path in paths {
            match LabelsOutput::open(path, overwrite, header) {
                Ok(output) => outputs.outputs.push(output),
                Err(error) => {
                    outputs.discard();
                    return Err(error);
                }
            }
        }
        Ok(outputs)
    }

    /// Once the last record is there, `revision` gets all of them, and files are written again with what it
    /// has changed. To be called before the first record; standard output, pipes and devices stay as they are.
    /// `header`: as of [`open`](Self::open).
    pub fn revise_at_end(&mut self, header: LabelsHeader, revision: Revision) {
        if self.outputs.iter().any(LabelsOutput::is_file) {
            self.kept = Some(Box::new(KeptRecords::new(header, revision)));
        }
    }

    /// Ends all outputs and removes files that were made for them.
    pub fn discard(mut self) {
        for output in &mut self.outputs {
            output.join();
            if let Some(made) = output.made.take() {
                made.remove();
            }
        }
    }

    /// Whether there is no output.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// Passes a record to all outputs that still work, without waiting.
    pub fn write(&self, record: PredictionRecord) {
        let record = Arc::new(record);
        if let Some(kept) = &self.kept {
            kept.keep(&record);
        }
        for output in &self.outputs {
            output.send(&record);
        }
    }

    /// Whether more records may be made: no queue is full.
    pub fn has_room(&self) -> bool {
        let full = |output: &LabelsOutput| {
            !output.has_ended() && output.shared.waiting() >= RECORD_QUEUE_LEN
        };
        !self.outputs.iter().any(full)
    }

    /// Waits until no queue is full.
    pub fn wait_for_room(&self) {
        for output in &self.outputs {
            output.shared.wait_for_room();
        }
    }

    /// Failures since the last call; each kind is reported once per output.
    pub fn failures(&mut self) -> Vec<OutputError> {
        self.outputs
            .iter_mut()
            .flat_map(LabelsOutput::new_failures)
            .collect()
    }

    /// True where standard output is the only output and its reader has closed it.
    pub fn reader_is_gone(&self) -> bool {
        let unread =
            |output: &LabelsOutput| matches!(output.shared.status(), OutputStatus::ReaderGone);
        !self.outputs.is_empty() && self.outputs.iter().all(unread)
    }

    /// True where no output is written any more, and at least one of them failed.
    pub fn have_failed(&self) -> bool {
        let broken = |output: &LabelsOutput| output.has_ended();
        let failed =
            |output: &LabelsOutput| matches!(output.shared.status(), OutputStatus::Failed(_));
        self.outputs.iter().all(broken) && self.outputs.iter().any(failed)
    }

    /// Records that are in every output by now.
    pub fn written(&self) -> u64 {
        let written = self.outputs.iter().map(|output| output.shared.written());
        written.min().unwrap_or(0)
    }

    /// A handle that ends the wait of [`finish`](Self::finish).
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(
            self.outputs
                .iter()
                .map(|output| Arc::clone(&output.shared))
                .collect(),
        )
    }

    /// Writes everything that was queued and waits for it. Removes files without any record.
    pub fn finish(mut self) -> FinishedOutputs {
        for output in &mut self.outputs {
            output.queue = None;
        }
        self.outputs.iter_mut().for_each(LabelsOutput::join);
        let kept = self.kept.take();
        let not_revised = kept.map(|kept| kept.revise(&mut self.outputs));
        FinishedOutputs {
            written: self.written(),
            files: self
                .outputs
                .iter()
                .filter_map(LabelsOutput::written)
                .collect(),
            lacking: self
                .outputs
                .iter()
                .flat_map(LabelsOutput::lacks)
                .chain(not_revised.into_iter().flatten())
                .collect(),
            removed: self
                .outputs
                .iter()
                .filter_map(LabelsOutput::remove_empty)
                .collect(),
        }
    }
}

#[cfg(test)]
mod revision_tests;
#[cfg(test)]
mod tests;
