//! Events of rules as CSV: one a row.

use std::path::Path;

use crate::csv::{name, refused};
use crate::error::{CreateError, WriteError};
use crate::lines::{LineTarget, LineWriter};
use crate::new_file::create;

/// The columns.
const COLUMNS: [&str; 8] = [
    "frame_id",
    "animal",
    "rule",
    "edge",
    "cause",
    "captured_us",
    "acted_us",
    "value",
];

/// A rule was entered or left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventRow {
    /// The frame that decided.
    pub frame_id: u64,
    /// The animal, where it is one animal's.
    pub animal: Option<String>,
    /// The rule.
    pub rule: String,
    /// `enter` or `leave`.
    pub edge: String,
    /// Why: by its condition, or because poses have stopped.
    pub cause: String,
    /// When the frame was captured, microseconds since 1970.
    pub captured_us: u64,
    /// When the rule's outputs had been given their bytes, likewise; `None` where there are none.
    pub acted_us: Option<u64>,
    /// The value that was compared.
    pub value: Option<f64>,
}

/// A CSV file of events.
pub struct EventsWriter(::csv::Writer<LineWriter>);

impl EventsWriter {
    /// Creates the file with its columns. One that is there is an error unless `overwrite` is set.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, CreateError> {
        let (file, made) = create(path, overwrite)?;
        let lines = LineWriter::new(LineTarget::File(file));
        let mut events = Self(
            ::csv::WriterBuilder::new()
                .comment(Some(b';'))
                .from_writer(lines),
        );
        let written = events.0.write_record(COLUMNS).map_err(refused);
        if let Err(error) = written.and_then(|()| events.flush()) {
            made.remove();
            return Err(CreateError::Refused {
                path: path.to_owned(),
                reason: error.to_string(),
            });
        }
        Ok(events)
    }

    /// Takes an event; [`flush`](Self::flush) writes it.
    pub fn write(&mut self, row: &EventRow) -> Result<(), WriteError> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let value = row.value.filter(|value| value.is_finite());
        let cells = [
            row.frame_id.to_string(),
            row.animal.as_deref().map(name).unwrap_or_default(),
            name(&row.rule),
            row.edge.clone(),
            row.cause.clone(),
            row.captured_us.to_string(),
            number(row.acted_us).unwrap_or_default(),
            value.map(|value| value.to_string()).unwrap_or_default(),
        ];
        self.0.write_record(cells).map_err(refused)
    }

    /// Passes everything to the operating system.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.0.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.events.csv");
        let mut events = EventsWriter::create(&path, false).unwrap();
        let row = EventRow {
            frame_id: 7,
            animal: Some("=cmd;x".to_owned()),
            rule: "corner".to_owned(),
            edge: "enter".to_owned(),
            cause: "condition".to_owned(),
            captured_us: 10,
            acted_us: Some(12),
            value: Some(1.5),
        };
        events.write(&row).unwrap();
        events.write(&EventRow::default()).unwrap();
        events.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "frame_id,animal,rule,edge,cause,captured_us,acted_us,value\n\
             7,\"'=cmd;x\",corner,enter,condition,10,12,1.5\n0,,,,,0,,\n"
        );
        assert!(EventsWriter::create(&path, false).is_err());
        EventsWriter::create(&path, true).unwrap();
    }
}
