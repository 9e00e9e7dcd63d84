//! Lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use atomic_file::open_regular;
use protocol::{DerivedPoses, Prediction};
use serde::Deserialize;

use super::{Problem, RecordedFrame};

/// Longest line that is read, bytes.
const MAX_LINE: u64 = 16 << 20;

/// The keys of a line that are read.
#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    prediction: Prediction,
    #[serde(flatten)]
    derived: DerivedPoses,
    captured_us: Option<u64>,
}

pub(super) struct JsonLinesReader {
    lines: BufReader<File>,
    number: u64,
}

impl JsonLinesReader {
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        Ok(Self {
            lines: BufReader::new(open_regular(path)?),
            number: 0,
        })
    }

    pub(super) fn next_frame(&mut self) -> Result<Option<RecordedFrame>, Problem> {
        let mut text = Vec::new();
        self.number += 1;
        let mut line = self.lines.by_ref().take(MAX_LINE);
        if line.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        let wrong = |reason: String| Problem::Content(format!("line {}: {reason}", self.number));
        let line: Line = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        line.prediction
            .check()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Some(RecordedFrame {
            prediction: line.prediction,
            derived: line.derived,
            captured_us: line.captured_us,
        }))
    }
}
