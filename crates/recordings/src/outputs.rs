//! All outputs of a run.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::create::{check_all_free, create};
use crate::csv::Csv;
use crate::jsonl::JsonLines;
use crate::lines::Out;
use crate::slp::Slp;
use crate::thread::{self, QUEUE, Shared, Skipped, Status};
use crate::{CreateError, Header, OutputError, Record, Sink, WriteError};

/// What the names of outputs are to be like, for people.
pub const FORMS: &str = "the name must end in .slp, .csv or .jsonl, or be - for standard output";

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines in a file.
    JsonLines,
    /// JSON lines on standard output.
    StandardOutput,
    /// sleap-io's `instances` columns.
    Csv,
    /// SLEAP's labels.
    Slp,
}

impl Format {
    /// What a name stands for, by its end; `None` where it says nothing that is known.
    pub fn of(path: &Path) -> Option<Format> {
        if path.as_os_str() == "-" {
            return Some(Format::StandardOutput);
        }
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" => Some(Format::JsonLines),
            "csv" => Some(Format::Csv),
            "slp" => Some(Format::Slp),
            _ => None,
        }
    }
}

/// All outputs of a run, each with a thread of its own.
///
/// Dropping it writes what was taken and waits for that; [`finish`](Self::finish) also says how it
/// went.
#[derive(Debug, Default)]
pub struct Outputs(Vec<Output>);

#[derive(Debug)]
struct Output {
    name: String,
    /// Where it is, if it was not there before.
    new: Option<PathBuf>,
    /// `None` once it is to end. What is in it is bounded by whoever asks for room.
    queue: Option<Sender<Arc<Record>>>,
    shared: Arc<Shared>,
    /// Its failure was told.
    told: bool,
    /// That it lacks something was told.
    told_skipped: bool,
    thread: Option<JoinHandle<()>>,
}

/// Ends the wait of [`Outputs::finish`].
#[derive(Debug, Clone)]
pub struct Patience(Vec<Arc<Shared>>);

impl Patience {
    /// Outputs that are not written by now are given up.
    pub fn end(&self) {
        self.0.iter().for_each(|shared| shared.give_up());
    }
}

impl Outputs {
    /// Begins all outputs. A file that exists is an error unless `overwrite` is set; then none is
    /// begun, and what was created for others is gone again.
    pub fn open(paths: &[PathBuf], overwrite: bool, header: &Header) -> Result<Self, CreateError> {
        check_all_free(paths, overwrite)?;
        let mut outputs = Self::default();
        for path in paths {
            match Output::open(path, overwrite, header) {
                Ok(output) => outputs.0.push(output),
                Err(error) => {
                    outputs.discard();
                    return Err(error);
                }
            }
        }
        Ok(outputs)
    }

    /// Ends all outputs and removes files that were not there before.
    pub fn discard(mut self) {
        for output in &mut self.0 {
            output.join();
            if let Some(path) = &output.new {
                remove(path);
            }
        }
    }

    /// Whether nothing is written anywhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands a record to all outputs that still work, without waiting.
    pub fn write(&self, record: Record) {
        let record = Arc::new(record);
        for output in &self.0 {
            output.send(&record);
        }
    }

    /// Whether more records may be made: no queue is full.
    pub fn has_room(&self) -> bool {
        let full = |output: &Output| !output.has_ended() && output.shared.waiting() >= QUEUE;
        !self.0.iter().any(full)
    }

    /// Waits until no queue is full.
    pub fn wait_for_room(&self) {
        for output in &self.0 {
            output.shared.wait_for_room();
        }
    }

    /// What has become wrong with outputs since this was asked last: each kind once an output.
    pub fn failures(&mut self) -> Vec<OutputError> {
        self.0.iter_mut().flat_map(Output::news).collect()
    }

    /// True where predictions only went to a reader that has gone.
    pub fn nobody_reads(&self) -> bool {
        let unread = |output: &Output| matches!(output.shared.status(), Status::Unread);
        !self.0.is_empty() && self.0.iter().all(unread)
    }

    /// True where nothing is written any more, and a failure is part of why.
    pub fn have_failed(&self) -> bool {
        let broken = |output: &Output| output.has_ended();
        let failed = |output: &Output| matches!(output.shared.status(), Status::Failed(_));
        self.0.iter().all(broken) && self.0.iter().any(failed)
    }

    /// What ends the wait of [`finish`](Self::finish).
    pub fn patience(&self) -> Patience {
        Patience(
            self.0
                .iter()
                .map(|output| Arc::clone(&output.shared))
                .collect(),
        )
    }

    /// Writes everything that was taken, waits for it, and says what any output lacks.
    pub fn finish(mut self) -> Vec<OutputError> {
        for output in &mut self.0 {
            output.queue = None;
        }
        self.0.iter_mut().for_each(Output::join);
        self.0.iter().flat_map(Output::lacks).collect()
    }
}

impl Output {
    fn open(path: &Path, overwrite: bool, header: &Header) -> Result<Self, CreateError> {
        let format = Format::of(path).ok_or_else(|| CreateError::Form(path.to_owned()))?;
        let live = format == Format::StandardOutput;
        let new = Some(path.to_owned()).filter(|path| !live && !path.exists());
        let name = match live {
            true => "standard output".to_owned(),
            false => path.display().to_string(),
        };
        let started = sink(path, format, overwrite, header).and_then(|sink| {
            Self::start(name, sink, live).map_err(|error| refused(path, &error.into()))
        });
        match (started, new) {
            (Ok(mut output), new) => {
                output.new = new;
                Ok(output)
            }
            // Somebody else's, of this very moment.
            (Err(error @ CreateError::Exists(_)), _) => Err(error),
            (Err(error), new) => {
                new.as_deref().map(remove);
                Err(error)
            }
        }
    }

    /// `live`: a reader that goes is no failure.
    fn start(name: String, sink: Box<dyn Sink + Send>, live: bool) -> io::Result<Self> {
        let (queue, records) = channel();
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("output".into()).spawn({
            let shared = Arc::clone(&shared);
            move || thread::run(sink, &records, live, &shared)
        })?;
        Ok(Self {
            name,
            new: None,
            queue: Some(queue),
            shared,
            told: false,
            told_skipped: false,
            thread: Some(thread),
        })
    }

    fn send(&self, record: &Arc<Record>) {
        let Some(queue) = &self.queue else { return };
        self.shared.queued();
        if queue.send(Arc::clone(record)).is_err() {
            // Its thread has ended; the status says why.
            self.shared.taken();
        }
    }

    fn has_ended(&self) -> bool {
        !matches!(self.shared.status(), Status::Writing)
    }

    fn failure(&self) -> Option<OutputError> {
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

    fn skipped(&self) -> Option<OutputError> {
        let Skipped { records, first } = self.shared.skipped()?;
        Some(OutputError::Skipped {
            name: self.name.clone(),
            records,
            first,
        })
    }

    /// Everything that is wrong with it.
    fn lacks(&self) -> impl Iterator<Item = OutputError> + use<> {
        self.failure().into_iter().chain(self.skipped())
    }

    /// What was not told yet.
    fn news(&mut self) -> impl Iterator<Item = OutputError> + use<> {
        let failure = self.failure().filter(|_| !self.told);
        let skipped = self.skipped().filter(|_| !self.told_skipped);
        self.told |= failure.is_some();
        self.told_skipped |= skipped.is_some();
        failure.into_iter().chain(skipped)
    }

    fn join(&mut self) {
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

/// What writes records in this form, to a file that begins.
fn sink(
    path: &Path,
    format: Format,
    overwrite: bool,
    header: &Header,
) -> Result<Box<dyn Sink + Send>, CreateError> {
    Ok(match format {
        Format::StandardOutput => {
            let out = Out::Stream(Box::new(io::stdout()));
            Box::new(JsonLines::new(out, true))
        }
        Format::JsonLines => {
            let out = Out::File(create(path, overwrite)?);
            Box::new(JsonLines::new(out, false))
        }
        Format::Csv => {
            let out = Out::File(create(path, overwrite)?);
            let csv = Csv::new(out, header.clone());
            Box::new(csv.map_err(|error| refused(path, &error))?)
        }
        Format::Slp => Box::new(Slp::create(path, overwrite, header.clone())?),
    })
}

/// Removes a file of this run's that holds nothing.
fn remove(path: &Path) {
    // It may not have come to exist.
    let _ = std::fs::remove_file(path);
}

fn refused(path: &Path, error: &WriteError) -> CreateError {
    CreateError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
