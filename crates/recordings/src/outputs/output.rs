//! One output.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::create::{Made, create};
use crate::csv::Csv;
use crate::error::{CreateError, OutputError, WriteError};
use crate::format::Format;
use crate::header::Header;
use crate::jsonl::JsonLines;
use crate::lines::Out;
use crate::record::Record;
use crate::sink::Sink;
use crate::slp::Slp;
use crate::thread::{self, Shared, Skipped, Status};

/// One output, which ends with its thread when this is dropped.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) name: String,
    /// Its file, which was made for it or emptied.
    pub(super) made: Option<Made>,
    /// `None` once it is to end. What is in it is bounded by whoever asks for room.
    pub(super) queue: Option<Sender<Arc<Record>>>,
    pub(super) shared: Arc<Shared>,
    /// Its failure was told.
    pub(super) told: bool,
    /// That it lacks something was told.
    pub(super) told_skipped: bool,
    pub(super) thread: Option<JoinHandle<()>>,
}

impl Output {
    pub(super) fn open(path: &Path, overwrite: bool, header: &Header) -> Result<Self, CreateError> {
        let format = Format::of(path).ok_or_else(|| CreateError::Form(path.to_owned()))?;
        let live = format == Format::StandardOutput;
        let name = match live {
            true => "standard output".to_owned(),
            false => path.display().to_string(),
        };
        let (sink, made) = sink(path, format, overwrite, header)?;
        match Self::start(name, sink, live) {
            Ok(mut output) => {
                output.made = made;
                Ok(output)
            }
            Err(error) => {
                made.inspect(Made::remove);
                Err(refused(path, &error.into()))
            }
        }
    }

    /// `live`: a reader that goes is no failure.
    pub(super) fn start(name: String, sink: Box<dyn Sink + Send>, live: bool) -> io::Result<Self> {
        let (queue, records) = channel();
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("output".into()).spawn({
            let shared = Arc::clone(&shared);
            move || thread::run(sink, &records, live, &shared)
        })?;
        Ok(Self {
            name,
            made: None,
            queue: Some(queue),
            shared,
            told: false,
            told_skipped: false,
            thread: Some(thread),
        })
    }

    pub(super) fn send(&self, record: &Arc<Record>) {
        let Some(queue) = &self.queue else { return };
        self.shared.queued();
        if queue.send(Arc::clone(record)).is_err() {
            // Its thread has ended; the status says why.
            self.shared.taken();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.shared.status(), Status::Writing)
    }

    pub(super) fn failure(&self) -> Option<OutputError> {
        let name = self.name.clone();
        match self.shared.status() {
            Status::Failed(error) => Some(OutputError::Failed { name, error }),
            Status::GivenUp => Some(OutputError::Stuck {
                name,
                records: self.shared.waiting(),
            }),
            Status::Writing | Status::Done | Status::Unread => None,
        }
    }

    pub(super) fn skipped(&self) -> Option<OutputError> {
        let Skipped { records, first } = self.shared.skipped()?;
        Some(OutputError::Skipped {
            name: self.name.clone(),
            records,
            first,
        })
    }

    /// Everything that is wrong with it.
    pub(super) fn lacks(&self) -> impl Iterator<Item = OutputError> + use<> {
        self.failure().into_iter().chain(self.skipped())
    }

    /// What was not told yet.
    pub(super) fn news(&mut self) -> impl Iterator<Item = OutputError> + use<> {
        let failure = self.failure().filter(|_| !self.told);
        let skipped = self.skipped().filter(|_| !self.told_skipped);
        self.told |= failure.is_some();
        self.told_skipped |= skipped.is_some();
        failure.into_iter().chain(skipped)
    }

    /// Removes a file that has come to hold no record, and says which. The thread must have ended.
    pub(super) fn remove_empty(&self) -> Option<PathBuf> {
        let has_ended = !matches!(self.shared.status(), Status::Writing | Status::GivenUp);
        let is_empty = has_ended && self.shared.written() == 0;
        self.made.as_ref().filter(|_| is_empty)?.remove_empty()
    }

    pub(super) fn join(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.shared.wait_for_end();
        // A thread that was given up may be stuck for ever.
        if !matches!(self.shared.status(), Status::GivenUp) {
            // It has said how it ended.
            let _ = thread.join();
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.join();
    }
}

/// What writes records in this form.
type Begun = (Box<dyn Sink + Send>, Option<Made>);

/// Begins a file of this form.
fn sink(
    path: &Path,
    format: Format,
    overwrite: bool,
    header: &Header,
) -> Result<Begun, CreateError> {
    Ok(match format {
        Format::StandardOutput => {
            let out = Out::Stream(standard_output());
            (Box::new(JsonLines::new(out, true)), None)
        }
        Format::JsonLines => {
            let (file, made) = create(path, overwrite)?;
            let lines = JsonLines::new(Out::File(file), false);
            (Box::new(lines), Some(made))
        }
        Format::Csv => {
            let (file, made) = create(path, overwrite)?;
            match Csv::new(Out::File(file), header.clone()) {
                Ok(csv) => (Box::new(csv), Some(made)),
                Err(error) => {
                    made.remove();
                    return Err(refused(path, &error));
                }
            }
        }
        Format::Slp => {
            let (slp, made) = Slp::begin(path, overwrite, header.clone())?;
            (Box::new(slp), Some(made))
        }
    })
}

/// What programs read.
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
