//! One JSON object a line.

use std::io::Write;

use crate::lines::{Lines, Out};
use crate::{Record, Sink, WriteError};

/// Records as JSON, one a line.
pub(crate) struct JsonLines {
    lines: Lines,
    /// Somebody reads along: each line leaves at once.
    live: bool,
}

impl JsonLines {
    pub(crate) fn new(out: Out, live: bool) -> Self {
        Self {
            lines: Lines::new(out),
            live,
        }
    }
}

impl Sink for JsonLines {
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        serde_json::to_writer(&mut self.lines, record).map_err(std::io::Error::from)?;
        self.lines.write_all(b"\n")?;
        if self.live { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.lines.flush()?)
    }

    fn waiting(&self) -> usize {
        self.lines.waiting()
    }
}
