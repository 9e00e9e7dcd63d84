//! Reads poses that were written: `.slp` and `.jsonl`.

mod jsonl;
mod slp;

use std::io;
use std::path::{Path, PathBuf};

use protocol::{DerivedPoses, Prediction};

use crate::format::LabelsFormat;
use jsonl::JsonLinesReader;
use slp::SlpReader;

/// A frame that was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordedFrame {
    /// Its poses, in pixels of the source.
    pub prediction: Prediction,
    /// Poses that were given beside them.
    pub derived: DerivedPoses,
    /// When it was captured, microseconds since 1970, where the file has it.
    pub captured_us: Option<u64>,
}

/// Why poses cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadPosesError {
    /// The name ends as that of no format that is read.
    #[error("{}: poses are read from .slp and .jsonl files", .0.display())]
    Format(PathBuf),
    /// The system reports an error.
    #[error("cannot read {}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its message.
        error: io::Error,
    },
    /// The content is not what it should be.
    #[error("{}: {reason}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The frames of a file, in their order in it.
pub struct RecordedPoses {
    path: PathBuf,
    reader: Reader,
}

enum Reader {
    JsonLines(JsonLinesReader),
    Slp(Box<SlpReader>),
}

impl RecordedPoses {
    /// Opens a file.
    ///
    /// # Errors
    /// It is not there, or not of a format that is read.
    pub fn open(path: &Path) -> Result<Self, ReadPosesError> {
        let reader = match LabelsFormat::of(path) {
            Some(LabelsFormat::JsonLines) => JsonLinesReader::open(path).map(Reader::JsonLines),
            Some(LabelsFormat::Slp) => SlpReader::open(path).map(|slp| Reader::Slp(Box::new(slp))),
            _ => return Err(ReadPosesError::Format(path.to_owned())),
        };
        Ok(Self {
            reader: reader.map_err(|problem| problem.of(path))?,
            path: path.to_owned(),
        })
    }

    /// The names of the nodes, where the file has them.
    pub fn nodes(&self) -> Option<&[String]> {
        match &self.reader {
            Reader::JsonLines(_) => None,
            Reader::Slp(slp) => Some(slp.nodes()),
        }
    }
}

impl Iterator for RecordedPoses {
    type Item = Result<RecordedFrame, ReadPosesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.reader {
            Reader::JsonLines(lines) => lines.next_frame(),
            Reader::Slp(slp) => slp.next_frame(),
        };
        next.map_err(|problem| problem.of(&self.path)).transpose()
    }
}

/// What is wrong with a file.
enum Problem {
    Io(io::Error),
    Content(String),
}

impl Problem {
    fn of(self, path: &Path) -> ReadPosesError {
        let path = path.to_owned();
        match self {
            Self::Io(error) => ReadPosesError::Io { path, error },
            Self::Content(reason) => ReadPosesError::Content { path, reason },
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<hdf5_pure::Error> for Problem {
    fn from(error: hdf5_pure::Error) -> Self {
        Self::Content(error.to_string())
    }
}

#[cfg(test)]
mod tests;
