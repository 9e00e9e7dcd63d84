//! All outputs of a run.

mod output;

use std::path::PathBuf;
use std::sync::Arc;

use crate::create::check_all_free;
use crate::error::{CreateError, OutputError};
use crate::header::Header;
use crate::record::Record;
use crate::thread::{QUEUE, Shared, Status};
use output::Output;

/// All outputs of a run, each with a thread of its own.
///
/// Dropping it writes what was taken and waits for that; [`finish`](Self::finish) also says how it
/// went.
#[derive(Debug, Default)]
pub struct Outputs(Vec<Output>);

/// How the outputs of a run have ended.
#[derive(Debug, Default)]
pub struct Finished {
    /// What outputs lack.
    pub lacking: Vec<OutputError>,
    /// Files that came to hold no record, and were removed: they would look like a result.
    pub removed: Vec<PathBuf>,
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

    /// Ends all outputs and removes files that were made for them.
    pub fn discard(mut self) {
        for output in &mut self.0 {
            output.join();
            if let Some(made) = output.made.take() {
                made.remove();
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

    /// Writes everything that was taken and waits for it. Files without any record do not stay.
    pub fn finish(mut self) -> Finished {
        for output in &mut self.0 {
            output.queue = None;
        }
        self.0.iter_mut().for_each(Output::join);
        Finished {
            lacking: self.0.iter().flat_map(Output::lacks).collect(),
            removed: self.0.iter().filter_map(Output::remove_empty).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
