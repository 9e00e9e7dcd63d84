//! All outputs of a run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::create::{check_free, create};
use crate::csv::Csv;
use crate::jsonl::JsonLines;
use crate::slp::Slp;
use crate::thread::{self, Shared, Status};
use crate::{CreateError, Header, OutputError, Record, Sink, WriteError};

/// Records that wait for one output at most: some seconds of a fast camera.
const QUEUE: usize = 512;

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
    /// `None` once it is to end.
    queue: Option<SyncSender<Arc<Record>>>,
    shared: Arc<Shared>,
    /// Its failure was told.
    told: bool,
    thread: Option<JoinHandle<()>>,
}

impl Outputs {
    /// Begins all outputs. A file that exists is an error unless `overwrite` is set; then none is
    /// begun.
    pub fn open(paths: &[PathBuf], overwrite: bool, header: &Header) -> Result<Self, CreateError> {
        for (at, path) in paths.iter().enumerate() {
            check_free(path, overwrite)?;
            if paths[..at].contains(path) {
                return Err(CreateError::Twice(path.clone()));
            }
        }
        let open = |path: &PathBuf| Output::open(path, overwrite, header);
        paths.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is written anywhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands a record to all outputs that still work. Waits while the queue of one is full.
    pub fn write(&self, record: Record) {
        let record = Arc::new(record);
        for output in &self.0 {
            output.send(&record);
        }
    }

    /// Whether [`write`](Self::write) would not wait.
    pub fn has_room(&self) -> bool {
        let full = |output: &Output| output.shared.waiting() >= QUEUE;
        !self.0.iter().any(full)
    }

    /// Outputs that have failed since this was asked last.
    pub fn failures(&mut self) -> Vec<OutputError> {
        let untold = self.0.iter_mut().filter(|output| !output.told);
        untold.filter_map(Output::failure).collect()
    }

    /// True where predictions only went to a reader that has gone.
    pub fn nobody_reads(&self) -> bool {
        let unread = |output: &Output| matches!(output.shared.status(), Status::Unread);
        !self.0.is_empty() && self.0.iter().all(unread)
    }

    /// True where nothing is written any more, and a failure is part of why.
    pub fn have_failed(&self) -> bool {
        let broken = |output: &Output| !matches!(output.shared.status(), Status::Writing);
        let failed = |output: &Output| matches!(output.shared.status(), Status::Failed(_));
        self.0.iter().all(broken) && self.0.iter().any(failed)
    }

    /// Writes everything that was taken, waits for it, and says what failed, if anything did at
    /// any time.
    pub fn finish(mut self) -> Result<(), OutputError> {
        for output in &mut self.0 {
            output.queue = None;
        }
        self.0.iter_mut().for_each(Output::join);
        match self.0.iter_mut().find_map(Output::failure) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

impl Output {
    fn open(path: &Path, overwrite: bool, header: &Header) -> Result<Self, CreateError> {
        let format = Format::of(path).ok_or_else(|| CreateError::Form(path.to_owned()))?;
        let sink: Box<dyn Sink + Send> = match format {
            Format::StandardOutput => Box::new(JsonLines::new(
                Box::new(io::stdout()) as Box<dyn Write + Send>,
                true,
            )),
            Format::JsonLines => {
                Box::new(JsonLines::new(Box::new(create(path, overwrite)?), false))
            }
            Format::Csv => {
                let file = Box::new(create(path, overwrite)?);
                let csv = Csv::new(file, header.clone());
                Box::new(csv.map_err(|error| refused(path, &error))?)
            }
            Format::Slp => Box::new(Slp::create(path, overwrite, header.clone())?),
        };
        let live = format == Format::StandardOutput;
        let name = match live {
            true => "standard output".to_owned(),
            false => path.display().to_string(),
        };
        Self::start(name, sink, live).map_err(|error| refused(path, &error.into()))
    }

    /// `live`: a reader that goes is no failure.
    fn start(name: String, sink: Box<dyn Sink + Send>, live: bool) -> io::Result<Self> {
        let (queue, records) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("output".into()).spawn({
            let shared = Arc::clone(&shared);
            move || thread::run(sink, &records, live, &shared)
        })?;
        Ok(Self {
            name,
            queue: Some(queue),
            shared,
            told: false,
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

    fn failure(&mut self) -> Option<OutputError> {
        let Status::Failed(error) = self.shared.status() else {
            return None;
        };
        self.told = true;
        Some(OutputError {
            name: self.name.clone(),
            error,
        })
    }

    fn join(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            let panicked = io::Error::other("its thread panicked");
            self.shared.set(Status::Failed(Arc::new(panicked.into())));
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.join();
    }
}

fn refused(path: &Path, error: &WriteError) -> CreateError {
    CreateError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
