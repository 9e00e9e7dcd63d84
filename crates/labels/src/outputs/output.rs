//! One output.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::csv::CsvWriter;
use crate::error::{CreateError, OutputError, WriteError};
use crate::format::LabelsFormat;
use crate::header::LabelsHeader;
use crate::jsonl::JsonLinesWriter;
use crate::lines::LineTarget;
use crate::new_file::{CreatedFile, create};
use crate::record::PredictionRecord;
use crate::sink::RecordWriter;
use crate::slp::SlpWriter;
use crate::thread::{self, OutputState, OutputStatus, SkippedRecords};

/// A file of labels, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its path, for people.
    pub name: String,
    /// Frames with a prediction.
    pub frames: u64,
    /// Instances in them.
    pub poses: u64,
}

/// One output. Dropping it waits for its thread.
#[derive(Debug)]
pub(crate) struct LabelsOutput {
    pub(crate) name: String,
    /// Its file, which was made for it or emptied.
    pub(crate) made: Option<CreatedFile>,
    /// Frames and instances in it, where it was written again at the end.
    pub(crate) revised: Option<(u64, u64)>,
    /// `None` once the output is to end. Its length is bounded by callers, which ask
    /// [`super::LabelsOutputs::has_room`].
    pub(super) queue: Option<Sender<Arc<PredictionRecord>>>,
    pub(super) shared: Arc<OutputState>,
    /// Its failure was reported.
    pub(super) reported: bool,
    /// That it lacks something was reported.
    pub(super) reported_skipped: bool,
    pub(super) thread: Option<JoinHandle<()>>,
}

impl LabelsOutput {
    pub(super) fn open(
        path: &Path,
        overwrite: bool,
        header: &LabelsHeader,
    ) -> Result<Self, CreateError> {
        let format = LabelsFormat::of(path).ok_or_else(|| CreateError::Format(path.to_owned()))?;
        let live = format == LabelsFormat::StandardOutput;
        let name = match live {
            true => "standard output".to_owned(),
            false => path.display().to_string(),
        };
        let (sink, made) = open_writer(path, format, overwrite, header)?;
        match Self::start(name, sink, live) {
            Ok(mut output) => {
                output.made = made;
                Ok(output)
            }
            Err(error) => {
                made.inspect(CreatedFile::remove);
                Err(refused(path, &error.into()))
            }
        }
    }

    /// `live`: a closed reader is no failure.
    pub(super) fn start(
        name: String,
        sink: Box<dyn RecordWriter + Send>,
        live: bool,
    ) -> io::Result<Self> {
        let (queue, records) = channel();
        let shared = Arc::new(OutputState::default());
        let thread = std::thread::Builder::new().name("output".into()).spawn({
            let shared = Arc::clone(&shared);
            move || thread::run(sink, &records, live, &shared)
        })?;
        Ok(Self {
            name,
            made: None,
            revised: None,
            queue: Some(queue),
            shared,
            reported: false,
            reported_skipped: false,
            thread: Some(thread),
        })
    }

    pub(super) fn send(&self, record: &Arc<PredictionRecord>) {
        let Some(queue) = &self.queue else { return };
        self.shared.queued();
        if queue.send(Arc::clone(record)).is_err() {
            // Its thread has ended; the status has the reason.
            self.shared.taken();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.shared.status(), OutputStatus::Writing)
    }

    pub(super) fn failure(&self) -> Option<OutputError> {
        let name = self.name.clone();
        match self.shared.status() {
            OutputStatus::Failed(error) => Some(OutputError::Failed { name, error }),
            OutputStatus::Abandoned => Some(OutputError::Stuck {
                name,
                records: self.shared.waiting(),
            }),
            OutputStatus::Writing | OutputStatus::Done | OutputStatus::ReaderGone => None,
        }
    }

    pub(super) fn skipped(&self) -> Option<OutputError> {
        let SkippedRecords { records, first } = self.shared.skipped()?;
        Some(OutputError::Skipped {
            name: self.name.clone(),
            records,
            first,
        })
    }

    /// All its failures.
    pub(super) fn lacks(&self) -> impl Iterator<Item = OutputError> + use<> {
        self.failure().into_iter().chain(self.skipped())
    }

    /// Failures that were not reported yet.
    pub(super) fn new_failures(&mut self) -> impl Iterator<Item = OutputError> + use<> {
        let failure = self.failure().filter(|_| !self.reported);
        let skipped = self.skipped().filter(|_| !self.reported_skipped);
        self.reported |= failure.is_some();
        self.reported_skipped |= skipped.is_some();
        failure.into_iter().chain(skipped)
    }

    /// Removes a file without records, and returns its path. The thread must have ended.
    pub(super) fn remove_empty(&self) -> Option<PathBuf> {
        let has_ended = !matches!(
            self.shared.status(),
            OutputStatus::Writing | OutputStatus::Abandoned
        );
        let is_empty = has_ended && self.shared.written() == 0;
        self.made.as_ref().filter(|_| is_empty)?.remove_empty()
    }

    /// What its file holds. `None` where it has no file, or none that is complete.
    pub(super) fn written(&self) -> Option<WrittenFile> {
        let is_whole = matches!(
            self.shared.status(),
            OutputStatus::Done | OutputStatus::Failed(_)
        );
        self.made.as_ref().filter(|_| is_whole)?;
        let written = || (self.shared.written(), self.shared.poses());
        let (frames, poses) = self.revised.unwrap_or_else(written);
        Some(WrittenFile {
            name: self.name.clone(),
            frames,
            poses,
        })
        .filter(|file| file.frames > 0)
    }

    /// Whether it is a file, which can be written again.
    pub(super) fn is_file(&self) -> bool {
        self.made.as_ref().is_some_and(CreatedFile::is_file)
    }

    /// Whether it is a file that holds everything that was to be written to it.
    pub(crate) fn is_complete_file(&self) -> bool {
        let is_done = matches!(self.shared.status(), OutputStatus::Done);
        is_done && self.shared.written() > 0 && self.is_file()
    }

    pub(super) fn join(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.shared.wait_for_end();
        // The thread of an abandoned output may never end.
        if !matches!(self.shared.status(), OutputStatus::Abandoned) {
            // The status has the outcome.
            let _ = thread.join();
        }
    }
}

impl Drop for LabelsOutput {
    fn drop(&mut self) {
        self.join();
    }
}

/// A writer, and the file that was created for it.
pub(crate) type OpenedWriter = (Box<dyn RecordWriter + Send>, Option<CreatedFile>);

/// Opens an output of this format.
pub(crate) fn open_writer(
    path: &Path,
    format: LabelsFormat,
    overwrite: bool,
    header: &LabelsHeader,
) -> Result<OpenedWriter, CreateError> {
    Ok(match format {
        LabelsFormat::StandardOutput => {
            let out = LineTarget::Stream(standard_output());
            (Box::new(JsonLinesWriter::new(out, true)), None)
        }
        LabelsFormat::JsonLines => {
            let (file, made) = create(path, overwrite)?;
            let lines = JsonLinesWriter::new(LineTarget::File(file), false);
            (Box::new(lines), Some(made))
        }
        LabelsFormat::Csv => {
            let (file, made) = create(path, overwrite)?;
            match CsvWriter::new(LineTarget::File(file), header.clone()) {
                Ok(csv) => (Box::new(csv), Some(made)),
                Err(error) => {
                    made.remove();
                    return Err(refused(path, &error));
                }
            }
        }
        LabelsFormat::Slp => {
            let (slp, made) = SlpWriter::begin(path, overwrite, header.clone())?;
            (Box::new(slp), Some(made))
        }
    })
}

/// Standard output.
#[expect(
    clippy::disallowed_methods,
    reason = "poses for programs, as JSON in escapes"
)]
fn standard_output() -> Box<dyn io::Write + Send> {
    Box::new(io::stdout())
}

fn refused(path: &Path, error: &WriteError) -> CreateError {
    CreateError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
