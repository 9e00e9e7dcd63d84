//! Files that are written again once all records are there.
//!
//! What is known of a frame while it is written is what came before it. A [`Revision`] sees all records when the
//! last one is there, and may change them; each file is then replaced by one with the changed records. A
//! process that is killed before leaves the files as they were written.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use atomic_file::draft_beside;

use crate::error::{OutputError, WriteError};
use crate::format::LabelsFormat;
use crate::header::LabelsHeader;
use crate::new_file::CreatedFile;
use crate::record::PredictionRecord;

use super::output::{LabelsOutput, open_writer};

/// Changes all records, which come in the order of their frames. Returns whether it changed any.
///
/// # Errors
/// Why it cannot be done, as the end of a sentence.
pub type Revision = Box<dyn FnOnce(&mut [PredictionRecord]) -> Result<bool, String> + Send>;

/// Memory of the records that are kept, bytes: some hours of ten animals with fifteen nodes.
const MAX_KEPT_BYTES: usize = 4 << 30;

/// Bytes that a writer collects before they are passed on.
const FLUSH_BYTES: usize = 1 << 20;

/// The records of all frames so far, and what is to be done with them.
pub(crate) struct KeptRecords {
    records: Mutex<State>,
    header: LabelsHeader,
    /// Locked once, at the end.
    revision: Mutex<Revision>,
}

enum State {
    Kept {
        records: Vec<Arc<PredictionRecord>>,
        bytes: usize,
    },
    /// They took too much memory, and are not kept any more.
    TooMany,
}

impl std::fmt::Debug for KeptRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptRecords").finish_non_exhaustive()
    }
}

impl KeptRecords {
    pub(crate) fn new(header: LabelsHeader, revision: Revision) -> Self {
        Self {
            records: Mutex::new(State::Kept {
                records: Vec::new(),
                bytes: 0,
            }),
            header,
            revision: Mutex::new(revision),
        }
    }

    pub(crate) fn keep(&self, record: &Arc<PredictionRecord>) {
        // A list with one record fewer is still a list.
        let mut state = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Kept { records, bytes } = &mut *state {
            records.push(Arc::clone(record));
            *bytes += record.bytes();
            if *bytes > MAX_KEPT_BYTES {
                *state = State::TooMany;
            }
        }
    }

    /// Changes the records and writes the files again. Returns what could not be done.
    pub(crate) fn revise(self, outputs: &mut [LabelsOutput]) -> Vec<OutputError> {
        let complete = |output: &&mut LabelsOutput| output.is_complete_file();
        let files: Vec<&mut LabelsOutput> = outputs.iter_mut().filter(complete).collect();
        if files.is_empty() {
            return Vec::new();
        }
        let failed = |output: &LabelsOutput, reason: &str| OutputError::NotRevised {
            name: output.name.clone(),
            reason: reason.to_owned(),
        };
        let state = self.records.into_inner();
        let revision = self.revision.into_inner();
        let revision = revision.unwrap_or_else(PoisonError::into_inner);
        let records = match state.unwrap_or_else(PoisonError::into_inner) {
            State::Kept { records, .. } => revised(records, revision),
            State::TooMany => Err(format!(
                "the poses of all frames take more than {} GiB of memory",
                MAX_KEPT_BYTES >> 30
            )),
        };
        let records = match records {
            Ok(None) => return Vec::new(),
            Ok(Some(records)) => records,
            Err(reason) => return files.iter().map(|file| failed(file, &reason)).collect(),
        };
        let mut header = self.header;
        let note = ("tracks".to_owned(), "of the whole video".to_owned());
        header.provenance.push(note);
        let again = |output: &mut LabelsOutput| {
            let written = write_again(output, &header, &records);
            written
                .err()
                .map(|error| failed(output, &error.to_string()))
        };
        files.into_iter().filter_map(again).collect()
    }
}

/// The changed records; `None` where nothing changes.
fn revised(
    records: Vec<Arc<PredictionRecord>>,
    revision: Revision,
) -> Result<Option<Vec<PredictionRecord>>, String> {
    let mut records: Vec<_> = records.into_iter().map(Arc::unwrap_or_clone).collect();
    records.sort_by_key(|record| record.prediction.frame_id);
    let changed = revision(&mut records)?;
    Ok(changed.then_some(records))
}

/// Writes a file with these records beside the one that is there, and puts it in its place.
fn write_again(
    output: &mut LabelsOutput,
    header: &LabelsHeader,
    records: &[PredictionRecord],
) -> Result<(), WriteError> {
    let Some(path) = output.made.as_ref().and_then(CreatedFile::target) else {
        let gone = "another program has moved it";
        return Err(std::io::Error::other(gone).into());
    };
    let Some(format) = LabelsFormat::of(&path) else {
        return Ok(());
    };
    let draft = draft_beside(&path)?.into_temp_path();
    let refused = |error: crate::CreateError| std::io::Error::other(error.to_string());
    let (mut writer, _made) = open_writer(&draft, format, true, header).map_err(refused)?;
    let (mut frames, mut poses) = (0, 0);
    for record in records {
        match writer.write(record) {
            // It was reported when the record came.
            Err(error) if error.is_of_record() => continue,
            written => written?,
        }
        frames += 1;
        poses += record.prediction.instances.len() as u64;
        if writer.waiting() > FLUSH_BYTES {
            writer.flush()?;
        }
    }
    writer.end()?;
    drop(writer);
    fs::set_permissions(&draft, fs::metadata(&path)?.permissions())?;
    draft.persist(&path).map_err(|failed| failed.error)?;
    output.revised = Some((frames, poses));
    Ok(())
}
