//! Events of rules as CSV: one a row.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::csv::{name, refused};
use crate::error::{CreateError, WriteError};
use crate::lines::{LineTarget, LineWriter};
use crate::new_file::create;

/// A row is shorter, so that the end of the last whole one is in so many bytes.
const MAX_ROW_BYTES: u64 = 4096;

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

/// Columns that tell streams apart, behind the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OriginColumns {
    /// There is one stream.
    #[default]
    None,
    /// `stream`.
    Stream,
    /// `camera` and `moment`.
    CameraAndMoment,
}

impl OriginColumns {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Stream => &["stream"],
            Self::CameraAndMoment => &["camera", "moment"],
        }
    }

    /// The line of all columns.
    fn line(self) -> String {
        let columns = COLUMNS.iter().chain(self.names());
        let columns: Vec<&str> = columns.copied().collect();
        format!("{}\n", columns.join(","))
    }
}

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
    /// The stream or camera, where there are several.
    pub stream: Option<String>,
    /// The number of the moment that the frame shows, where there are several cameras.
    pub moment: Option<u64>,
}

/// A CSV file of events.
pub struct EventsWriter {
    rows: ::csv::Writer<LineWriter>,
    origin: OriginColumns,
}

impl EventsWriter {
    /// Creates the file with its columns. One that is there is an error unless `overwrite` is set.
    pub fn create(
        path: &Path,
        overwrite: bool,
        origin: OriginColumns,
    ) -> Result<Self, CreateError> {
        let (file, made) = create(path, overwrite)?;
        let mut events = Self::writing(LineWriter::new(LineTarget::File(file)), origin);
        if let Err(error) = events.begin() {
            made.remove();
            return Err(unusable(path, error.to_string()));
        }
        Ok(events)
    }

    /// Opens a file of events to add to it, and creates it where it is missing. Part of a row, which a process that was
    /// killed may leave, is removed.
    ///
    /// # Errors
    /// What is there is no file of events, or cannot be written.
    pub fn append(path: &Path, origin: OriginColumns) -> Result<Self, CreateError> {
        match Self::create(path, false, origin) {
            Err(CreateError::Exists(_)) => {}
            created => return created,
        }
        let opened = File::options().read(true).append(true).open(path);
        let mut file = opened.map_err(|error| unusable(path, error.to_string()))?;
        let whole = whole_rows(&mut file, &origin.line())
            .map_err(|error| unusable(path, error.to_string()))?;
        let mut events = Self::writing(LineWriter::continuing(file, whole), origin);
        if whole == 0 {
            let begun = events.begin();
            begun.map_err(|error| unusable(path, error.to_string()))?;
        }
        Ok(events)
    }

    fn writing(lines: LineWriter, origin: OriginColumns) -> Self {
        let mut builder = ::csv::WriterBuilder::new();
        let rows = builder.comment(Some(b';')).from_writer(lines);
        Self { rows, origin }
    }

    /// Writes the columns.
    fn begin(&mut self) -> Result<(), WriteError> {
        let columns = COLUMNS.iter().chain(self.origin.names());
        self.rows.write_record(columns).map_err(refused)?;
        self.flush()
    }

    /// Takes an event; [`flush`](Self::flush) writes it.
    pub fn write(&mut self, row: &EventRow) -> Result<(), WriteError> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let value = row.value.filter(|value| value.is_finite());
        let mut cells = vec![
            row.frame_id.to_string(),
            row.animal.as_deref().map(name).unwrap_or_default(),
            name(&row.rule),
            row.edge.clone(),
            row.cause.clone(),
            row.captured_us.to_string(),
            number(row.acted_us).unwrap_or_default(),
            value.map(|value| value.to_string()).unwrap_or_default(),
        ];
        if self.origin != OriginColumns::None {
            cells.push(row.stream.as_deref().map(name).unwrap_or_default());
        }
        if self.origin == OriginColumns::CameraAndMoment {
            cells.push(number(row.moment).unwrap_or_default());
        }
        self.rows.write_record(cells).map_err(refused)
    }

    /// Passes everything to the operating system.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.rows.flush()?)
    }
}

fn unusable(path: &Path, reason: String) -> CreateError {
    CreateError::Refused {
        path: path.to_owned(),
        reason,
    }
}

/// Bytes of the whole rows of a file of events, which is cut to them.
fn whole_rows(file: &mut File, columns: &str) -> io::Result<u64> {
    let no_events = || {
        io::Error::other(
            "it is there, and is no file of events with these columns: name another file",
        )
    };
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(no_events());
    }
    let length = there.len();
    let mut start = Vec::new();
    file.take(columns.len() as u64).read_to_end(&mut start)?;
    if !columns.as_bytes().starts_with(&start) {
        return Err(no_events());
    }
    let tail_at = length.saturating_sub(MAX_ROW_BYTES);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(tail_at))?;
    file.take(MAX_ROW_BYTES).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n');
    let whole = match end {
        Some(at) => tail_at + at as u64 + 1,
        None if tail_at == 0 => 0,
        None => return Err(no_events()),
    };
    if whole < length {
        file.set_len(whole)?;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_added_to_those_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.csv");
        let columns = format!("{}\n", COLUMNS.join(","));
        let add = || {
            let mut events = EventsWriter::append(&path, OriginColumns::None)?;
            events.write(&EventRow::default()).unwrap();
            events.flush().unwrap();
            Ok::<_, CreateError>(std::fs::read_to_string(&path).unwrap())
        };
        let row = "0,,,,,0,,\n";
        assert_eq!(add().unwrap(), format!("{columns}{row}"));
        for (there, left) in [
            ("", ""),
            ("frame_id,ani", ""),
            (&columns, ""),
            (&format!("{columns}{row}"), row),
            (&format!("{columns}{row}17,mou"), row),
        ] {
            std::fs::write(&path, there).unwrap();
            assert_eq!(add().unwrap(), format!("{columns}{left}{row}"), "{there:?}");
        }
        let other = [
            "frame_id,x\n1,2\n",
            &format!("{columns}{}", "x".repeat(9000)),
        ];
        for there in other {
            std::fs::write(&path, there).unwrap();
            let error = add().unwrap_err().to_string();
            assert!(error.contains("no file of events"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), there);
        }
        let columns_of_streams = OriginColumns::Stream.line();
        std::fs::write(&path, columns_of_streams).unwrap();
        assert!(add().is_err());
        assert!(EventsWriter::append(dir.path(), OriginColumns::None).is_err());
    }

    #[test]
    fn an_event_is_a_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.events.csv");
        let mut events = EventsWriter::create(&path, false, OriginColumns::None).unwrap();
        let row = EventRow {
            frame_id: 7,
            animal: Some("=cmd;x".to_owned()),
            rule: "corner".to_owned(),
            edge: "enter".to_owned(),
            cause: "condition".to_owned(),
            captured_us: 10,
            acted_us: Some(12),
            value: Some(1.5),
            stream: Some("back".to_owned()),
            moment: Some(3),
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
        assert!(EventsWriter::create(&path, false, OriginColumns::None).is_err());
        for (origin, header, cells) in [
            (OriginColumns::Stream, ",stream", ",back"),
            (OriginColumns::CameraAndMoment, ",camera,moment", ",back,3"),
        ] {
            let mut events = EventsWriter::create(&path, true, origin).unwrap();
            events.write(&row).unwrap();
            events.flush().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines[0].ends_with(&format!("value{header}")), "{text}");
            assert!(lines[1].ends_with(&format!("1.5{cells}")), "{text}");
        }
    }
}
